"""The type json: any JSON document, as ``documents`` defines it."""

from __future__ import annotations

from typing import Any

from snakestore.types.base import VariableType
from snakestore.types.documents import checked_document
from snakestore.types.json_text import dumps


class JsonType(VariableType):
    """Any JSON value, including None; it is read back exactly as written."""

    name = "json"

    def normalise(self, value: Any) -> Any:
        """A deep copy of ``value``."""
        return checked_document(value, "json value", type_name=self.name)

    def check_and_encode(
        self, value: Any, constraints: dict[str, Any], previous_blob: bytes | None = None
    ) -> tuple[Any, str | None, bytes | None]:
        """As in the base class, but ``encode`` does not check the document a second time."""
        kind = type(self)
        if kind is not JsonType and (
            kind.normalise is not JsonType.normalise or kind.encode is not JsonType.encode
        ):
            return super().check_and_encode(value, constraints, previous_blob)
        document = checked_document(value, "json value", type_name=self.name)
        if kind is not JsonType:
            self.check(document, constraints)
        return document, dumps(document), None
