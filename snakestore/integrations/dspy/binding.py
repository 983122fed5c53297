"""Variables that steer a live module: ``bind`` and ``unbind``."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import MethodType
from typing import Any

import dspy

from snakestore.errors import ValidationError, VariableNotFoundError, shorten
from snakestore.integrations.dspy.secrets import is_secret
from snakestore.integrations.dspy.tree import ROOT, parameters_of
from snakestore.integrations.opening import Handle, Store

_BINDING = "snakestore_binding"
"""The attribute of a bound method that has its binding."""

_SETTING = "snakestore_bound"
"""The setting of DSPy with the snapshots of the calls that run: it reaches DSPy's own threads."""


def bind(module: dspy.Module, repo: Store, sid: str, variables: Mapping[str, str]) -> dspy.Module:
    """Let variables steer the predictors of a module, from its next call on.

    Each call reads the variables once, in one snapshot, when it starts. All predictors of the call
    use these values, in every thread. The module's own configs, signatures and demos are not
    changed, nor saved differently. A copy of the module is bound too.

    Args:
        module: the module to steer. Binding it again replaces what it was bound to.
        repo: a repository, or a path or URL. What is opened here is closed by ``unbind``, or when
            the module is no longer used.
        sid: the session.
        variables: path -> name or id of a variable. A path is that of a predictor
            (``named_predictors``) and one of ``.config.KEY``, ``.signature.instructions`` and
            ``.demos``. It starts at once with one of these if the module itself is a predictor.

    Returns:
        The module.

    Raises:
        ValidationError: if a path leads to nothing that can be bound, or to a key or header.

    A call raises ``VariableNotFoundError`` if a variable is missing.
    """
    targets = _targets(module, variables)
    unbind(module)
    binding = _Binding(Handle(repo), sid, tuple(dict.fromkeys(variables.values())))
    if all(predictor is not module for predictor, _ in targets):
        targets.append((module, {}))
    for part, overrides in targets:
        vars(part).update(_methods(part, binding, overrides))
    return module


def unbind(module: dspy.Module) -> None:
    """Undo ``bind``. A module that is not bound stays as it is."""
    for part in (module, *parameters_of(module).values()):
        for name in ("forward", "aforward"):
            binding = getattr(vars(part).get(name), _BINDING, None)
            if binding is not None:
                del vars(part)[name]
                binding.close()


class _Binding:
    """Where the values come from, and the snapshot of the call that runs."""

    def __init__(self, handle: Handle, sid: str, names: tuple[str, ...]) -> None:
        self._repository = handle.repository
        self._sid = sid
        self._names = names
        self.close = weakref.finalize(self, handle.close)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Binding:
        """Copies of a module share the repository."""
        return self

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[dict[str, Any]]:
        """The values of the call that runs, or those of now for the length of the block."""
        running = dspy.settings.get(_SETTING, {})
        if self in running:
            yield running[self]
            return
        batch = self._repository.get_variables(self._sid, self._names)
        for name in batch.missing:
            raise VariableNotFoundError(self._sid, name)
        values = {name: variable.value for name, variable in batch.found.items()}
        with dspy.context(**{_SETTING: {**running, self: values}}):
            yield values


_Overrides = dict[tuple[str, str], str]
"""(what, key of a config or "") -> the variable."""


def _targets(
    module: dspy.Module, variables: Mapping[str, str]
) -> list[tuple[dspy.Module, _Overrides]]:
    predictors = {
        path: each for path, each in parameters_of(module).items() if isinstance(each, dspy.Predict)
    }
    targets: dict[str, _Overrides] = {}
    for path, variable in variables.items():
        predictor, what = _parsed(path, predictors)
        targets.setdefault(predictor, {})[what] = variable
    return [(predictors[path], overrides) for path, overrides in targets.items()]


def _parsed(path: str, predictors: Mapping[str, dspy.Predict]) -> tuple[str, tuple[str, str]]:
    """The predictor of a path, and what of it is steered."""
    for predictor in predictors:
        prefix = f"{predictor}."
        rest = path.removeprefix(prefix) if path.startswith(prefix) else None
        if rest is None and predictor == ROOT:
            rest = path
        if rest in ("signature.instructions", "demos"):
            return predictor, (rest, "")
        if rest is not None and rest.startswith("config."):
            key = rest.removeprefix("config.")
            if is_secret(key, settings=True):
                message = f"{path} is not bound: keys and headers do not belong in a store."
                raise ValidationError(message, value=path, path=f"$.{path}")
            return predictor, ("config", key)
    known = ", ".join(predictors) or "none"
    message = (
        f"{shorten(path)} cannot be bound. A path is a predictor (here: {known}) and .config.KEY,"
        " .signature.instructions or .demos."
    )
    raise ValidationError(message, value=path, path=f"$.{path}")


def _methods(
    part: dspy.Module, binding: _Binding, overrides: _Overrides
) -> dict[str, Callable[..., Any]]:
    """The bound ``forward`` and ``aforward``: attributes that stand before those of the class.

    They are methods of the part, so that a copy of it gets its own.
    """

    def forward(self: dspy.Module, *args: Any, **kwargs: Any) -> Any:
        """Call ``forward`` of the class with the values that the variables have in this call."""
        with binding.snapshot() as values:
            return type(self).forward(self, *args, **_steered(self, values, overrides, kwargs))

    async def aforward(self: dspy.Module, *args: Any, **kwargs: Any) -> Any:
        """As ``forward``, awaited."""
        with binding.snapshot() as values:
            steered = _steered(self, values, overrides, kwargs)
            return await type(self).aforward(self, *args, **steered)

    methods: dict[str, Callable[..., Any]] = {}
    for function in (forward, aforward):
        if hasattr(type(part), function.__name__):
            setattr(function, _BINDING, binding)
            methods[function.__name__] = MethodType(function, part)
    return methods


def _steered(
    predictor: Any, values: Mapping[str, Any], overrides: _Overrides, kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of a call, with what the variables say; what the caller says goes first."""
    if not overrides:
        return kwargs
    config: dict[str, Any] = {}
    steered: dict[str, Any] = {}
    for (what, key), variable in overrides.items():
        value = values[variable]
        if what == "config":
            config[key] = value
        elif what == "demos":
            steered["demos"] = value
        else:
            steered["signature"] = predictor.signature.with_instructions(value)
    return steered | kwargs | {"config": config | kwargs.get("config", {})}
