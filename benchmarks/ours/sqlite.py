"""``SessionRepository`` on a file and in memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks import seed
from benchmarks.baselines.sqlite import connect
from benchmarks.implementations import Lab, UnavailableError
from benchmarks.logs import log_makers
from benchmarks.ours.logs import start_logs
from benchmarks.ours.scattered import start_large, start_scattered
from benchmarks.scattered import large_makers, scattered_makers
from benchmarks.work import (
    Bench,
    Operations,
    array_makers,
    filled_array,
    large_session_makers,
    logged,
    reading,
    scalar_makers,
    writing,
    written_by_threads,
)
from benchmarks.workload import NAMES, PLAIN, PREFIX_PATTERN, READS, UPDATED, UPDATES
from snakestore import SessionRepository

THREADS = 8
"""Threads that write together."""


def new_repository(lab: Lab, name: str, **options: Any) -> tuple[SessionRepository, Operations]:
    """A repository on a new seeded file, and its operations for the jobs."""
    path = lab.new_path(name)
    repo = SessionRepository.open(path, **options)
    return repo, operations_of(repo, path)


def operations_of(repo: SessionRepository, path: Path) -> Operations:
    """The operations of a repository whose file is seeded on a separate connection."""
    seeds = connect(path)
    seed.in_file(seeds)
    return Operations(
        get_value=repo.get_value,
        get_record=repo.get_variable,
        update=repo.update_variable,
        register=repo.register_variable,
        update_many=repo.update_variables,
        list_records=repo.list_variables,
        pattern=PREFIX_PATTERN,
        delete_expired=repo.delete_expired,
        longest_transaction=partial(longest_transaction, repo),
        seeds=seeds,
    )


def longest_transaction(repo: SessionRepository) -> float:
    """Sweep; returns the longest time between two calls of ``progress``, in seconds."""
    moments = [perf_counter()]
    repo.delete_expired(progress=lambda _: moments.append(perf_counter()))
    return max(after - before for before, after in pairwise(moments))


def open_default(lab: Lab) -> Bench:
    """With default options."""
    repo, operations = new_repository(lab, "snakestore.db")
    makers = (
        scalar_makers(operations)
        | array_makers(operations)
        | large_session_makers(
            operations,
            repo.put_variable,
            lambda sid, count: repo.list_variables(sid, limit=count, reverse=True),
        )
    )
    makers["history"] = lambda: logged(
        operations.seeds, writing(operations.update, UPDATES, UPDATED)
    )
    makers["async-get-sync"] = lambda: reading(repo.get_value, READS, NAMES)
    makers["threads-together"] = lambda: writing(repo.update_variable, UPDATES, UPDATED)
    makers["async-together"] = lambda: writing(repo.update_variable, UPDATES, UPDATED)
    makers["history-read"] = lambda: reading(operations.get_value, UPDATES, UPDATED)
    closers = [repo.close, operations.seeds.close]
    makers |= log_makers(lambda: start_logs(lab, closers))
    makers |= scattered_makers(lambda: start_scattered(lab, closers))
    makers |= large_makers(lambda: start_large(lab, closers))
    return Bench(makers, closers)


def open_without_history(lab: Lab) -> Bench:
    """With ``history=0``."""
    repo, operations = new_repository(lab, "no-history.db", history=0)
    makers = {
        "history": lambda: logged(operations.seeds, writing(operations.update, PLAIN, UPDATED)),
        "history-read": lambda: reading(operations.get_value, PLAIN, UPDATED),
    }
    return Bench(makers, [repo.close, operations.seeds.close])


def open_threaded(lab: Lab) -> Bench:
    """With default options, for threads that write at the same time."""
    repo, operations = new_repository(lab, "threaded.db")
    threads = ThreadPoolExecutor(THREADS)
    makers = {
        "threads-together": lambda: written_by_threads(
            threads, THREADS, repo.update_variable, UPDATES, UPDATED
        )
    }
    return Bench(makers, [threads.shutdown, repo.close, operations.seeds.close])


def open_cached(lab: Lab) -> Bench:
    """With ``cache=True``."""
    try:
        repo, operations = new_repository(lab, "cached.db", cache=True)
    except TypeError as error:
        message = f"this version of snakestore has no option cache ({error})"
        raise UnavailableError(message) from error
    closers = [repo.close, operations.seeds.close]
    makers = {"get": lambda: reading(operations.get_value, READS, NAMES)}
    makers |= large_makers(lambda: start_large(lab, closers, cache=True))
    return Bench(makers, closers)


def open_to_numpy(lab: Lab) -> Bench:
    """Arrays returned as numpy arrays."""
    repo, operations = new_repository(lab, "to-numpy.db")

    def _load(sid: str, name: str) -> Any:
        return repo.get_variable(sid, name).to_numpy()

    if not hasattr(repo.register_variable(READS, "probe", "embedding", [0.0]), "to_numpy"):
        message = "this version of snakestore has no Variable.to_numpy"
        raise UnavailableError(message)
    makers = {
        "embedding-load": lambda: reading(
            _load, filled_array(operations, "embedding"), ["embedding"]
        ),
        "tensor-load": lambda: reading(_load, filled_array(operations, "tensor"), ["tensor"]),
    }
    return Bench(makers, [repo.close, operations.seeds.close])


def open_memory(_: Lab) -> Bench:
    """A database in memory, seeded through the repository, because nothing else can reach it."""
    repo = SessionRepository.open("sqlite://")
    repo.create_session(READS)
    repo.create_session(UPDATES)
    with repo.transaction() as transaction:
        for name in NAMES:
            transaction.register_variable(
                READS, name, "float", 0.5, constraints={"min": 0.0, "max": 1.0}
            )
        for name in UPDATED:
            transaction.register_variable(
                UPDATES, name, "float", 0.5, constraints={"min": 0.0, "max": 1.0}
            )
            for number in range(100):
                transaction.update_variable(UPDATES, name, number / 100)
    makers = {
        "memory-get": lambda: reading(repo.get_value, READS, NAMES),
        "memory-update": lambda: writing(repo.update_variable, UPDATES, UPDATED),
    }
    return Bench(makers, [repo.close])
