"""Typed values of demos: to the JSON that DSPy writes, and back."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any

import orjson
import pydantic
import pydantic_core
from pydantic import BaseModel, TypeAdapter

from snakestore.errors import SnakeStoreError, ValidationError
from snakestore.types.documents import checked_document
from snakestore.types.json_text import dumps


def plain(value: Any, path: str) -> Any:
    """``value`` as JSON, in the form that ``dspy.Module.save`` writes.

    DSPy cannot save a set, bytes or a Decimal. They become what Pydantic makes of them.

    Raises:
        ValidationError: if it has no form in JSON; ``.path`` says where.
    """
    kind = type(value)
    if value is None or kind in (str, int, float, bool):
        return value
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    elif hasattr(value, "toDict"):
        value = value.toDict()
    if isinstance(value, dict):
        items = ((_text_key(key), item) for key, item in value.items())
        return {key: plain(item, f"{path}.{key}") for key, item in items}
    if isinstance(value, list | tuple):
        return [plain(item, f"{path}[{index}]") for index, item in enumerate(value)]
    try:
        return orjson.loads(orjson.dumps(value))
    except TypeError:
        pass
    try:
        return pydantic_core.to_jsonable_python(value)
    except (pydantic_core.PydanticSerializationError, UnicodeDecodeError) as error:
        message = f"{path} is not stored: {kind.__name__} has no form in JSON. Convert it first."
        raise ValidationError(message, value=value, path=path) from error


def _text_key(key: Any) -> Any:
    """A key of a dict as text, if Pydantic can write it so: a date, a number or an Enum."""
    if type(key) is str:
        return key
    try:
        return next(iter(pydantic_core.to_jsonable_python({key: 0})))
    except pydantic_core.PydanticSerializationError:
        return key  # which is refused with its path


def has_other_keys(value: Any) -> bool:
    """Whether a dict inside has keys that are not text."""
    if isinstance(value, dict):
        return any(type(key) is not str or has_other_keys(value[key]) for key in value)
    return isinstance(value, list | tuple) and any(map(has_other_keys, value))


def is_plain(value: Any, stored: Any) -> bool:
    """Whether ``stored``, the JSON of ``value``, is ``value`` itself."""
    kind = type(value)
    if kind is not type(stored):
        return False
    if kind is list:
        return len(value) == len(stored) and all(map(is_plain, value, stored))
    if kind is dict:
        return value.keys() == stored.keys() and all(
            is_plain(item, stored[key]) for key, item in value.items()
        )
    return bool(value == stored)


def hint_for(value: Any, stored: Any, annotation: Any) -> tuple[bool, list[Any] | None]:
    """Whether the field's type restores ``value``, and from what: see ``SavedDemo.typed``."""
    if annotation is None:
        return False, None
    if _restores(value, stored, annotation):
        return True, None
    raw = _raw(value)  # DSPy writes its own types, such as an Image, as text for a prompt
    if _restores(value, raw, annotation):
        return True, [raw]
    return False, None


def restored(stored: Any, annotation: Any) -> Any:
    """The value of a field's type from its JSON.

    Raises:
        ValueError: if it is no value of this type.
    """
    adapter = _adapter(annotation)
    if adapter is None:
        message = f"{annotation} is no type that Pydantic can read"
        raise ValueError(message)
    return adapter.validate_json(dumps(stored))


def _restores(value: Any, stored: Any, annotation: Any) -> bool:
    try:
        stored = checked_document(stored, "demo")
        again = restored(stored, annotation)
    except (SnakeStoreError, ValueError, TypeError):
        return False
    if type(again) is not type(value):
        return False
    # a model may have values of types that it does not tell: these are as DSPy saves them
    same = isinstance(value, BaseModel) and plain(again, "$") == plain(value, "$")
    return same or bool(again == value)


def _raw(value: Any) -> Any:
    """The fields of a model as they are, without its own way of writing itself."""
    if isinstance(value, BaseModel):
        return {name: _raw(item) for name, item in value} | dict(value.model_extra or {})
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _raw(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _raw(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_raw(item) for item in value]
    try:
        return plain(value, "$")
    except ValidationError:
        return None


def _adapter(annotation: Any) -> TypeAdapter[Any] | None:
    try:
        return _cached_adapter(annotation)
    except TypeError:  # not hashable
        return _new_adapter(annotation)


def _new_adapter(annotation: Any) -> TypeAdapter[Any] | None:
    try:
        return TypeAdapter(annotation)
    except pydantic.errors.PydanticUserError:
        return None


_cached_adapter = lru_cache(maxsize=256)(_new_adapter)
