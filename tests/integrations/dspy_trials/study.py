"""A study, and a copy of a value by pickle."""

from __future__ import annotations

import pickle

import pytest

pytest.importorskip("dspy", reason="needs the extra dspy")

import dspy

STUDY = {"params": {"n": 3}, "dataset": [dspy.Example(q="1", a="2").with_inputs("q")], "seed": 9}


def pickled(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own
