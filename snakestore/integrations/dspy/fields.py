"""What the fields of a signature are: their names, order, kind and type, as text."""

from __future__ import annotations

import types
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import dspy
from pydantic import BaseModel

from snakestore.integrations.dspy.document import SavedField


def fields_of(parameter: Any) -> list[SavedField]:
    """The fields of a predictor's signature, in order; none if it has no signature."""
    signature = getattr(parameter, "signature", None)
    if signature is None:
        return []
    return [
        SavedField(
            name=name,
            kind="input" if name in signature.input_fields else "output",
            type=type_text(field.annotation),
        )
        for name, field in signature.fields.items()
    ]


def type_text(annotation: Any) -> str:
    """The type of a field as text, without the modules of classes.

    The text shows the values of an Enum and the fields of a Pydantic model, so a change inside
    them is noticed.
    """
    return _text(annotation, frozenset())


def _text(annotation: Any, enclosing: frozenset[type]) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if origin is Annotated:
        return _text(arguments[0], enclosing)
    inner = ["..." if each is ... else _text(each, enclosing) for each in arguments]
    if origin in (Union, types.UnionType):
        return " | ".join(inner)
    if origin is not None:
        return f"{getattr(origin, '__name__', origin)}[{', '.join(inner)}]"
    if isinstance(annotation, type):
        return _class_text(annotation, enclosing)
    return getattr(annotation, "__name__", None) or str(annotation)


def _class_text(cls: type, enclosing: frozenset[type]) -> str:
    if issubclass(cls, Enum):
        return f"{cls.__name__}({', '.join(repr(member.value) for member in cls)})"
    # the models that DSPy brings, such as Image, may differ between its versions
    of_dspy = cls.__module__.partition(".")[0] == dspy.__name__
    if not issubclass(cls, BaseModel) or of_dspy or cls in enclosing:
        return "None" if cls is type(None) else cls.__name__
    inner = ", ".join(
        f"{name}: {_text(field.annotation, enclosing | {cls})}"
        for name, field in cls.model_fields.items()
    )
    return f"{cls.__name__}{{{inner}}}"
