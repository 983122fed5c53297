"""Compares what the store did with what the model did."""

from __future__ import annotations

import dataclasses
from typing import Any

from snakestore import Program, SnakeStoreError, Variable
from tests.contract.stateful.model import RefusedError


def plain(outcome: Any) -> Any:
    """An outcome in a comparable form, without the times of the metadata."""
    if isinstance(outcome, Variable | Program):
        content = "value" if isinstance(outcome, Variable) else "document"
        shown = {
            each.name: getattr(outcome, each.name)
            for each in dataclasses.fields(outcome)
            if not each.name.startswith("_")
        }
        return shown | {
            "metadata": {
                key: value for key, value in outcome.metadata.items() if key != "updated_at"
            },
            content: repr(getattr(outcome, content)),
        }
    if isinstance(outcome, dict):
        return {key: plain(each) for key, each in outcome.items()}
    if isinstance(outcome, list):
        return [plain(each) for each in outcome]
    return outcome


def agree(model: Any, store: Any) -> None:
    """Assert that what the store did is what the model did, the errors and their attributes too."""
    if isinstance(model, RefusedError):
        assert type(store) is model.kind, f"{store!r} where {model!r} was expected"
        for name, expected in model.told.items():
            told = getattr(store, name)
            if name == "errors":
                assert set(told) == set(expected)
                for key, each in expected.items():
                    agree(each, told[key])
            else:
                assert told == expected
    elif isinstance(model, dict):
        assert set(store) == set(model)
        for key, each in model.items():
            agree(each, store[key])
    elif model is not None:  # what the model does not tell, another test does
        assert plain(store) == plain(model)


def outcome(call: Any, on: Any) -> Any:
    try:
        return call(on)
    except (RefusedError, SnakeStoreError) as refused:
        return refused
