"""A module that differs from the one that was saved is refused, and stays as it was."""

from __future__ import annotations

import copy
import pickle
import threading
from enum import Enum

import pytest

from snakestore import ProgramNotFoundError, ValidationError

pytest.importorskip("dspy", reason="needs the extra dspy")
pytest.importorskip("pydantic")

import dspy
import pydantic

from snakestore.integrations.dspy import (
    ProgramDriftError,
    ProgramDriftWarning,
    load_module,
    save_module,
)
from tests.integrations.dspy_modules.programs import Pipeline, optimised


def test_a_renamed_field_is_refused_and_the_live_module_is_unchanged(repo):
    saved = dspy.Predict("question -> answer")
    saved.demos = [{"question": "1", "answer": "2"}]
    save_module(repo, "s", "p", saved)
    live = dspy.Predict("question -> reply", temperature=1.0)
    before = copy.copy(vars(live))

    with pytest.raises(ProgramDriftError) as drift:
        load_module(repo, "s", "p", live)

    assert drift.value.missing == ("self.signature.answer",)
    assert drift.value.extra == ("self.signature.reply",)
    assert vars(live) == before


def test_fields_in_another_order_are_refused(repo):
    save_module(repo, "s", "p", dspy.Predict("a, b -> c"))

    with pytest.raises(ProgramDriftError) as drift:
        load_module(repo, "s", "p", dspy.Predict("b, a -> c"))

    assert drift.value.reordered == ("self",)


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("a -> b: int", "a -> b: float", ("output int", "output float")),
        ("a, b -> c", "a -> b, c", ("input str", "output str")),
        (
            "a -> b: Literal['x', 'y']",
            "a -> b: Literal['x']",
            ("output Literal['x', 'y']", "output Literal['x']"),
        ),
        ("a -> b: Optional[int]", "a -> b: int", ("output int | None", "output int")),
    ],
)
def test_a_field_of_another_type_is_refused(repo, old, new, shown):
    save_module(repo, "s", "p", dspy.Predict(old))

    with pytest.raises(ProgramDriftError) as drift:
        load_module(repo, "s", "p", dspy.Predict(new))

    assert drift.value.changed == {"self.signature.b": shown}


def test_a_change_inside_an_enum_or_a_model_is_noticed(repo):
    def predictor(members, **fields):
        colour = Enum("Colour", members)
        person = pydantic.create_model("Person", **fields)
        return dspy.Predict(
            dspy.Signature(
                {"colour": (colour, dspy.InputField()), "who": (person, dspy.OutputField())}
            )
        )

    save_module(repo, "s", "p", predictor(["RED"], name=(str, ...)))
    assert load_module(repo, "s", "p", predictor(["RED"], name=(str, ...))) is None

    with pytest.raises(ProgramDriftError) as drift:
        load_module(repo, "s", "p", predictor(["RED", "BLUE"], name=(str, ...), age=(int, ...)))

    assert list(drift.value.changed) == ["self.signature.colour", "self.signature.who"]


def test_missing_and_extra_predictors_are_named(repo):
    class One(dspy.Module):
        def __init__(self, name):
            super().__init__()
            setattr(self, name, dspy.Predict("a -> b"))

    save_module(repo, "s", "p", One("old"))

    with pytest.raises(ProgramDriftError, match=r"missing old; extra new\. Nothing") as drift:
        load_module(repo, "s", "p", One("new"))

    assert (drift.value.missing, drift.value.extra) == (("old",), ("new",))
    again = pickle.loads(pickle.dumps(drift.value))  # noqa: S301 - our own
    assert (again.missing, str(again)) == (drift.value.missing, str(drift.value))


def test_without_strict_what_fits_is_loaded_and_the_drift_is_a_warning(repo):
    saved = dspy.Predict("question, hint -> answer, score: str", temperature=0.2)
    saved.signature = saved.signature.with_instructions("Be brief.")
    saved.signature = saved.signature.with_updated_fields("question", desc="the question")
    saved.demos = [
        {"question": "1", "hint": "h", "answer": "2", "score": "3"},
        {"question": "1", "hint": "h", "answer": "2", "score": "high"},
    ]
    save_module(repo, "s", "p", saved)
    live = dspy.Predict("more, question -> answer, score: int")

    with pytest.warns(ProgramDriftWarning, match=r"missing self\.signature\.hint"):
        warned = load_module(repo, "s", "p", live, strict=False)

    assert warned is not None
    assert warned.extra == ("self.signature.more",)
    assert list(warned.changed) == ["self.signature.score"]
    assert live.signature.instructions == "Be brief."
    assert live.signature.fields["question"].json_schema_extra["desc"] == "the question"
    assert live.signature.fields["more"].json_schema_extra["desc"] == "${more}"
    assert live.demos == [{"question": "1", "answer": "2", "score": 3}]
    assert live.config == {"temperature": 0.2}


def test_a_warning_that_is_an_error_leaves_the_module_unchanged(repo):
    saved = dspy.Predict("a -> b", n=2)
    save_module(repo, "s", "p", saved)
    live = dspy.Predict("a -> c")

    with pytest.raises(ProgramDriftWarning):
        load_module(repo, "s", "p", live, strict=False)

    assert live.config == {}


def test_another_minor_version_of_dspy_is_a_warning(repo, monkeypatch):
    save_module(repo, "s", "p", dspy.Predict("a -> b"))
    monkeypatch.setattr(dspy, "__version__", "99.1.0")

    with pytest.warns(ProgramDriftWarning, match="versions dspy") as warned:
        load_module(repo, "s", "p", dspy.Predict("a -> b"))

    assert warned[0].message.versions["dspy"][1] == "99.1.0"


def test_a_failure_in_the_middle_leaves_the_module_unchanged(repo, monkeypatch):
    save_module(repo, "s", "p", optimised())
    live = Pipeline()
    live.by_name["x"].load_state = lambda state: 1 / 0
    before = live.dump_state()

    with pytest.raises(ZeroDivisionError):
        load_module(repo, "s", "p", live)

    assert live.dump_state() == before


def test_a_program_that_save_module_did_not_store_is_refused(repo):
    repo.put_program("s", "other", {"state": {}})

    with pytest.raises(ValidationError, match="not a module that save_module"):
        load_module(repo, "s", "other", dspy.Predict("a -> b"))
    with pytest.raises(ProgramNotFoundError):
        load_module(repo, "s", "none", dspy.Predict("a -> b"))


@pytest.mark.parametrize("damage", [{"demos": [1]}, {"signature": {}}, {"demos": None}])
def test_a_damaged_program_is_refused(repo, damage):
    document = save_module(repo, "s", "p", dspy.Predict("a -> b")).document
    document["state"]["self"] |= damage
    repo.put_program("s", "p", document)

    with pytest.raises(ValidationError, match="damaged at state"):
        load_module(repo, "s", "p", dspy.Predict("a -> b"))


def test_keys_of_a_stored_state_that_dspy_does_not_write_are_ignored(repo):
    document = save_module(repo, "s", "p", dspy.Predict("a -> b")).document
    document["state"]["self"] |= {"forward": "x", "lm": {"model": "evil/x", "api_base": "http://e"}}
    repo.put_program("s", "p", document)
    live = dspy.Predict("a -> b")

    load_module(repo, "s", "p", live)

    assert callable(live.forward)
    assert live.lm is None


@pytest.mark.slow
def test_a_thread_that_reads_while_another_loads_never_sees_half_a_predictor(repo):
    module = dspy.Predict("a -> b")
    for number in range(2):
        module.signature = module.signature.with_instructions(str(number))
        module.demos = [{"a": str(number), "b": ""}]
        save_module(repo, "s", "p", module)
    seen, stop = set(), threading.Event()

    def look():
        while not stop.is_set():
            state = dict(vars(module))  # one step of the interpreter, as the update is
            seen.add((state["signature"].instructions, state["demos"][0]["a"]))

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(20):
        load_module(repo, "s", "p", module, version=number % 2)
    stop.set()
    reader.join()

    assert seen <= {("0", "0"), ("1", "1")}
