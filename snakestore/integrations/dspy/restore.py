"""A stored module, applied to a live one."""

from __future__ import annotations

import copy
from typing import Any

import dspy

from snakestore.integrations.dspy.capture import own_state
from snakestore.integrations.dspy.demos import restored_demos
from snakestore.integrations.dspy.document import SavedModule, SavedParameter
from snakestore.integrations.dspy.drift import Drift, fields_among
from snakestore.integrations.dspy.tree import modules_of, parameters_of

_KEPT = ("history", "callbacks")
"""What a copy of a module does not have."""


class Loading:
    """The stored state of the parameters that fit, applied to copies of them.

    ``swap`` then gives it to the module itself. LMs stay as they are.
    """

    def __init__(self, saved: SavedModule, module: dspy.Module, drift: Drift) -> None:
        self._saved = saved
        self._module = module
        self._live = {
            path: parameter
            for path, parameter in parameters_of(module).items()
            if path in saved.state and path not in drift.changed
        }
        self._states = {
            path: _state_for(parameter, path, saved, drift)
            for path, parameter in self._live.items()
        }
        self._copies = {path: self._loaded(path) for path in self._live}

    def swap(self) -> None:
        """Give the module what was loaded: all of it, or nothing if an exception comes."""
        modules = modules_of(self._module)
        parts = [*self._live.values(), *modules.values()]
        before = [(part, dict(vars(part))) for part in parts]
        try:
            for path, parameter in self._live.items():
                self._give(path, parameter)
            for path, each in modules.items():
                each._compiled = path in self._saved.compiled  # noqa: SLF001 - DSPy's only way
        except BaseException:
            for part, attributes in before:
                vars(part).clear()
                vars(part).update(attributes)
            raise

    def _loaded(self, path: str) -> Any:
        loaded = copy.copy(self._live[path])
        loaded.load_state(self._states[path])
        if hasattr(loaded, "lm"):
            loaded.lm = self._live[path].lm
        if hasattr(loaded, "config"):
            loaded.config = copy.deepcopy(self._saved.parameters[path].config)
        return loaded

    def _give(self, path: str, parameter: Any) -> None:
        loaded = vars(self._copies[path])
        if isinstance(parameter, dspy.Predict):
            # in one step: another thread may call it
            vars(parameter).update({name: loaded[name] for name in loaded if name not in _KEPT})
        else:
            parameter.load_state(self._states[path])
            if "lm" in loaded:
                parameter.lm = loaded["lm"]


def _state_for(parameter: Any, path: str, saved: SavedModule, drift: Drift) -> dict[str, Any]:
    """The stored state in the form that the parameter's ``load_state`` takes."""
    # other keys would become attributes of any name
    known = (
        {*own_state(parameter), "fields"} if hasattr(parameter, "demos") else own_state(parameter)
    )
    state = {name: value for name, value in saved.state[path].items() if name in known}
    extra = saved.parameters[path]
    if "lm" in known:
        state["lm"] = None
    if "signature" in state:
        state["signature"] = _by_name(state["signature"], extra, parameter.signature)
    if "demos" in state:
        state["demos"] = restored_demos(
            state["demos"],
            extra.demos,
            parameter,
            gone=fields_among(drift.missing, path),
            changed=fields_among(drift.changed, path),
        )
    return state


def _by_name(state: dict[str, Any], saved: SavedParameter, signature: Any) -> dict[str, Any]:
    """The state of a signature in the order of the live fields, which is what DSPy goes by."""
    stored = dict(zip((each.name for each in saved.fields), state["fields"], strict=True))
    own = zip(signature.fields, signature.dump_state()["fields"], strict=True)
    return state | {"fields": [stored.get(name, field) for name, field in own]}
