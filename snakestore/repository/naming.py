"""How methods show themselves: the names of the class that users know, and their signatures.

The methods of a repository are defined in mixins and called through wrappers. Python's messages
about arguments, ``help()`` and tracebacks of calls name ``SessionRepository`` all the same.

Tools of agents and web frameworks evaluate annotations that are text: some in the module of the
function, others in the module of this name, ``function.__module__``. So the modules that define
public methods have no ``from __future__ import annotations``, and their annotations are types.
A type that is imported on use is written ``"snakestore.CheckReport"``, and ``snakestore`` is
imported in both modules: the package imports its names when they are evaluated.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from functools import update_wrapper
from textwrap import fill, indent
from types import FunctionType
from typing import Any, TypeVar, cast

C = TypeVar("C", bound=type[Any])
F = TypeVar("F")


def public_class(cls: C) -> C:
    """Decorate a class whose inherited methods carry its name and are listed in its docstring."""
    for base in cls.__mro__[1:-1]:
        for name, member in vars(base).items():
            for function in _functions(member):
                function.__qualname__ = f"{cls.__qualname__}.{name}"
                function.__module__ = cls.__module__
    return lists_methods_of(cls)(cls)


def lists_methods_of(described: type[Any]) -> Callable[[C], C]:
    """Decorate a class that has the methods of another: its docstring lists them."""

    def decorate(cls: C) -> C:
        """Append the list to the docstring of the class."""
        cls.__doc__ = f"{(cls.__doc__ or '').rstrip()}\n\n{_method_index(described)}"
        return cls

    return decorate


def _method_index(cls: type[Any]) -> str:
    """The inherited public methods of ``cls``, by base, under the summary of each base."""
    groups = []
    for base in cls.__mro__[1:-1]:
        names = sorted(
            name
            for name, member in vars(base).items()
            if not name.startswith("_") and any(_functions(member))
        )
        if names:
            summary = (base.__doc__ or base.__name__).partition(".")[0]
            listed = fill(", ".join(names), 96, initial_indent="    ", subsequent_indent="    ")
            groups.append(f"{summary}:\n{listed}")
    return indent("\n\n".join(groups), "    ")


def named(function: F, owner: str, module: str) -> F:
    """A copy of a function that calls itself a method of ``owner`` in Python's error messages.

    Args:
        owner: the name of a class.
        module: the module of the class.
    """
    original = cast("FunctionType", function)
    copy = FunctionType(
        original.__code__,
        original.__globals__,
        original.__name__,
        original.__defaults__,
        original.__closure__,
    )
    update_wrapper(copy, original)
    del copy.__wrapped__  # type: ignore[attr-defined] # it is a twin, not a wrapper
    copy.__kwdefaults__ = original.__kwdefaults__
    copy.__qualname__ = f"{owner}.{original.__name__}"
    copy.__module__ = module
    return cast("F", copy)


def without_argument(docstring: str, argument: str) -> str:
    """A docstring without the entry of an argument."""
    entry = rf"^( +){argument}: .*\n(?:\1 +.*\n)*"
    return re.sub(entry, "", docstring, count=1, flags=re.MULTILINE)


def show_signature(function: Callable[..., Any], signature: inspect.Signature) -> None:
    """Show another signature of a function to ``inspect`` and to ``typing.get_type_hints``."""
    function.__signature__ = signature  # type: ignore[attr-defined] # read by inspect
    annotations = {each.name: each.annotation for each in signature.parameters.values()}
    annotations["return"] = signature.return_annotation
    function.__annotations__ = {
        name: annotation
        for name, annotation in annotations.items()
        if annotation is not inspect.Signature.empty
    }


def _functions(member: object) -> Iterator[FunctionType]:
    """The function of a method, class method or decorated method, and those that it wraps."""
    function = getattr(member, "__func__", member)
    while isinstance(function, FunctionType):
        yield function
        function = getattr(function, "__wrapped__", None)
