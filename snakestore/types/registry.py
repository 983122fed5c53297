"""The types that are known by name, ours and those that users register."""

from __future__ import annotations

import threading
from enum import Enum
from typing import Any, Final, TypeVar

from snakestore.errors import (
    ConstraintError,
    SnakeStoreError,
    UnknownTypeError,
    ValidationError,
    shorten,
)
from snakestore.names import checked_name, identifier_text
from snakestore.types.arrays import EmbeddingType, TensorType
from snakestore.types.base import VariableType
from snakestore.types.choice import ChoiceType
from snakestore.types.documents import checked_document
from snakestore.types.json import JsonType
from snakestore.types.module import ModuleType
from snakestore.types.scalars import BooleanType, FloatType, IntegerType, StringType

T = TypeVar("T", bound=type[VariableType])

_OURS: Final = (
    FloatType,
    IntegerType,
    StringType,
    BooleanType,
    ChoiceType,
    ModuleType,
    EmbeddingType,
    TensorType,
    JsonType,
)
_lock: Final = threading.Lock()
_types: dict[str, VariableType] = {
    of.name: of() for of in _OURS
}  # replaced, never changed: readers take no lock


def register_type(of: T, *, replace: bool = False) -> T:
    """Make a type known under its name, in this process, and return its class; usable as a decorator.

    Args:
        of: a subclass of VariableType that can be made without arguments.
        replace: take the place of the type that has the name, if one does. Values stored under it
            are not touched.

    Raises:
        ValidationError: it is no such class, its name may be no name, or is taken and ``replace``
            is not set.
    """
    global _types  # noqa: PLW0603 - the one registry
    made = _instance_of(of)
    with _lock:
        if made.name in _types and not replace:
            message = (
                f"a type {shorten(made.name)} is registered already: choose another name, or pass"
                " replace=True"
            )
            raise ValidationError(message, type=made.name, value=of)
        _types = {**_types, made.name: made}
    return of


def _instance_of(of: object) -> VariableType:
    if not isinstance(of, type) or not issubclass(of, VariableType):
        message = f"a type must be a subclass of snakestore.VariableType, not {shorten(of)}"
        raise ValidationError(message, value=of)
    checked_name(getattr(of, "name", None), f"the name of the type {of.__name__}")
    names: object = of.constraints
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        message = f"{of.__name__}.constraints must be a tuple of names, not {shorten(names)}"
        raise ValidationError(message, value=names)
    try:
        return of()
    except TypeError as problem:
        message = f"{of.__name__}() must work without arguments: {problem}"
        raise ValidationError(message, value=of) from problem


def supported_types() -> list[str]:
    """The names of the types known in this process: ours, then the users' in the order of their registration."""
    return list(_types)


def get(name: str) -> VariableType:
    """The type of this name, which may be given as an Enum member that stands for it.

    Raises:
        UnknownTypeError: none is registered.
    """
    try:
        return _types[name]
    except (KeyError, TypeError):
        meant = identifier_text(name) if isinstance(name, Enum) else None
        if meant in _types:
            return _types[meant]
        raise UnknownTypeError(name, known=_types) from None


def check_constraints(type_name: str, constraints: dict[str, Any] | None) -> dict[str, Any]:
    """``constraints`` for a type as a checked copy of plain JSON; None is none.

    Raises:
        UnknownTypeError: no such type is registered.
        ConstraintError: one is unknown to the type, is no JSON, or could not be met.
        ValidationError: they are no dict.
    """
    of = get(type_name)
    if constraints is None:
        return {}
    if type(constraints) is not dict:
        message = f"constraints must be a dict or None, not {type(constraints).__name__}"
        raise ValidationError(message, type=of.name, value=constraints)
    VariableType.check_constraints(of, constraints)
    copy: dict[str, Any] = {}
    for name, bound in constraints.items():
        try:
            copy[name] = checked_document(bound, f"{of.name}, constraint {name},", kind=of.name)
        except ValidationError as problem:
            raise ConstraintError(
                str(problem), constraint=name, type=of.name, value=bound, path=problem.path
            ) from None
    try:
        of.check_constraints(copy)
    except ValidationError:
        raise
    except (ValueError, TypeError) as problem:
        raise _refusal(of, copy, problem) from problem
    return copy


def validate(value: Any, type: str, constraints: dict[str, Any] | None = None) -> Any:  # noqa: A002 - the contract's argument
    """``value`` in the one form of its type, once it satisfies ``constraints``, which are checked first.

    Raises:
        UnknownTypeError: no such type is registered.
        ConstraintError: the constraints are unsound, or the value breaks one.
        ValidationError: it is no value of that type.
    """
    of = get(type)
    sound = check_constraints(type, constraints)
    try:
        plain = of.normalise(value)
        of.check(plain, sound)
    except ValidationError:
        raise
    except (ValueError, TypeError) as problem:
        raise _refusal(of, value, problem) from problem
    return plain


def _refusal(of: VariableType, value: object, problem: ValueError | TypeError) -> ValidationError:
    """What a user's type said with an error of its own, as ours."""
    return ValidationError(
        f"{of.name}: {problem} (value: {shorten(value)})", type=of.name, value=value
    )


def pack(
    type_name: str, value: Any, constraints: dict[str, Any], like: bytes | None = None
) -> tuple[Any, str | None, bytes | None]:
    """The normalised value, its text and its bytes; ``constraints`` were checked before.

    Args:
        type_name: the type of the variable.
        value: what is to be stored; it is not changed.
        constraints: as ``check_constraints`` returned them.
        like: the bytes with which the value was read, for the sake of an array's dtype.

    Raises:
        UnknownTypeError: no such type is registered.
        ValidationError: the value is refused.
    """
    of = get(type_name)
    try:
        return of.pack(value, constraints, like)
    except ValidationError:
        raise
    except (ValueError, TypeError) as problem:
        raise _refusal(of, value, problem) from problem


def unpack(type_name: str, text: str | None, blob: bytes | None) -> Any:
    """The value stored as ``text`` and ``blob``.

    Raises:
        UnknownTypeError: no such type is registered.
        ValidationError: they are not what the type writes: the row is damaged, or the type has
            changed.
    """
    of = get(type_name)
    try:
        return of.decode(text, blob)
    except SnakeStoreError:
        raise
    except (
        Exception
    ) as problem:  # what a type meets in a damaged row may be anything; it is the cause
        message = f"what is stored is no {of.name}: {problem}"
        raise ValidationError(
            message, type=of.name, value=text if blob is None else blob
        ) from problem
