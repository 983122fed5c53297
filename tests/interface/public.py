"""Everything public that the package, its modules and its adapters define."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import typing
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FunctionType, ModuleType
from typing import Any

import snakestore
from snakestore import integrations, tables, types
from snakestore.aio.binds import Opening
from snakestore.aio.transaction import AsyncTransaction
from snakestore.storage.execution.leaving import Enterable

OTHERS = [AsyncTransaction, Enterable, Opening]  # returned by public methods


def _adapters() -> list[ModuleType]:
    """The adapters whose frameworks are installed."""
    adapters = []
    for found in pkgutil.iter_modules(integrations.__path__, f"{integrations.__name__}."):
        with warnings.catch_warnings(), suppress(ImportError):
            warnings.simplefilter("ignore")  # of the frameworks
            adapters.append(importlib.import_module(found.name))
    return adapters


def public_members() -> dict[str, object]:
    """Everything public, by its name."""
    named = {
        f"{module.__name__}.{name}": getattr(module, name)
        for module in (snakestore, tables, types, *_adapters())
        for name in getattr(module, "__all__", ())
    }
    return named | {cls.__qualname__: cls for cls in OTHERS}


def _is_ours(function: object) -> bool:
    return isinstance(function, FunctionType) and function.__code__.co_filename.startswith(
        str(snakestore.__path__[0])
    )


def _functions_of(cls: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The methods and the getters of properties that snakestore defines."""
    for name, member in inspect.getmembers_static(cls):
        function = getattr(member, "__func__", getattr(member, "fget", member))
        if (not name.startswith("_") or name.endswith("__")) and _is_ours(function):
            yield name, getattr(cls, name) if isinstance(member, classmethod) else function


def _public_functions() -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {}
    for name, member in public_members().items():
        if isinstance(member, type):
            found |= {f"{name}.{each}": function for each, function in _functions_of(member)}
        elif _is_ours(member):
            found[name] = typing.cast("Callable[..., Any]", member)
    return found


FUNCTIONS = _public_functions()
WITHOUT_ADAPTERS = {
    name: function
    for name, function in FUNCTIONS.items()
    if not name.startswith(f"{integrations.__name__}.")
}
"""Adapters have the types and errors of their frameworks."""
