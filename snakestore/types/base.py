"""The base class of all variable types."""

from __future__ import annotations

from typing import Any, NoReturn

from snakestore.errors import ConstraintError, ValidationError, shorten
from snakestore.types.documents import checked_document, surrogate_position
from snakestore.types.json_text import dumps, loads


class VariableType:
    """Base class of all variable types, built-in and your own.

    A type sets ``name`` and the names of its ``constraints``, and overrides what it needs:
    ``normalise`` to refuse values and bring them into one form, ``check`` to apply constraints,
    ``encode`` and ``decode`` if that form is not a JSON document. ``register_type`` registers it.
    A type has no state; one instance is created, without arguments.
    """

    name: str
    constraints: tuple[str, ...] = ()

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse invalid constraints. The base class checks only their names.

        Raises:
            ConstraintError: if a constraint is unknown, of the wrong type or cannot be satisfied.
        """
        for name, bound in constraints.items():
            if name not in self.constraints:
                known = ", ".join(self.constraints) or "none"
                self.refuse(
                    f"unknown constraint; the constraints of this type are: {known}",
                    bound,
                    constraint=str(name),
                )

    def normalise(self, value: Any) -> Any:
        """Return ``value`` in its one normalised form; ``value`` itself is not changed.

        Raises:
            ValidationError: if ``value`` is not of this type.
        """
        return value

    def check(self, value: Any, constraints: dict[str, Any]) -> None:
        """Check a normalised value against ``constraints``, which are valid.

        Raises:
            ConstraintError: if ``value`` violates one of them.
        """

    def encode(self, value: Any) -> tuple[str | None, bytes | None]:
        """A normalised value as readable text, as bytes, or as both; by default JSON text.

        Raises:
            ValidationError: if ``value`` is not JSON-serialisable and the type does not override
                this method.
        """
        return dumps(checked_document(value, f"{self.name} value", type_name=self.name)), None

    def decode(self, text: str | None, blob: bytes | None) -> Any:
        """The value that ``encode`` turned into ``text`` and ``blob``.

        Raises:
            ValueError: if they are not what ``encode`` returns.
        """
        if blob is not None:
            message = f"{self.name} has no binary form, but {len(blob)} bytes are stored"
            raise ValueError(message)
        return loads(text)

    def check_and_encode(
        self,
        value: Any,
        constraints: dict[str, Any],
        previous_blob: bytes | None = None,  # noqa: ARG002 - for array types
    ) -> tuple[Any, str | None, bytes | None]:
        """Normalise, check and encode in one step: the normalised value, its text, its bytes.

        Args:
            value: the value; it is not changed.
            constraints: valid constraints.
            previous_blob: the bytes that the value was read from. Array types keep their dtype.

        Raises:
            ValidationError: if the value is refused, or its encoded form cannot be stored.
        """
        normalised = self.normalise(value)
        self.check(normalised, constraints)
        return normalised, *self.checked_encoding(self.encode(normalised))

    def checked_encoding(self, encoded: Any) -> tuple[str | None, bytes | None]:
        """The text and bytes that ``encode`` returned, if a database can store them.

        Raises:
            ValidationError: if it cannot.
        """
        text, blob = encoded if isinstance(encoded, tuple) and len(encoded) == 2 else (None, None)  # noqa: PLR2004 - a pair
        if type(text) is str and blob is None and text.isascii() and "\0" not in text:
            return text, None  # the usual case
        if (
            not isinstance(text, str | None)
            or not isinstance(blob, bytes | None)
            or (text is None and blob is None)
        ):
            self.refuse(
                "encode() must return (text, None), (None, bytes) or (text, bytes)", encoded
            )
        if text is None:
            return None, blob
        position = surrogate_position(text)
        if position is not None:
            self.refuse(
                f"the encoded text contains a lone surrogate at position {position}; encode it as"
                " JSON text",
                text,
            )
        if "\0" in text:
            self.refuse(
                f"the encoded text contains a NUL at position {text.index(chr(0))}; encode it as"
                " JSON text",
                text,
            )
        return str.__str__(text), blob

    def refuse(
        self, message: str, value: object, *, constraint: str | None = None, path: str | None = None
    ) -> NoReturn:
        """Raise the error for a refused value or constraint.

        Args:
            message: what is wrong and what to do instead.
            value: the refused value; the error shows a shortened form.
            constraint: the name of the violated or invalid constraint, if there is one.
            path: the JSON path inside a document.

        Raises:
            ConstraintError: if ``constraint`` is given.
            ValidationError: otherwise.
        """
        place = f" at {path}" if path else ""
        if constraint is None:
            text = f"{self.name}{place}: {message} (value: {shorten(value)})"
            raise ValidationError(text, type=self.name, value=value, path=path)
        text = f"{self.name}{place}, constraint {constraint}: {message} (value: {shorten(value)})"
        raise ConstraintError(text, constraint=constraint, type=self.name, value=value, path=path)
