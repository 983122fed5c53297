"""What a type is: a class that refuses, normalises and encodes the values of its variables."""

from __future__ import annotations

from typing import Any, NoReturn

from snakestore.errors import ConstraintError, ValidationError, shorten
from snakestore.types.documents import checked_document, dumps, loads, surrogate_position


class VariableType:
    """The base of every type, ours and yours.

    A type of your own sets ``name``, names its ``constraints``, and overrides what it needs:
    ``normalise`` to refuse and to bring a value into its one form, ``check`` for the constraints,
    ``encode`` and ``decode`` where the form is no JSON document. ``register_type`` makes it known.
    A type holds no state and is made without arguments, once.
    """

    name: str
    constraints: tuple[str, ...] = ()

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse ``constraints`` that are unsound whatever the value. The base knows only their names.

        Raises:
            ConstraintError: one has an unknown name or is no bound that could be met.
        """
        for name, bound in constraints.items():
            if name not in self.constraints:
                known = (
                    f"it knows {', '.join(self.constraints)}"
                    if self.constraints
                    else "it knows none"
                )
                self.refuse(f"there is no such constraint; {known}", bound, constraint=str(name))

    def normalise(self, value: Any) -> Any:
        """``value`` in the one form in which it is handed out; it is not changed itself.

        Raises:
            ValidationError: it is no value of this type.
        """
        return value

    def check(self, value: Any, constraints: dict[str, Any]) -> None:
        """Refuse a normalised ``value`` that breaks one of ``constraints``, which are sound.

        Raises:
            ConstraintError: it does.
        """

    def encode(self, value: Any) -> tuple[str | None, bytes | None]:
        """A normalised ``value`` as readable text, as bytes, or as both; by default as JSON text.

        Raises:
            ValidationError: it is no JSON document, and this type says nothing else.
        """
        return dumps(checked_document(value, f"{self.name} value", kind=self.name)), None

    def decode(self, text: str | None, blob: bytes | None) -> Any:
        """The value that ``encode`` turned into ``text`` and ``blob``.

        Raises:
            ValueError: they are not what ``encode`` writes.
        """
        if blob is not None:
            message = f"{self.name} has no binary form, but there are {len(blob)} bytes"
            raise ValueError(message)
        return loads(text)

    def pack(
        self,
        value: Any,
        constraints: dict[str, Any],
        like: bytes | None = None,  # noqa: ARG002 - for types that keep more than the value
    ) -> tuple[Any, str | None, bytes | None]:
        """Normalise, check and encode in one go: the normalised value, its text and its bytes.

        ``constraints`` are taken as sound. ``like``, the bytes that the value was read with,
        matters to arrays alone.

        Raises:
            ValidationError: the value is refused, or its encoded form is none that a database
                stores.
        """
        plain = self.normalise(value)
        self.check(plain, constraints)
        return plain, *self.storable(self.encode(plain))

    def storable(self, encoded: Any) -> tuple[str | None, bytes | None]:
        """What ``encode`` returned, if a database stores it; else refused in the name of the type."""
        text, blob = encoded if isinstance(encoded, tuple) and len(encoded) == 2 else (None, None)  # noqa: PLR2004 - text and bytes
        if type(text) is str and blob is None and text.isascii() and "\0" not in text:
            return text, None  # nearly always
        if (
            not isinstance(text, str | None)
            or not isinstance(blob, bytes | None)
            or (text is None and blob is None)
        ):
            self.refuse(
                "its encode() must return (text, None), (None, bytes) or (text, bytes)", encoded
            )
        if text is None:
            return None, blob
        position = surrogate_position(text)
        if position is not None:
            self.refuse(
                f"its encoded text holds a lone surrogate at position {position}: encode it as JSON"
                " text",
                text,
            )
        if "\0" in text:
            self.refuse(
                f"its encoded text holds a NUL at position {text.index(chr(0))}: encode it as JSON"
                " text",
                text,
            )
        return str.__str__(text), blob

    def refuse(
        self, message: str, value: object, *, constraint: str | None = None, path: str | None = None
    ) -> NoReturn:
        """Raise the refusal of ``value``, with ``message`` saying why and what to do instead.

        Raises:
            ConstraintError: where ``constraint`` names the one that failed.
            ValidationError: otherwise.
        """
        place = f" at {path}" if path else ""
        if constraint is None:
            told = f"{self.name}{place}: {message} (value: {shorten(value)})"
            raise ValidationError(told, type=self.name, value=value, path=path)
        told = f"{self.name}{place}, constraint {constraint}: {message} (value: {shorten(value)})"
        raise ConstraintError(told, constraint=constraint, type=self.name, value=value, path=path)
