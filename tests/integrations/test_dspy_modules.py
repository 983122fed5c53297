"""DSPy modules as programs: what is stored, what comes back, and what is refused."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from datetime import UTC, datetime
from enum import Enum
from typing import Literal

import pytest

from snakestore import ProgramNotFoundError, SessionRepository, ValidationError

dspy = pytest.importorskip("dspy", reason="needs the extra dspy")
pydantic = pytest.importorskip("pydantic")

from snakestore.integrations.dspy import (  # noqa: E402 - after the skip
    ProgramDriftError,
    ProgramDriftWarning,
    SecretRefusedError,
    load_module,
    save_module,
)

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


@pytest.fixture
def repo(store_url):
    with SessionRepository.open(store_url, migrate=True) as repo:
        repo.create_session("s")
        yield repo


def optimised():
    module = Pipeline()
    module.first.demos = [typed_demo(), {"question": "a dict", "mood": "bad"}]
    module.first.signature = module.first.signature.with_instructions("Be brief.")
    module.steps[0].predict.config["max_tokens"] = 50
    module.by_name["x"].signature = module.by_name["x"].signature.with_updated_fields("r", desc="R")
    return module


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


# --- drift


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


# --- secrets


def test_the_state_of_an_lm_is_refused_with_its_path(repo):
    module = Pipeline()
    module.steps[1].lm = dspy.LM("openai/x", api_key="sk-secret", cache=False)

    with pytest.raises(SecretRefusedError) as refused:
        save_module(repo, "s", "p", module)

    assert refused.value.path == "$.steps[1].lm"
    assert "sk-secret" not in str(refused.value)
    assert not repo.has_program("s", "p")


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"api_key": "x"}, "api_key"),
        ({"extra": {"deep": [{"Authorization": "Bearer x"}]}}, "extra.deep[0].Authorization"),
        ({"extra_headers": {"X-Key": "x"}}, "extra_headers"),
        ({"headers": {}}, "headers"),
        ({"azure_ad_token": "x"}, "azure_ad_token"),
        ({"extra_body": {"api-key": "x"}}, "extra_body.api-key"),
        ({"AWS_SECRET_ACCESS_KEY": "x"}, "AWS_SECRET_ACCESS_KEY"),
        ({"api_base": "http://x"}, "api_base"),
        ({"fallback": dspy.LM("openai/x", cache=False)}, "fallback"),
    ],
)
def test_keys_and_headers_in_a_config_are_refused_with_their_path(repo, config, path):
    module = dspy.Predict("a -> b", **config)

    with pytest.raises(SecretRefusedError) as refused:
        save_module(repo, "s", "p", module)

    assert refused.value.path == f"$.self.config.{path}"


def test_settings_that_are_no_secrets_are_stored(repo):
    config = {"max_tokens": 9, "top_p": 0.5, "stop": ["x"], "seed": 3, "eos_token": "<end>"}
    module = dspy.Predict("token, password -> secret", **config)
    module.demos = [{"token": "a", "password": "b", "secret": "c"}]

    document = save_module(repo, "s", "p", module).document

    assert document["parameters"]["self"]["config"] == config


def test_a_key_in_a_demo_is_refused(repo):
    module = dspy.Predict("q -> r")
    module.demos = [{"q": {"api_key": "x"}, "r": "y"}]

    with pytest.raises(SecretRefusedError) as refused:
        save_module(repo, "s", "p", module)

    assert refused.value.path == "$.self.demos[0].q.api_key"


def test_secrets_can_be_left_out(repo):
    module = dspy.Predict("q -> r", api_key="sk-secret", temperature=0.1)
    module.lm = dspy.LM("openai/x", api_key="sk-secret", cache=False)

    program = save_module(repo, "s", "p", module, omit_secrets=True)

    assert program.document["parameters"]["self"]["config"] == {"temperature": 0.1}
    assert "sk-secret" not in json.dumps(program.document)
    assert module.lm is not None
    assert module.config["api_key"] == "sk-secret"


def test_loading_leaves_the_lm_as_it_is(repo):
    module = dspy.Predict("q -> r")
    save_module(repo, "s", "p", module)
    module.lm = lm = dspy.LM("openai/x", cache=False)

    load_module(repo, "s", "p", module)

    assert module.lm is lm


def test_two_predictors_of_one_path_are_refused(repo):
    module = dspy.Module()
    module.by_key = {1: dspy.Predict("a -> b"), "1": dspy.Predict("a -> b")}

    with pytest.raises(ValidationError) as refused:
        save_module(repo, "s", "p", module)

    assert refused.value.path == "$.by_key['1']"


def test_a_key_in_the_metadata_is_refused_or_left_out(repo):
    module, metadata = dspy.Predict("a -> b"), {"lm": {"api_key": "x", "model": "m"}}

    with pytest.raises(SecretRefusedError) as refused:
        save_module(repo, "s", "p", module, metadata=metadata)
    program = save_module(repo, "s", "p", module, metadata=metadata, omit_secrets=True)

    assert refused.value.path == "$.metadata.lm.api_key"
    assert program.metadata == {"lm": {"model": "m"}}
