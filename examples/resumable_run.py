"""An optimiser is killed twelve times. Its run ends as if it had not been killed.

A second optimiser always waits, and takes over. Run it as
``python resumable_run.py [PATH_OR_URL]``. It prints what it checked, and exits with 1 if anything
is wrong.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import pairwise
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from support.verdict import Verdict

from snakestore import LeaseLostError, SessionRepository, VariableLockedError

KILLED, UNDISTURBED = "killed-run", "undisturbed-run"
STEPS, KILLS = 90, 12
LEASE = 6.0  # seconds; renewed in the background
START = {"step": 0, "temperature": 1.0, "score": -1.0}
State = dict[str, Any]
Pay = Callable[[int, float], float]


# --- the optimiser: what you would write


def optimise(store: str, run: str, pay: Pay) -> None:
    """Go on with a run where it is, as soon as no other optimiser works on it."""
    name = f"optimiser-{os.getpid()}"
    with SessionRepository.open(store) as repo:
        while repo.get_value(run, "state")["step"] < STEPS:
            try:
                with repo.lease(run, "state", seconds=LEASE, optimizer_id=name) as lease:
                    state = lease.variable.value
                    while state["step"] < STEPS:
                        state = next_step(state, pay)
                        lease.update(state)  # refused if another optimiser has taken over
            except (VariableLockedError, LeaseLostError):
                time.sleep(0.05)  # another optimiser works: wait, and read again


def next_step(state: State, pay: Pay) -> State:
    """Try another temperature. The same state always gives the same step."""
    step: int = state["step"]
    candidate = round(state["temperature"] + random.Random(step).gauss(0, 0.1), 6)
    score = pay(step, candidate)
    if score > state["score"]:
        return {"step": step + 1, "temperature": candidate, "score": score}
    return {**state, "step": step + 1}


# --- what a step costs, and who is killed


def pay_for(bill: Path, step: int, temperature: float) -> float:
    """Pay for a score, and write the step on the bill."""
    with bill.open("ab", buffering=0) as lines:
        lines.write(b"%d\n" % step)
    time.sleep(0.005)
    return round(-((temperature - 0.42) ** 2), 9)


class Doomed:
    """Pays for scores, until this process is killed. ``kills`` says how many are still to be."""

    def __init__(self, bill: Path, kills: Synchronized[int]) -> None:
        self._bill = bill
        self._kills = kills
        self._payments: int | None = None
        """How many more; None: not known yet. Below 0: this process is spared."""

    def __call__(self, step: int, temperature: float) -> float:
        """Pay. Be killed within a random time after the last payment has begun."""
        if self._payments is None:
            with self._kills.get_lock():
                self._payments = random.randint(1, 5) if self._kills.value > 0 else -1
                self._kills.value -= 1
        self._payments -= 1
        if self._payments == 0:
            kill = partial(os.kill, os.getpid(), signal.SIGKILL)
            threading.Timer(random.uniform(0, 0.02), kill).start()
        return pay_for(self._bill, step, temperature)


def supervise(store: str, bill: Path) -> int:
    """Keep two optimisers alive until the run is at its end. How many were killed."""
    context = multiprocessing.get_context("spawn")
    kills = context.Value("i", KILLS)

    def started() -> BaseProcess:
        """Start an optimiser, which may be killed while kills are left."""
        process = context.Process(target=optimise, args=(store, KILLED, Doomed(bill, kills)))
        process.start()
        return process

    alive = [started(), started()]
    killed = 0
    with SessionRepository.open(store) as repo:
        while alive:
            wait([process.sentinel for process in alive])
            for process in [each for each in alive if each.exitcode is not None]:
                alive.remove(process)
                if process.exitcode == 0:
                    continue
                killed += 1
                if killed > 1:  # the first lease runs out; that the others are over is known here
                    with suppress(VariableLockedError):  # another optimiser has taken over
                        repo.end_optimization(KILLED, "state", f"optimiser-{process.pid}")
                alive.append(started())
    return killed


def prepare(repo: SessionRepository) -> None:
    """Begin both runs."""
    for run in (KILLED, UNDISTURBED):
        repo.delete_session(run)
        repo.create_session(run, ttl=None)
        repo.register_variable(run, "state", "json", START)


def states(repo: SessionRepository, run: str) -> list[State]:
    """All states of a run, the newest first."""
    now = repo.get_variable(run, "state")
    return [each.value for each in (now, *repo.variable_history(run, "state"))]


def main(store: str = "resumable-run.db") -> int:
    """Compare a run that is killed with one that is not. The exit code."""
    bill = Path("resumable-run.bill")
    bill.write_bytes(b"")
    with SessionRepository.open(store, migrate=True) as repo:
        prepare(repo)
    optimise(store, UNDISTURBED, partial(pay_for, Path(os.devnull)))
    killed = supervise(store, bill)
    paid = [int(step) for step in bill.read_text("ascii").split()]
    bill.unlink()

    verdict = Verdict("resumable run")
    with SessionRepository.open(store) as repo:
        verdict.equal("optimisers killed", killed, KILLS)
        stored = states(repo, KILLED)
        verdict.equal("steps stored", len(stored) - 1, STEPS)
        verdict.true("each step as in the other run", holds=stored == states(repo, UNDISTURBED))
        verdict.equal("committed steps paid for twice", paid_late(paid), 0)
        verdict.true(
            "payments beyond the steps: at most one a kill", holds=len(paid) <= STEPS + KILLS
        )
        verdict.true("the run is free", holds=not repo.get_variable(KILLED, "state").optimizing)
    return verdict.end()


def paid_late(paid: list[int]) -> int:
    """Payments for a step after the next one was paid for, which only begins once it is stored."""
    return sum(later < earlier for earlier, later in pairwise(paid))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
