"""DSPy modules to save."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import Literal

import pytest

pytest.importorskip("dspy", reason="needs the extra dspy")
pytest.importorskip("pydantic")

import dspy
import pydantic

WHEN = datetime(2026, 5, 17, 8, 30, tzinfo=UTC)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Person(pydantic.BaseModel):
    name: str
    born: datetime
    tags: set[str]


class Typed(dspy.Signature):
    """Say who."""

    question: str = dspy.InputField()
    when: datetime = dspy.InputField(desc="the time")
    colour: Colour = dspy.InputField()
    person: Person = dspy.OutputField()
    mood: Literal["good", "bad"] = dspy.OutputField(desc="mood")


class Pipeline(dspy.Module):
    def __init__(self):
        super().__init__()
        self.first = dspy.Predict(Typed, temperature=0.3)
        self.steps = [dspy.ChainOfThought("text -> summary"), dspy.Predict("a, b -> c: int")]
        self.by_name = {"x": dspy.Predict("q -> r")}
        self.shared = self.first
        self.react = dspy.ReAct("question -> answer", tools=[look_up])

    def forward(self, **inputs):
        return self.first(**inputs)


def look_up(word: str) -> str:
    return word


def typed_demo():
    return dspy.Example(
        question="who?",
        when=WHEN,
        colour=Colour.RED,
        person=Person(name="Ada", born=WHEN, tags={"x"}),
        mood="good",
        augmented=True,
    ).with_inputs("question", "when", "colour")


def optimised():
    module = Pipeline()
    module.first.demos = [typed_demo(), {"question": "a dict", "mood": "bad"}]
    module.first.signature = module.first.signature.with_instructions("Be brief.")
    module.steps[0].predict.config["max_tokens"] = 50
    module.by_name["x"].signature = module.by_name["x"].signature.with_updated_fields("r", desc="R")
    return module
