"""A module as the document that is stored."""

from __future__ import annotations

import copy
from typing import Any

import dspy
import orjson

from snakestore.errors import ValidationError
from snakestore.integrations.dspy.demos import saved_demos
from snakestore.integrations.dspy.document import SavedModule, SavedParameter, installed_versions
from snakestore.integrations.dspy.errors import SecretRefusedError
from snakestore.integrations.dspy.fields import fields_of
from snakestore.integrations.dspy.secrets import refuse_secrets, without_secrets
from snakestore.integrations.dspy.tree import modules_of, parameters_of
from snakestore.types.documents import checked_document


def module_document(module: dspy.Module, *, omit_secrets: bool = False) -> dict[str, Any]:
    """The document that ``save_module`` stores.

    Raises:
        SecretRefusedError, ValidationError: as ``save_module``.
    """
    states, parameters = {}, {}
    for path, parameter in parameters_of(module).items():
        states[path], parameters[path] = _captured(parameter, f"$.{path}", omit_secrets)
    compiled = [path for path, each in modules_of(module).items() if is_compiled(each)]
    saved = SavedModule(
        versions=installed_versions(), state=states, parameters=parameters, compiled=compiled
    )
    return saved.document()


def is_compiled(module: dspy.Module) -> bool:
    """Whether an optimiser has compiled the module; the next one then leaves it as it is."""
    return bool(getattr(module, "_compiled", False))


def shape_of(parameter: Any) -> SavedParameter:
    """The class and the fields of a parameter: what must be the same to load it."""
    return SavedParameter(class_name=type(parameter).__name__, fields=fields_of(parameter))


def own_state(parameter: Any) -> dict[str, Any]:
    """The state of a parameter, as DSPy makes it, without its LM and its demos."""
    bare = copy.copy(parameter)
    if getattr(bare, "lm", None) is not None:
        bare.lm = None
    if hasattr(bare, "demos"):
        bare.demos = []
    state: dict[str, Any] = bare.dump_state()
    return state


def _captured(
    parameter: Any,
    path: str,
    omit_secrets: bool,  # noqa: FBT001 - private
) -> tuple[dict[str, Any], SavedParameter]:
    if getattr(parameter, "lm", None) is not None and not omit_secrets:
        raise SecretRefusedError(f"{path}.lm", "The state of an LM")  # noqa: EM102
    state = _as_json(own_state(parameter), path)
    config = dict(getattr(parameter, "config", {}))
    extra: dict[str, Any] = {}
    if hasattr(parameter, "demos"):
        state["demos"], extra["demos"] = saved_demos(parameter, path)
    if omit_secrets:
        state = without_secrets(state, settings=False)
        config = without_secrets(config, settings=True)
    refuse_secrets(config, f"{path}.config", settings=True)
    refuse_secrets(state, path, settings=False)
    extra["config"] = _checked(config, f"{path}.config")
    return _checked(state, path), shape_of(parameter).model_copy(update=extra)


def _as_json(state: dict[str, Any], path: str) -> Any:
    """The state in the JSON that DSPy writes."""
    try:
        return orjson.loads(orjson.dumps(state))
    except TypeError as error:
        message = f"The state of {path} cannot be stored as JSON: {error}."
        raise ValidationError(message, value=state, path=path) from error


def _checked(value: Any, path: str) -> Any:
    """A copy of ``value``, which must be JSON.

    Raises:
        ValidationError: with a path that starts at the module.
    """
    try:
        return checked_document(value, path.removeprefix("$."))
    except ValidationError as error:
        error.path = path + (error.path or "$").removeprefix("$")
        raise
