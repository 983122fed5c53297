"""Worker processes share trials: each is claimed by one of them, measured, and crossed off."""

from __future__ import annotations

import multiprocessing
import uuid
from functools import partial
from typing import Any

from snakestore import (
    UNCHANGED,
    SessionRepository,
    Variable,
    VariableLockedError,
    VariableNotFoundError,
)

STORE = "share-work.db"
SESSION = "search"
WORKERS = 3
TRIALS = 12


def measure(settings: dict[str, Any]) -> float:
    """The score of one trial, in place of something that takes minutes."""
    temperature: float = settings["temperature"]
    return 1.0 - (temperature - 0.42) ** 2


def work(name: str) -> None:
    """Claim one trial after the other until none is left."""
    # an id of its own for each process: one that is restarted is another
    worker = f"{name}-{uuid.uuid4().hex}"
    with SessionRepository.open(STORE) as repo:
        while (trial := repo.claim_variable(SESSION, "todo/*", worker, lease=60)) is not None:
            try:
                # renewed while it is measured; if this process dies, another claims it in a minute
                with repo.lease(SESSION, trial.id, optimizer_id=worker):
                    result = {"trial": trial.name, "score": measure(trial.value), "by": name}
                    # the result is stored and the trial crossed off, or neither
                    with repo.transaction() as transaction:
                        store(transaction, trial, worker, result)
            except (VariableLockedError, VariableNotFoundError):
                continue  # it slept past its lease: the trial is another worker's, or done


def store(
    transaction: SessionRepository, trial: Variable, worker: str, result: dict[str, Any]
) -> None:
    """Cross the trial off, and store its result."""
    if not transaction.delete_variable(SESSION, trial.id, optimizer_id=worker):
        return  # it is not there: another worker has stored its result meanwhile
    transaction.register_variable(SESSION, trial.name.replace("todo", "done"), "json", result)
    transaction.modify_variable(SESSION, "best", partial(better, result))


def better(result: dict[str, Any], best: dict[str, Any] | None) -> Any:
    """The new value of ``best``. It is compared where it is written, so no result gets lost."""
    return result if best is None or result["score"] > best["score"] else UNCHANGED


def main() -> None:
    """Put the trials into a session, let the workers share them, and show the best."""
    with SessionRepository.open(STORE) as repo:
        repo.create_session(SESSION, ttl=None, exist_ok=True)
        repo.register_variable(SESSION, "best", "json", None, exist_ok=True)
        for number in range(TRIALS):
            if not repo.has_variable(SESSION, f"done/{number:02}"):
                settings = {"temperature": number / TRIALS}
                repo.register_variable(
                    SESSION, f"todo/{number:02}", "json", settings, exist_ok=True
                )

    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=work, args=(f"worker-{number}",)) for number in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    with SessionRepository.open(STORE) as repo:
        done = repo.variable_names(SESSION, "done/*")
        print(f"{len(done)} of {TRIALS} trials measured, each once")
        print("still to do:", repo.variable_names(SESSION, "todo/*"))
        best = repo.get_value(SESSION, "best")
        print(f"best: {best['trial']}, score {best['score']:.4f}")


if __name__ == "__main__":
    main()
