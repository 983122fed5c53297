"""Three processes increment one variable in the same file; no update is lost."""

from __future__ import annotations

import multiprocessing

from snakestore import SessionRepository

STORE = "shared-counter.db"
PROCESSES = 3
COUNTS = 50


def count(worker: str) -> None:
    """Open the file, create the variable if it is missing, and increment it."""
    with SessionRepository.open(STORE) as repo:
        repo.create_session("visits", ttl=None, exist_ok=True)
        repo.register_variable("visits", "count", "integer", 0, exist_ok=True)
        for _ in range(COUNTS):
            repo.modify_variable("visits", "count", lambda value: value + 1, source=worker)


def main() -> None:
    """Run the processes and check the result."""
    with SessionRepository.open(STORE) as repo:
        before = repo.get_value("visits", "count", 0) if repo.session_exists("visits") else 0
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=count, args=(f"worker-{number}",)) for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with SessionRepository.open(STORE) as repo:
        after = repo.get_value("visits", "count")
    print(f"{PROCESSES} processes added {COUNTS} each: {before} -> {after}")
    print("lost updates:", before + PROCESSES * COUNTS - after)


if __name__ == "__main__":
    main()
