"""Variables steer a live DSPy module."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from snakestore import SessionRepository, StoreError, ValidationError, VariableNotFoundError

dspy = pytest.importorskip("dspy", reason="needs the extra dspy")

from dspy.utils.dummies import DummyLM  # noqa: E402 - after the skip

from snakestore.integrations.dspy import bind, load_module, save_module, unbind  # noqa: E402


class Twice(dspy.Module):
    """Two calls of predictors, and what comes between them."""

    def __init__(self, between=lambda: None):
        super().__init__()
        self.predictor = dspy.Predict("question -> answer", n=1)
        self.others = [dspy.ChainOfThought("question -> answer")]
        self.between = between

    def forward(self, question):
        self.predictor(question=question)
        self.between()
        return self.others[0](question=question)

    async def aforward(self, question):
        await self.predictor.acall(question=question)
        self.between()
        return await self.others[0].acall(question=question)


PATHS = {
    "predictor.config.temperature": "temperature",
    "others[0].predict.config.temperature": "temperature",
    "others[0].predict.signature.instructions": "prompt",
}


@pytest.fixture
def repo(store_url):
    with SessionRepository.open(store_url, migrate=True) as repo:
        repo.create_session("s")
        repo.set_values("s", {"temperature": 0.5, "prompt": "Be brief."})
        yield repo


@pytest.fixture
def lm():
    lm = DummyLM({"": {"answer": "yes", "reasoning": "so"}})
    with dspy.context(lm=lm):
        yield lm


def seen(lm):
    """The temperature of each call of the LM."""
    return [call["kwargs"].get("temperature") for call in lm.history]


def test_a_variable_steers_each_call_without_a_restart(repo, lm):
    module = bind(Twice(), repo, "s", PATHS)

    module(question="?")
    repo.set_value("s", "temperature", 0.9)
    module(question="?")

    assert seen(lm) == [0.5, 0.5, 0.9, 0.9]
    assert "Be brief." in lm.history[-1]["messages"][0]["content"]


def test_a_call_sees_one_version_although_a_variable_changes_meanwhile(repo, lm):
    module = bind(Twice(lambda: repo.set_value("s", "temperature", 0.9)), repo, "s", PATHS)

    module(question="?")

    assert seen(lm) == [0.5, 0.5]


def test_awaited_calls_are_steered_too(repo, lm):
    module = bind(Twice(lambda: repo.set_value("s", "temperature", 0.9)), repo, "s", PATHS)

    asyncio.run(module.acall(question="?"))
    asyncio.run(module.acall(question="?"))

    assert seen(lm) == [0.5, 0.5, 0.9, 0.9]


def test_threads_that_call_at_once_see_one_version_each(repo):
    met = threading.Barrier(4, timeout=20)
    module = bind(Twice(met.wait), repo, "s", PATHS)

    def call(number):
        # one call after the other starts with its own value; all end together
        with lock:
            repo.set_value("s", "temperature", number / 10)
            started = threading.Event()
            lm = DummyLM({"": {"answer": "yes", "reasoning": "so"}})
            lm.update_history = lambda entry: (
                (seen_by.setdefault(number, []), started.set())
                and (seen_by[number].append(entry["kwargs"]["temperature"]))
            )
            future = pool.submit(run, lm)
            started.wait(20)
        return future.result()

    def run(lm):
        with dspy.context(lm=lm):
            return module(question="?")

    lock, seen_by = threading.Lock(), {}
    with ThreadPoolExecutor(4) as pool, ThreadPoolExecutor(4) as callers:
        list(callers.map(call, range(1, 5)))

    assert seen_by == {number: [number / 10] * 2 for number in range(1, 5)}


def test_dspys_own_threads_see_the_version_of_the_call(repo, lm):
    class Parallel(Twice):
        def forward(self, question):
            repo.set_value("s", "temperature", 0.9)
            pairs = [
                (self.predictor, {"question": question}),
                (self.others[0], {"question": question}),
            ]
            return dspy.Parallel(num_threads=2, disable_progress_bar=True)(pairs)

    module = bind(Parallel(), repo, "s", PATHS)

    module(question="?")

    assert seen(lm) == [0.5, 0.5]


def test_a_predictor_that_is_called_alone_is_steered(repo, lm):
    module = bind(Twice(), repo, "s", PATHS)

    module.predictor(question="?")

    assert seen(lm) == [0.5]


def test_a_module_that_is_a_predictor_can_be_bound(repo, lm):
    paths = {"config.temperature": "temperature", "demos": "demos"}
    repo.set_value("s", "demos", [{"question": "in the demo", "answer": "x"}])
    module = bind(dspy.Predict("question -> answer"), repo, "s", paths)

    module(question="?")

    assert seen(lm) == [0.5]
    assert "in the demo" in lm.history[0]["messages"][1]["content"]


def test_what_the_caller_says_goes_first(repo, lm):
    module = bind(Twice(), repo, "s", PATHS)

    module.predictor(question="?", config={"temperature": 0.1})

    assert seen(lm) == [0.1]


def test_the_module_itself_is_not_changed(repo, lm):
    module = Twice()
    before = (module.dump_state(), dict(module.predictor.config))

    bind(module, repo, "s", PATHS)
    module(question="?")
    save_module(repo, "s", "p", module)
    load_module(repo, "s", "p", Twice())

    assert (module.dump_state(), module.predictor.config) == before


def test_traces_name_the_predictors_of_the_module_so_optimisers_can_use_it(repo, lm):
    module = bind(Twice(), repo, "s", PATHS)

    with dspy.context(trace=[]):
        module(question="?")
        trace = dspy.settings.trace

    assert [step[0] for step in trace] == [module.predictor, module.others[0].predict]


def test_a_copy_is_bound_too_and_independent(repo, lm):
    copied = bind(Twice(), repo, "s", PATHS).deepcopy()
    copied.predictor.signature = copied.predictor.signature.with_instructions("Only the copy.")

    copied(question="?")

    assert seen(lm) == [0.5, 0.5]
    assert "Only the copy." in lm.history[0]["messages"][0]["content"]


def test_unbinding_ends_it(repo, lm):
    module = bind(Twice(), repo, "s", PATHS)

    unbind(module)
    module(question="?")

    assert 0.5 not in seen(lm)


def test_binding_again_replaces_what_it_was_bound_to(repo, lm):
    module = bind(Twice(), repo, "s", PATHS)
    repo.set_value("s", "other", 0.7)

    bind(module, repo, "s", {"predictor.config.temperature": "other"})
    module(question="?")

    assert seen(lm)[0] == 0.7
    assert seen(lm)[1] != 0.5


def test_unbinding_closes_what_was_opened(store_url, repo):
    module = bind(Twice(), store_url, "s", PATHS)
    opened = vars(module)["forward"].snakestore_binding._repository

    unbind(module)

    with pytest.raises(StoreError, match="closed"):
        opened.session_exists("s")


def test_what_was_opened_is_closed_when_the_module_is_gone(store_url, repo, lm):
    module = bind(Twice(), store_url, "s", PATHS)
    with dspy.context(trace=[]):  # the default one would keep the predictors
        module(question="?")
    opened = vars(module)["forward"].snakestore_binding._repository

    del module
    gc.collect()

    with pytest.raises(StoreError, match="closed"):
        opened.session_exists("s")
    assert repo.session_exists("s")


def test_a_missing_variable_is_named_by_the_call(repo, lm):
    module = bind(Twice(), repo, "s", {"predictor.config.temperature": "none"})

    with pytest.raises(VariableNotFoundError) as missing:
        module(question="?")

    assert missing.value.identifier == "none"


@pytest.mark.parametrize(
    "path",
    [
        "predictor",
        "predictor.config",
        "predictor.lm",
        "predictor.config.api_key",
        "predictor.config.extra_headers",
        "nothing.config.temperature",
        "others[1].config.n",
    ],
)
def test_a_path_that_leads_nowhere_or_to_a_key_is_refused_at_once(repo, path):
    module = Twice()

    with pytest.raises(ValidationError) as refused:
        bind(module, repo, "s", {path: "temperature"})

    assert refused.value.path == f"$.{path}"
    assert "forward" not in vars(module)
