"""Eight workers share the 66 trials of a prompt search. One is killed, one is paused.

Run it as ``python prompt_optimiser.py [PATH_OR_URL]``. It prints what it checked, and exits with 1
if anything is wrong.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.synchronize import Barrier
from typing import Any

from support.verdict import Verdict

from snakestore import UNCHANGED, SessionRepository, Variable, VariableLockedError

SEARCH = "prompt-search"
WORKERS = 8
TRIALS = 66
LEASE = 2.0  # seconds, in which a trial is scored; another worker takes over after that
Settings = dict[str, Any]


# --- the worker: what you would write


def work(store: str, name: str, evaluate: Callable[[Settings], float]) -> None:
    """Claim a trial, score it and record it, until none is left."""
    with SessionRepository.open(store) as repo:
        while repo.variable_names(SEARCH, prefix="todo/", limit=1):
            trial = repo.claim_variable(SEARCH, "todo/*", name, lease=LEASE)
            if trial is None:  # others hold the last ones
                time.sleep(0.05)
                continue
            score = evaluate(trial.value)
            try:
                with repo.transaction() as transaction:
                    recorded = record(transaction, trial, name, score)
            except VariableLockedError:  # the lease ran out, and another worker has the trial
                recorded = False
            if not recorded:
                repo.append_log(SEARCH, "refused", [{"worker": name, "trial": trial.name}])


def record(repo: SessionRepository, trial: Variable, worker: str, score: float) -> bool:
    """Replace the trial by its result, and count it. False: another worker has done it."""
    if not repo.delete_variable(SEARCH, trial.id, optimizer_id=worker):
        return False
    result = {"trial": trial.name, "settings": trial.value, "score": score}
    repo.register_variable(SEARCH, trial.name.replace("todo", "done"), "json", result)
    repo.modify_variable(SEARCH, "best", partial(better, result))
    repo.modify_variable(SEARCH, "count", lambda count: count + 1)
    return True


def better(result: dict[str, Any], best: dict[str, Any] | None) -> Any:
    """The new value of ``best``, or UNCHANGED. A tie goes to the lower trial."""
    if best is None or (result["score"], best["trial"]) > (best["score"], result["trial"]):
        return result
    return UNCHANGED


# --- the search, and what happens to its workers


def score_of(settings: Settings) -> float:
    """The score of a prompt, in place of a program that runs on examples."""
    instruction: int = settings["instruction"]
    demos: int = settings["demos"]
    return round(1 - abs(instruction - 7) / 11 - abs(demos - 3) / 20, 6)


def score(settings: Settings) -> float:
    """Take as long as a short call of a model."""
    time.sleep(0.02)
    return score_of(settings)


def score_and_die(settings: Settings) -> float:
    """Score a trial, and be killed before it is recorded."""
    score(settings)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def score_and_pause(settings: Settings) -> float:
    """Score a trial, and be paused until the others are done with everything."""
    found = score(settings)
    os.kill(os.getpid(), signal.SIGSTOP)
    return found


def prepare(repo: SessionRepository) -> None:
    """Begin a search: its trials, no result."""
    repo.delete_session(SEARCH)
    repo.create_session(SEARCH, ttl=None)
    repo.register_variable(SEARCH, "best", "json", None)
    repo.register_variable(SEARCH, "count", "integer", 0)
    repo.register_variable(SEARCH, "control", "integer", 0)
    for number, settings in enumerate(all_settings()):
        repo.register_variable(SEARCH, f"todo/{number:02}", "json", settings)


def all_settings() -> list[Settings]:
    """What is tried."""
    return [{"instruction": n % 11, "demos": n // 11} for n in range(TRIALS)]


def get_then_set(store: str, barrier: Barrier) -> None:
    """The control: count as one must not, so that a lost update would be noticed."""
    with SessionRepository.open(store) as repo:
        count = repo.get_value(SEARCH, "control")
        barrier.wait()
        repo.set_value(SEARCH, "control", count + 1)


def search(store: str) -> None:
    """Let one worker be killed and one be paused, each with a trial, and the others do the rest."""
    context = multiprocessing.get_context("spawn")
    evaluations = [score_and_die, score_and_pause, *[score] * (WORKERS - 2)]
    workers = [
        context.Process(target=work, args=(store, f"worker-{number}", evaluate))
        for number, evaluate in enumerate(evaluations)
    ]
    killed, paused, *others = workers
    killed.start()
    paused.start()
    os.waitpid(paused.pid or 0, os.WUNTRACED)  # it has a trial, and sleeps
    killed.join()
    for worker in others:
        worker.start()
    for worker in others:
        worker.join()
    os.kill(paused.pid or 0, signal.SIGCONT)
    paused.join()

    barrier = context.Barrier(WORKERS)
    control = [context.Process(target=get_then_set, args=(store, barrier)) for _ in range(WORKERS)]
    for process in control:
        process.start()
    for process in control:
        process.join()


def main(store: str = "prompt-optimiser.db") -> int:
    """Search, and check what is stored. The exit code."""
    with SessionRepository.open(store, migrate=True) as repo:
        prepare(repo)
    search(store)

    verdict = Verdict("prompt search")
    with SessionRepository.open(store) as repo:
        done = repo.list_variables(SEARCH, "done/*")
        best = repo.get_value(SEARCH, "best")
        refused = {entry.value["worker"] for entry in repo.read_log(SEARCH, "refused")}
        verdict.equal("trials recorded", len(done), TRIALS)
        verdict.equal("trials recorded twice", sum(each.version > 0 for each in done), 0)
        verdict.equal("trials left", len(repo.variable_names(SEARCH, "todo/*")), 0)
        verdict.equal("the counter", repo.get_value(SEARCH, "count"), TRIALS)
        offline = max(score_of(settings) for settings in all_settings())
        verdict.equal("the best score, as computed offline", best["score"], offline)
        verdict.true("the paused worker was refused", holds="worker-1" in refused)
        lost = WORKERS - repo.get_value(SEARCH, "control")
        verdict.true("control by get, then set, loses updates", holds=lost > 0)
    return verdict.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
