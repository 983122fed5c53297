"""What DSPy's own tests of saving and loading ask for, of ``save_module`` and ``load_module``.

DSPy ships no suite for this. The cases are those of its tests of modules and predictors, and each
kind of module that it has.
"""

from __future__ import annotations

import threading
from datetime import date, datetime
from enum import Enum

import pytest

from snakestore import SessionRepository

dspy = pytest.importorskip("dspy", reason="needs the extra dspy")

from dspy.utils.dummies import DummyLM  # noqa: E402 - after the skip
from pydantic import BaseModel, HttpUrl  # noqa: E402

from snakestore.integrations.dspy import load_module, save_module  # noqa: E402

SUITE = "DSPy: saving and loading|dspy"


class Item(BaseModel):
    name: str
    quantity: int


class Page(BaseModel):
    url: HttpUrl
    seen: datetime


class Status(Enum):
    PENDING = "pending"
    DONE = "done"


class Dates(dspy.Signature):
    """How many days lie between."""

    current: date = dspy.InputField()
    target: date = dspy.InputField()
    days: int = dspy.OutputField()


class Inventory(dspy.Signature):
    """Translate the items."""

    items: list[Item] = dspy.InputField()
    by_name: dict[str, Item] = dspy.InputField()
    status: Status | None = dspy.InputField()
    pages: list[Page] = dspy.OutputField()
    pair: tuple[int, str] = dspy.OutputField()


def tool(word: str) -> str:
    """Look a word up."""
    return word


def reward(_args, _prediction):
    return 1.0


class WithLock(dspy.Module):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()  # cannot be copied
        self.inner = dspy.ChainOfThought("q -> a")


class WithRetriever(dspy.Module):
    def __init__(self):
        super().__init__()
        self.retrieve = dspy.Retrieve(k=3)
        self.answer = dspy.Predict("context, question -> answer")


KINDS = {
    "Predict": lambda: dspy.Predict("q -> a"),
    "ChainOfThought": lambda: dspy.ChainOfThought("q -> a"),
    "ReAct": lambda: dspy.ReAct("q -> a", tools=[tool]),
    "MultiChainComparison": lambda: dspy.MultiChainComparison("q -> a", M=2),
    "ProgramOfThought": lambda: dspy.ProgramOfThought("q -> a"),
    "CodeAct": lambda: dspy.CodeAct("q -> a", tools=[tool]),
    "RLM": lambda: dspy.RLM("q -> a"),
    "Refine": lambda: dspy.Refine(
        dspy.ChainOfThought("q -> a"), N=2, reward_fn=reward, threshold=1.0
    ),
    "BestOfN": lambda: dspy.BestOfN(
        dspy.ChainOfThought("q -> a"), N=2, reward_fn=reward, threshold=1.0
    ),
    "Flex": lambda: dspy.Flex("q -> a"),
    "ReActV2": lambda: dspy.ReActV2("q -> a", tools=[tool]),
    "WithLock": WithLock,
    "WithRetriever": WithRetriever,
}


@pytest.fixture
def repo(store_url):
    with SessionRepository.open(store_url, migrate=True) as repo:
        repo.create_session("s")
        yield repo


def through_the_store(repo, saved, loaded):
    save_module(repo, "s", "p", saved)
    assert load_module(repo, "s", "p", loaded) is None
    return loaded


@pytest.mark.filterwarnings("ignore")  # some kinds are experimental or deprecated
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_module_comes_back(repo, kind):
    if kind not in vars(dspy) and kind not in globals():
        pytest.skip(f"this version of DSPy has no {kind}")
    try:
        saved, loaded = KINDS[kind](), KINDS[kind]()
    except ImportError as error:
        pytest.skip(f"{kind} needs more than DSPy: {error}")
    for number, predictor in enumerate(saved.predictors()):
        predictor.signature = predictor.signature.with_instructions(f"Instructions {number}")
        predictor.demos = [dspy.Example(q="1", a=str(number)).with_inputs("q")]
        predictor.config = {"temperature": number / 10}

    through_the_store(repo, saved, loaded)

    for old, new in zip(saved.predictors(), loaded.predictors(), strict=True):
        assert new.signature.equals(old.signature)
        assert (new.demos, new.config) == (old.demos, old.config)


def test_the_k_of_a_retriever_comes_back(repo):
    saved = WithRetriever()
    saved.retrieve.k = 7

    assert through_the_store(repo, saved, WithRetriever()).retrieve.k == 7


def test_the_source_of_a_flex_comes_back(repo):
    if not hasattr(dspy, "Flex"):
        pytest.skip("this version of DSPy has no Flex")
    saved, loaded = KINDS["Flex"](), KINDS["Flex"]()
    saved._bind_code(saved.module_src.replace("forward", "forward", 1) + "\n# optimised")

    assert "# optimised" in through_the_store(repo, saved, loaded).module_src


def test_criteria_of_a_decision_come_back(repo):
    def predictor():
        return dspy.Predict("q -> good: bool")

    if not hasattr(dspy.Predict, "set_criteria"):
        pytest.skip("this version of DSPy has no criteria")
    saved = predictor()
    saved.set_criteria("good", {"true": "It is short."})

    loaded = through_the_store(repo, saved, predictor())

    assert loaded.get_criteria("good") == saved.get_criteria("good")


def test_examples_inside_a_demo_come_back_as_dspy_saves_them(repo):
    saved = dspy.ChainOfThought("q -> a")
    saved.predict.demos = [
        dspy.Example(q=[dspy.Example(q="1"), dspy.Example(q="2")], a="x", reasoning="-")
    ]

    loaded = through_the_store(repo, saved, dspy.ChainOfThought("q -> a"))

    assert loaded.predict.demos[0].toDict() == saved.predict.demos[0].toDict()


def test_typed_demos_come_back_as_what_they_were(repo):
    items = [Item(name="apple", quantity=5), Item(name="pear", quantity=3)]
    saved = dspy.Predict(Inventory)
    saved.demos = [
        dspy.Example(
            items=items,
            by_name={item.name: item for item in items},
            status=Status.DONE,
            pages=[Page(url="https://example.com/", seen=datetime(2026, 1, 1))],  # noqa: DTZ001
            pair=(1, "x"),
        ).with_inputs("items", "by_name", "status"),
        dspy.Example(items=[], by_name={}, status=None, pages=[], pair=(2, "y")),
    ]

    loaded = through_the_store(repo, saved, dspy.Predict(Inventory))

    assert loaded.demos == saved.demos
    assert type(loaded.demos[0].pair) is tuple
    assert loaded.demos[0].status is Status.DONE


def test_dates_of_a_compiled_program_come_back_without_pickle(repo):
    trainset = [
        dspy.Example(current=date(2026, 1, 1), target=date(2026, 1, 1 + n), days=n).with_inputs(
            "current", "target"
        )
        for n in range(1, 5)
    ]
    lm = DummyLM([{"days": str(n), "reasoning": "-"} for n in range(1, 20)])
    with dspy.context(lm=lm):
        optimizer = dspy.BootstrapFewShot(metric=lambda *_: True, max_bootstrapped_demos=2)
        compiled = optimizer.compile(dspy.ChainOfThought(Dates), trainset=trainset)

    loaded = through_the_store(repo, compiled, dspy.ChainOfThought(Dates))

    assert loaded.predict.demos == compiled.predict.demos
    assert type(loaded.predict.demos[0].current) is date
    assert loaded._compiled


def test_the_stored_description_of_a_field_wins(repo):
    saved = dspy.Predict(dspy.Signature("sentence -> sentiment", "Old."))
    new = dspy.Signature("sentence -> sentiment", "New.")
    loaded = dspy.Predict(new.with_updated_fields("sentence", desc="new description"))

    through_the_store(repo, saved, loaded)

    assert loaded.signature.dump_state() == saved.signature.dump_state()
