"""DSPy modules as programs: what is stored, and what comes back."""

from __future__ import annotations

import json

import pytest

from snakestore import ValidationError

pytest.importorskip("dspy", reason="needs the extra dspy")
pytest.importorskip("pydantic")

import dspy

from snakestore.integrations.dspy import load_module, save_module
from tests.integrations.dspy_modules.programs import (
    WHEN,
    Colour,
    Person,
    Pipeline,
    Typed,
    optimised,
    typed_demo,
)


def test_what_is_loaded_is_what_was_saved(repo):
    saved = optimised()

    program = save_module(repo, "s", "p", saved, metadata={"by": "me"})
    loaded = Pipeline()
    warned = load_module(repo, "s", "p", loaded)

    assert (program.version, program.metadata, warned) == (0, {"by": "me"}, None)
    assert loaded.first.demos == saved.first.demos
    assert type(loaded.first.demos[0].person) is Person
    assert loaded.first.demos[0].inputs().keys() == ["question", "when", "colour"]
    assert type(loaded.first.demos[1]) is dict
    assert loaded.first.signature.instructions == "Be brief."
    assert loaded.first.config == {"temperature": 0.3}
    assert loaded.steps[0].predict.config == {"max_tokens": 50}
    assert loaded.dump_state() == saved.dump_state()
    assert loaded.shared is loaded.first


def test_the_state_is_what_dspy_itself_would_save(repo, tmp_path):
    module = optimised()
    module.save(tmp_path / "own.json")

    document = save_module(repo, "s", "p", module).document

    own = json.loads((tmp_path / "own.json").read_text("utf-8"))
    own.pop("metadata")
    assert document["state"] == own
    assert document["versions"]["dspy"] == dspy.__version__


def test_dspy_itself_can_load_the_stored_state(repo):
    document = save_module(repo, "s", "p", optimised()).document
    module = Pipeline()

    module.load_state(document["state"])

    assert module.first.signature.instructions == "Be brief."


def test_saving_the_same_state_again_adds_no_version(repo):
    save_module(repo, "s", "p", optimised())

    again = save_module(repo, "s", "p", optimised())

    assert again.version == 0


def test_an_earlier_version_can_be_loaded(repo):
    module = dspy.Predict("q -> r")
    save_module(repo, "s", "p", module)
    module.demos = [{"q": "1", "r": "2"}]
    save_module(repo, "s", "p", module)

    load_module(repo, "s", "p", module, version=0)

    assert module.demos == []


def test_a_path_or_url_stands_for_a_repository(store_url, repo):
    module = dspy.Predict("q -> r", n=2)

    save_module(store_url, "s", "p", module)
    loaded = dspy.Predict("q -> r")
    load_module(store_url, "s", "p", loaded)

    assert loaded.config == {"n": 2}


def test_a_compiled_module_inside_another_comes_back_with_its_state(repo):
    class Outer(dspy.Module):
        def __init__(self):
            super().__init__()
            self.inner = dspy.ChainOfThought("q -> r")

    saved = Outer()
    saved.inner.predict.demos = [{"q": "1", "r": "2"}]
    saved.inner._compiled = True
    assert saved.dump_state() == {}  # DSPy leaves it out

    save_module(repo, "s", "p", saved)
    loaded = Outer()
    load_module(repo, "s", "p", loaded)

    assert loaded.inner.predict.demos == [{"q": "1", "r": "2"}]
    assert (loaded.inner._compiled, loaded._compiled) == (True, False)


def test_programs_that_an_optimiser_attached_are_not_stored(repo):
    module = dspy.ChainOfThought("q -> r")
    module.candidate_programs = [{"score": 1.0, "program": dspy.ChainOfThought("q -> r")}]

    save_module(repo, "s", "p", module)

    assert load_module(repo, "s", "p", dspy.ChainOfThought("q -> r")) is None


def test_types_of_dspy_come_back_where_the_signature_says_so(repo):
    class Chat(dspy.Signature):
        image: dspy.Image = dspy.InputField()
        images: list[dspy.Image] = dspy.InputField()
        history: dspy.History = dspy.InputField()
        answer: str = dspy.OutputField()

    image = dspy.Image(url="https://example.com/a.png")
    demo = dspy.Example(
        image=image, images=[image], history=dspy.History(messages=[{"q": "1"}]), answer="x"
    )
    module = dspy.Predict(Chat)
    module.demos = [demo]

    save_module(repo, "s", "p", module)
    loaded = dspy.Predict(Chat)
    load_module(repo, "s", "p", loaded)

    assert loaded.demos == [demo]


def test_keys_of_a_dict_come_back_as_what_they_were(repo):
    signature = dspy.Signature(
        {"x": (dict[int, dict[Colour, str]], dspy.InputField()), "y": (str, dspy.OutputField())}
    )
    module, loaded = dspy.Predict(signature), dspy.Predict(signature)
    module.demos = [{"x": {1: {Colour.RED: "r"}}, "y": "1"}]

    save_module(repo, "s", "p", module)
    load_module(repo, "s", "p", loaded)

    assert loaded.demos == module.demos


def test_a_model_with_a_value_of_an_unknown_type_comes_back_as_that_model(repo):
    signature = dspy.Signature(
        {"x": (dspy.History, dspy.InputField()), "y": (str, dspy.OutputField())}
    )
    module, loaded = dspy.Predict(signature), dspy.Predict(signature)
    module.demos = [{"x": dspy.History(messages=[{"at": WHEN}]), "y": "1"}]

    save_module(repo, "s", "p", module)
    load_module(repo, "s", "p", loaded)

    assert loaded.demos[0]["x"] == dspy.History(messages=[{"at": "2026-05-17T08:30:00Z"}])


@pytest.mark.slow
def test_five_thousand_demos_come_back(repo):
    module = dspy.Predict(Typed)
    module.demos = [typed_demo().copy(question=f"q{number}") for number in range(5_000)]

    save_module(repo, "s", "p", module)
    loaded = dspy.Predict(Typed)
    load_module(repo, "s", "p", loaded)

    assert loaded.demos == module.demos


@pytest.mark.parametrize(
    ("value", "path"),
    [(float("nan"), "$.self.demos[1].x"), (object(), "$.self.demos[1].x"), ({1: 2}, "x")],
    ids=["NaN", "object", "int key"],
)
def test_a_demo_that_is_not_json_is_refused_with_its_path(repo, value, path):
    module = dspy.Predict("x -> y")
    module.demos = [{"x": "fine"}, {"x": value}]

    with pytest.raises(ValidationError) as refused:
        save_module(repo, "s", "p", module)

    assert path in str(refused.value.path)
    assert not repo.has_program("s", "p")
