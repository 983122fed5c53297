"""Runs of DSPy's optimisers with an LM and a metric that cost something, which may be killed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections import Counter
from pathlib import Path

import dspy
from dspy.utils.dummies import DummyLM

from snakestore.integrations.dspy import TrialLog, save_module

TRAINSET = [
    dspy.Example(question=f"q{n}", answer=f"a{n}").with_inputs("question") for n in range(6)
]
VALSET = [dspy.Example(question=f"v{n}", answer=f"b{n}").with_inputs("question") for n in range(8)]
RIGHT = {example.question: example.answer for example in (*TRAINSET, *VALSET)}
# the outputs of the predictors that propose instructions
PROPOSER = (
    "observations",
    "summary",
    "program_description",
    "module_description",
    "proposed_instruction",
    "improved_instruction",
)


class Till:
    """Writes down what is paid for, in a file that outlives the process."""

    def __init__(self, path: str, *, kill_at: int | None = None) -> None:
        self.path = Path(path)
        self.left = kill_at

    def pay(self, kind: str, what: object) -> None:
        """Pay, or die before."""
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.left is not None:
            self.left -= 1
        digest = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{kind} {digest}\n")

    def paid(self) -> Counter[str]:
        """How often each thing was paid for."""
        return Counter(self.path.read_text("utf-8").splitlines() if self.path.exists() else [])


class CostlyLM(DummyLM):
    """Answers by a hash of the prompt, so other candidates get other scores."""

    def __init__(self, till: Till) -> None:
        super().__init__([], follow_examples=True)
        self.till = till

    def __call__(self, prompt=None, messages=None, **kwargs):
        self.till.pay("lm", [prompt, messages, {**self.kwargs, **kwargs}])
        return super().__call__(prompt, messages=messages, **kwargs)

    def __deepcopy__(self, memo):
        return self

    def _use_example(self, messages):
        text = json.dumps(messages)
        number = int(hashlib.sha256(text.encode()).hexdigest(), 16)
        if "new_instruction" in text:  # GEPA's proposer, which wants JSON
            return json.dumps({"new_instruction": f"Instruction {number % 1000}"})
        asked = next((q for q in RIGHT if f"\n{q}\n" in messages[-1]["content"]), "")
        answer = RIGHT.get(asked, "") if number % 3 else "wrong"
        proposed = dict.fromkeys(PROPOSER, f"Instruction {number % 1000}")
        return self._format_answer_fields({"answer": answer, "reasoning": "so", **proposed})


def metric_of(till: Till):
    def metric(example, prediction, trace=None, pred_name=None, pred_trace=None):
        till.pay("metric", [example.question, prediction.answer, trace is None, pred_name])
        score = float(example.answer == prediction.answer)
        if pred_name is None:
            return score
        return dspy.Prediction(score=score, feedback=f"It was {example.answer}.")

    return metric


def random_search(metric, lm):
    return dspy.BootstrapFewShotWithRandomSearch(
        metric=metric, num_candidate_programs=3, max_bootstrapped_demos=2, num_threads=1
    )


def mipro(metric, lm):
    return dspy.MIPROv2(
        metric=metric, prompt_model=lm, task_model=lm, auto=None, num_candidates=3, num_threads=1
    )


def gepa(metric, lm):
    return dspy.GEPA(
        metric=metric, max_metric_calls=60, reflection_lm=lm, num_threads=1, seed=1, use_merge=False
    )


COMPILE = {
    random_search: {},
    mipro: {"num_trials": 6, "minibatch": True, "minibatch_size": 3},
    gepa: {},
}


def study_of(make) -> dict[str, object]:
    """What the run of an optimiser is started with."""
    return {"params": {"optimiser": make.__name__}, "dataset": TRAINSET + VALSET, "seed": 1}


def optimise(make, url: str, till_path: str, kill_at: int | None = None) -> None:
    """Optimise a program, and save it as the program "result" of the session "s"."""
    till = Till(till_path, kill_at=kill_at)
    student = dspy.ChainOfThought("question -> answer")
    with TrialLog(url, "s", "run", **study_of(make)) as log:
        lm = log.lm(CostlyLM(till))
        with dspy.context(lm=lm, callbacks=[log.callback()]):
            optimiser = make(log.metric(metric_of(till)), lm)
            program = optimiser.compile(student, trainset=TRAINSET, valset=VALSET, **COMPILE[make])
        save_module(url, "s", "result", program, omit_secrets=True)
