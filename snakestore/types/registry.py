"""The registry of variable types, built-in and registered by users."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, NoReturn, TypeVar

from snakestore.errors import (
    ConstraintError,
    InvalidNameError,
    SnakeStoreError,
    UnknownTypeError,
    ValidationError,
    shorten,
)
from snakestore.names import checked_name, identifier_text
from snakestore.types.arrays import EmbeddingType, TensorType
from snakestore.types.base import VariableType
from snakestore.types.bytes import BytesType
from snakestore.types.choice import ChoiceType
from snakestore.types.documents import checked_document
from snakestore.types.hints import hint, type_hint
from snakestore.types.json import JsonType
from snakestore.types.module import ModuleType
from snakestore.types.scalars import BooleanType, FloatType, IntegerType, StringType
from snakestore.types.unchanged import UNCHANGED

T = TypeVar("T", bound=type[VariableType])

_BUILT_IN: Final = (
    FloatType,
    IntegerType,
    StringType,
    BooleanType,
    ChoiceType,
    ModuleType,
    EmbeddingType,
    TensorType,
    JsonType,
    BytesType,
)
# changed by single operations of a dict, without a lock, which a forked child could find held
_types: dict[str, VariableType] = {built_in.name: built_in() for built_in in _BUILT_IN}


def register_type(cls: T, *, replace: bool = False) -> T:
    """Register a type under its name, in this process. Returns the class, so it is a decorator too.

    Args:
        cls: a subclass of VariableType that can be created without arguments.
        replace: replace the type that already has this name, if there is one. Stored values do
            not change.

    Raises:
        ValidationError: if ``cls`` is not such a class, its name is invalid, or the name is
            already taken and ``replace`` is not set.
    """
    instance = _instance_of(cls)
    if replace:
        _types[instance.name] = instance
    elif _types.setdefault(instance.name, instance) is not instance:
        message = (
            f"a type {shorten(instance.name)} is already registered. Choose another name, or"
            " pass replace=True."
        )
        raise ValidationError(message, type=instance.name, value=cls)
    return cls


def _instance_of(cls: object) -> VariableType:
    if not isinstance(cls, type) or not issubclass(cls, VariableType):
        message = f"a type must be a subclass of snakestore.VariableType, not {shorten(cls)}"
        raise ValidationError(message, value=cls)
    checked_name(getattr(cls, "name", None), f"name of the type {cls.__name__}")
    names: object = cls.constraints
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        message = f"{cls.__name__}.constraints must be a tuple of names, not {shorten(names)}"
        raise ValidationError(message, value=names)
    try:
        return cls()
    except TypeError as error:
        message = f"{cls.__name__}() must work without arguments: {error}"
        raise ValidationError(message, value=cls) from error


def supported_types() -> list[str]:
    """The names of the registered types: the built-in ones, then yours in order of registration."""
    return list(_types)


def get(name: str) -> VariableType:
    """The type of this name, which may also be an Enum member.

    Raises:
        UnknownTypeError: if no such type is registered.
    """
    try:
        return _types[name]
    except (KeyError, TypeError):
        text = identifier_text(name) if isinstance(name, Enum) else None
        if text in _types:
            return _types[text]
        suggestion = type_hint(name, _types)
        raise UnknownTypeError(name, known=_types, suggestion=suggestion) from None


def type_text(name: object) -> str:
    """The text of the name of a type, which need not be registered.

    Raises:
        InvalidNameError: if it is neither a str nor an Enum member, such as the class ``int``.
    """
    try:
        return identifier_text(name, "variable type")
    except InvalidNameError as error:
        suggestion = type_hint(name, _types)
        if suggestion is None:
            raise
        message = f"{error}. {suggestion}"
        raise InvalidNameError(message, value=name) from None


def check_constraints(type_name: str, constraints: dict[str, Any] | None) -> dict[str, Any]:
    """A checked copy of the constraints of a type; None means no constraints.

    Raises:
        UnknownTypeError: if no such type is registered.
        ConstraintError: if a constraint is unknown, is not JSON-serialisable or cannot be
            satisfied.
        ValidationError: if ``constraints`` is not a dict.
    """
    variable_type = get(type_name)
    if constraints is None:
        return {}
    name = variable_type.name
    if type(constraints) is not dict:
        message = f"constraints must be a dict or None, not {type(constraints).__name__}"
        raise ValidationError(message, type=name, value=constraints)
    VariableType.check_constraints(variable_type, constraints)
    checked: dict[str, Any] = {}
    for key, bound in constraints.items():
        try:
            checked[key] = checked_document(bound, f"{name}, constraint {key}", type_name=name)
        except ValidationError as error:
            raise ConstraintError(
                str(error), constraint=key, type=name, value=bound, path=error.path
            ) from None
    try:
        variable_type.check_constraints(checked)
    except ValidationError:
        raise
    except (ValueError, TypeError) as error:
        raise _as_validation_error(variable_type, checked, error) from error
    return checked


def checkable(type_name: str, constraints: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The constraints without a pattern if its engine is missing, and then why.

    Raises:
        UnknownTypeError: if the type is not registered.
    """
    if "pattern" not in constraints or not isinstance(get(type_name), StringType):
        return constraints, None
    from snakestore.types import regex  # noqa: PLC0415 - loaded on use

    reason = regex.missing_engine()
    if reason is None:
        return constraints, None
    return {name: each for name, each in constraints.items() if name != "pattern"}, reason


def validate(
    value: Any,
    type: str,  # noqa: A002 - the name users know
    constraints: dict[str, Any] | None = None,
) -> Any:
    """Check ``value`` against a type and constraints and return it normalised.

    Args:
        value: the value; it is not changed.
        type: the name of the type.
        constraints: what the type checks the value against.

    Raises:
        UnknownTypeError: if no such type is registered.
        ConstraintError: if a constraint is invalid, or the value violates one.
        ValidationError: if the value is not of that type.
    """
    variable_type = get(type)
    checked = check_constraints(type, constraints)
    if value is UNCHANGED:
        _refuse_unchanged(variable_type)
    try:
        normalised = variable_type.normalise(value)
        variable_type.check(normalised, checked)
    except ValidationError:
        raise
    except (ValueError, TypeError) as error:
        raise _as_validation_error(variable_type, value, error) from error
    return normalised


def _refuse_unchanged(variable_type: VariableType) -> NoReturn:
    """Refuse UNCHANGED, which a user's type might accept as it accepts anything."""
    variable_type.refuse(hint(UNCHANGED), UNCHANGED)


def _as_validation_error(
    variable_type: VariableType, value: object, error: ValueError | TypeError
) -> ValidationError:
    """The ValidationError for a ValueError or TypeError that a user's type raised."""
    name = variable_type.name
    return ValidationError(f"{name}: {error} (value: {shorten(value)})", type=name, value=value)


def encode_value(
    type_name: str, value: Any, constraints: dict[str, Any], previous_blob: bytes | None = None
) -> tuple[Any, str | None, bytes | None]:
    """The normalised value, its text and its bytes.

    Args:
        type_name: the type of the variable.
        value: the value to be stored; it is not changed.
        constraints: checked constraints, as ``check_constraints`` returns them.
        previous_blob: the bytes that the value was read from, so that an array keeps its dtype.

    Raises:
        UnknownTypeError: if no such type is registered.
        ValidationError: if the value is refused.
    """
    variable_type = get(type_name)
    if value is UNCHANGED:
        _refuse_unchanged(variable_type)
    try:
        return variable_type.check_and_encode(value, constraints, previous_blob)
    except ValidationError:
        raise
    except (ValueError, TypeError) as error:
        raise _as_validation_error(variable_type, value, error) from error


def decode_value(type_name: str, text: str | None, blob: bytes | None) -> Any:
    """The value that is stored as ``text`` and ``blob``.

    Raises:
        UnknownTypeError: if no such type is registered.
        ValidationError: if they are not what the type encodes: the row is damaged, or the type
            has changed.
    """
    variable_type = get(type_name)
    try:
        return variable_type.decode(text, blob)
    except SnakeStoreError:
        raise
    except Exception as error:  # a user's type may raise anything for a damaged row
        name = variable_type.name
        message = f"stored value is not a valid {name}: {error}"
        raise ValidationError(message, type=name, value=text if blob is None else blob) from error
