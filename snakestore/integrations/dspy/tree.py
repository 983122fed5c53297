"""The predictors and modules of a DSPy module, by path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import dspy
from dspy.predict.parameter import Parameter

from snakestore.errors import ValidationError

ROOT = "self"
"""What DSPy calls a module that is itself a predictor."""


def parameters_of(module: dspy.Module) -> dict[str, Any]:
    """The parameters by path, as ``named_parameters``, and also those of compiled modules.

    DSPy leaves these out, because its optimisers must not change them.

    Raises:
        ValidationError: if two have one path, as with the keys 1 and "1" of a dict.
    """
    found: dict[str, Any] = {}
    for path, part in _walk(module):
        if isinstance(part, Parameter):
            if path in found:
                message = f"Two predictors are at {path}. Let the keys of a dict differ as text."
                raise ValidationError(message, path=f"$.{path}")
            found[path] = part
    return found


def modules_of(module: dspy.Module) -> dict[str, dspy.Module]:
    """The module and its sub-modules by path, predictors included."""
    return {path: part for path, part in _walk(module) if isinstance(part, dspy.Module)}


def _walk(module: dspy.Module) -> Iterator[tuple[str, Any]]:
    seen = {id(module)}
    yield ROOT, module
    yield from _inside(module, "", seen)


def _inside(module: dspy.Module, prefix: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    for path, part in _members(module):
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield prefix + path, part
        if not isinstance(part, Parameter):
            yield from _inside(part, f"{prefix}{path}.", seen)


def _members(module: dspy.Module) -> Iterator[tuple[str, Any]]:
    """The attributes that are modules or parameters, and those in lists, tuples and dicts.

    Like DSPy, this looks into no container in another: ``candidate_programs``, which optimisers
    attach, holds whole programs there.
    """
    for name, value in vars(module).items():
        items: Iterable[tuple[str, Any]] = [(name, value)]
        if isinstance(value, list | tuple):
            items = ((f"{name}[{index}]", item) for index, item in enumerate(value))
        elif isinstance(value, dict):
            items = ((f"{name}['{key}']", item) for key, item in value.items())
        yield from (item for item in items if isinstance(item[1], Parameter | dspy.Module))
