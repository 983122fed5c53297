"""The type json: any document of the strict rule in ``documents``."""

from __future__ import annotations

from typing import Any

from snakestore.types.base import VariableType
from snakestore.types.documents import checked_document, dumps


class JsonType(VariableType):
    """Anything that JSON can say, None included, read back exactly as it was written."""

    name = "json"

    def normalise(self, value: Any) -> Any:
        """A deep plain copy of ``value``."""
        return checked_document(value, "json value", kind=self.name)

    def pack(
        self, value: Any, constraints: dict[str, Any], like: bytes | None = None
    ) -> tuple[Any, str | None, bytes | None]:
        """As the base does, without a second check of what ``normalise`` has checked."""
        kind = type(self)
        if kind.normalise is not JsonType.normalise or kind.encode is not JsonType.encode:
            return super().pack(value, constraints, like)
        plain = self.normalise(value)
        self.check(plain, constraints)
        return plain, dumps(plain), None
