"""The demos of a predictor: to JSON and back to what they were."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import dspy

from snakestore.errors import ValidationError
from snakestore.integrations.dspy.document import SavedDemo
from snakestore.integrations.dspy.values import has_other_keys, hint_for, is_plain, plain, restored


def annotations_of(parameter: Any) -> dict[str, Any]:
    """The types of the fields of a predictor's signature."""
    signature = getattr(parameter, "signature", None)
    fields = {} if signature is None else signature.fields
    return {name: field.annotation for name, field in fields.items()}


def saved_demos(parameter: Any, path: str) -> tuple[list[dict[str, Any]], list[SavedDemo]]:
    """The demos as DSPy's own save writes them, and what they were.

    Raises:
        ValidationError: if a demo cannot be stored; ``.path`` says where.
    """
    annotations = annotations_of(parameter)
    states, saved = [], []
    for index, demo in enumerate(parameter.demos):
        example = isinstance(demo, dspy.Example)
        if not example and not isinstance(demo, dict):
            where = f"{path}.demos[{index}]"
            message = f"{where} is a {type(demo).__name__}, not a dspy.Example or a dict."
            raise ValidationError(message, value=demo, path=where)
        values = dict(demo.items(include_dspy=True) if example else demo)
        state: dict[str, Any] = {}
        typed: dict[str, list[Any] | None] = {}
        for name, value in values.items():
            state[name] = plain(value, f"{path}.demos[{index}].{name}")
            if not is_plain(value, state[name]):
                restorable, raw = hint_for(value, state[name], annotations.get(name))
                if restorable:
                    typed[name] = raw
                elif has_other_keys(value):
                    state[name] = value  # refused with its path, for it would not come back
        states.append(state)
        keys = getattr(demo, "_input_keys", None) if example else None
        inputs = None if keys is None else sorted(keys)
        saved.append(SavedDemo(example=example, inputs=inputs, typed=typed))
    return states, saved


def restored_demos(
    states: Iterable[dict[str, Any]],
    saved: Iterable[SavedDemo],
    parameter: Any,
    *,
    gone: Collection[str] = (),
    changed: Collection[str] = (),
) -> list[Any]:
    """The demos as they were.

    A demo is left out if it has a value that is not of its field's present type.

    Args:
        states: the demos in DSPy's state.
        saved: what they were.
        parameter: the live predictor.
        gone: the fields that the live signature no longer has; their values are left out.
        changed: the fields that have another type now.
    """
    annotations = annotations_of(parameter)
    demos = []
    for state, was in zip(states, saved, strict=True):
        values = {name: value for name, value in state.items() if name not in gone}
        typed = {name: raw for name, raw in was.typed.items() if name in annotations}
        try:
            for name in values.keys() & (typed.keys() | set(changed)):
                raw = typed.get(name)
                values[name] = restored(values[name] if raw is None else raw[0], annotations[name])
        except ValueError:
            continue
        demos.append(_demo(values, was))
    return demos


def _demo(values: dict[str, Any], was: SavedDemo) -> Any:
    if not was.example:
        return values
    demo = dspy.Example(values)
    return demo if was.inputs is None else demo.with_inputs(*was.inputs)
