"""Hashes by which a dataset, a call of a metric or a request to an LM is recognised again."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import dspy
from pydantic import BaseModel

from snakestore.errors import ValidationError
from snakestore.integrations.dspy.values import plain


def fingerprint(value: Any) -> str:
    """A hash of a value that is the same in every process.

    Raises:
        ValidationError: if the value has no form in JSON.
    """
    try:
        text = json.dumps(_described(value), sort_keys=True)
    except (TypeError, RecursionError) as error:
        message = f"A value has no form in JSON, so it cannot be recognised again: {error}."
        raise ValidationError(message, value=value) from error
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def dataset_fingerprint(dataset: Any) -> dict[str, Any]:
    """The size and hash of a dataset, or the text that names it."""
    if isinstance(dataset, str):
        return {"name": dataset}
    if isinstance(dataset, Iterable) and not isinstance(dataset, Mapping):
        dataset = list(dataset)
        return {"size": len(dataset), "sha256": fingerprint(dataset)}
    return {"sha256": fingerprint(dataset)}


def code_of(function: Callable[..., Any]) -> list[Any]:
    """What tells a function from others: its source, and the plain values that it closes over.

    Of another callable, such as a module of DSPy: the source of its class, and its state.
    """
    if isinstance(function, functools.partial):
        return [code_of(function.func), _known(function.args), _known(function.keywords)]
    target: Any = inspect.unwrap(function)
    if isinstance(target, dspy.Module):
        return [_source(type(target)), target.dump_state()]
    if not inspect.isroutine(target):
        kind = target if inspect.isclass(target) else type(target)
        return [_source(kind), {} if kind is target else _known(vars(target))]
    return [_source(target), [_known(each.cell_contents) for each in _cells(target)]]


def _cells(function: Any) -> tuple[Any, ...]:
    return getattr(inspect.unwrap(function), "__closure__", None) or ()


def _source(target: Any) -> str:
    """The source, or the name if there is none."""
    try:
        return inspect.getsource(target)
    except (OSError, TypeError):
        return f"{target.__module__}.{target.__qualname__}"


def _known(value: Any) -> Any:
    """A value that is JSON, or the name of its class."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_known(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _known(item) for key, item in value.items()}
    return type(value).__qualname__


def _described(value: Any) -> Any:
    """``value`` as JSON, with what a hash needs of things that have no form in JSON."""
    if isinstance(value, dspy.Example):
        keys = getattr(value, "_input_keys", None)
        return {
            "fields": _described(dict(value.items(include_dspy=True))),
            "inputs": None if keys is None else sorted(keys),
        }
    if isinstance(value, dict):
        return {str(key): _described(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_described(item) for item in value]
    return plain(_named(value), "$")


def _named(value: Any) -> Any:
    """What identifies a class, a function or the predictor of a trace; another value itself."""
    if isinstance(value, type) and issubclass(value, BaseModel):
        return value.model_json_schema()
    if isinstance(value, dspy.Module):
        return type(value).__name__
    return code_of(value) if hasattr(value, "__qualname__") else value
