"""The type ``bytes``: binary data."""

from __future__ import annotations

from typing import Any

from snakestore.errors import shorten
from snakestore.types import bounds
from snakestore.types.base import VariableType
from snakestore.types.hints import bytes_hint


class BytesType(VariableType):
    """Bytes, stored as they are; a bytearray or a memoryview of bytes is copied."""

    name = "bytes"
    constraints: tuple[str, ...] = ("max_length",)

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse unknown constraints, and an invalid length."""
        super().check_constraints(constraints)
        bounds.check_count(self, constraints, "max_length")

    def normalise(self, value: Any) -> bytes:
        """The bytes that equal ``value``."""
        if type(value) is bytes:
            return value
        if not isinstance(value, bytes | bytearray | memoryview):
            reason = f"must be bytes, not {type(value).__name__}; {bytes_hint(value)}"
            self.refuse(reason, value)
        data = memoryview(value).tobytes()
        equal = data == value
        if not equal:  # such as a memoryview of floats
            reason = (
                f"this {type(value).__name__} does not equal its own bytes; convert it with"
                " bytes(...)"
            )
            self.refuse(reason, value)
        return data

    def check(self, value: bytes, constraints: dict[str, Any]) -> None:
        """Refuse bytes that are more than ``max_length``."""
        if "max_length" in constraints and len(value) > constraints["max_length"]:
            self.refuse(
                f"must have at most {constraints['max_length']:,} bytes, not {len(value):,}",
                value,
                constraint="max_length",
            )

    def encode(self, value: bytes) -> tuple[None, bytes]:
        """The bytes themselves."""
        return None, value

    def decode(self, text: str | None, blob: bytes | None) -> bytes:
        """The stored bytes."""
        if text is not None or not isinstance(blob, bytes):
            message = f"{shorten(text if blob is None else blob)} is not binary"
            raise ValueError(message)
        return blob
