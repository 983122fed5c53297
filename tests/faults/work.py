"""What the processes do, and broken variants of the library that the scenarios must detect."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import snakestore
from snakestore import SessionRepository, StoreBusyError, VersionConflictError
from snakestore.storage.dialects.sqlite.dialect import SQLite
from snakestore.storage.execution import autocommit
from snakestore.storage.execution.driver_connection import DriverConnection
from tests.faults.crew import Log

BATCH = [f"b{number}" for number in range(100)]


# --- broken variants


def _lock_nothing(_backend: SQLite, connection: Any) -> None:
    if not connection.in_transaction():
        connection.begin()


def _no_lock_at_start() -> None:
    SQLite.lock_for_migration = _lock_nothing


def _deferred() -> None:
    """BEGIN instead of BEGIN IMMEDIATE, and no second try, which would cover it up."""
    SQLite.begin_write = "BEGIN"
    autocommit.is_busy = lambda _error: False


def _no_transactions() -> None:
    DriverConnection.begin = lambda self, *, write: None
    DriverConnection.commit = lambda self: None


BREAK: dict[str | None, Callable[[], None]] = {
    None: lambda: None,
    "get then set": lambda: None,  # the caller's own mistake, see increment
    "no lock at start": _no_lock_at_start,
    "no BEGIN IMMEDIATE": _deferred,
    "no transactions": _no_transactions,
}


# --- opening


def open_and_count(path: Path, broken: str | None = None) -> tuple[float, int]:
    """Open a store that may be missing, and use it. Returns the seconds and the sessions."""
    BREAK[broken]()
    began = time.monotonic()
    with SessionRepository.open(path) as repo:
        repo.create_session("all", exist_ok=True, ttl=None)
        took = time.monotonic() - began
        return took, repo.store_stats().sessions


# --- contending


def prepare(path: Path) -> None:
    """The variables that the scenes of contention share."""
    with SessionRepository.open(path, history=20) as repo:
        repo.create_session("s", ttl=None)
        for name in ("updated", "modified", "compared", *BATCH):
            repo.register_variable("s", name, "integer", 0)


def increment(repo: SessionRepository, broken: str | None) -> None:
    """Count one up."""
    if broken == "get then set":
        repo.update_variable("s", "modified", repo.get_value("s", "modified") + 1)
    else:
        repo.modify_variable("s", "modified", lambda value: value + 1)


def compare_and_set(repo: SessionRepository) -> None:
    """Count one up by expected versions."""
    while True:
        seen = repo.get_variable("s", "compared")
        try:
            repo.update_variable("s", "compared", seen.value + 1, expected_version=seen.version)
        except VersionConflictError:
            continue
        return


def contend(
    path: Path, worker: int, rounds: int, batches: int, broken: str | None = None
) -> dict[str, list[float]]:
    """Updates, modifies, compare-and-sets and batches; how long each write took, by kind."""
    BREAK[broken]()
    waits: dict[str, list[float]] = {
        "update": [],
        "modify": [],
        "compare-and-set": [],
        "batch of 100": [],
    }

    def timed(kind: str, action: Callable[[], Any]) -> None:
        began = time.perf_counter()
        action()
        waits[kind].append(time.perf_counter() - began)

    with SessionRepository.open(path) as repo:
        for number in range(rounds):
            timed(
                "update",
                lambda number=number: repo.update_variable(
                    "s", "updated", worker * rounds + number
                ),
            )
            timed("modify", lambda: increment(repo, broken))
            timed("compare-and-set", lambda: compare_and_set(repo))
            if number < batches:
                timed(
                    "batch of 100",
                    lambda number=number: repo.update_variables(
                        "s", dict.fromkeys(BATCH, worker * batches + number)
                    ),
                )
    return waits


def wait_for_lock(path: Path, busy_timeout: float) -> float:
    """Write while somebody else holds the lock for good; the seconds until StoreBusyError."""
    with SessionRepository.open(path, busy_timeout=busy_timeout) as repo:
        repo.get_value("s", "updated")
        began = time.monotonic()
        try:
            repo.update_variable("s", "updated", -1)
        except StoreBusyError:
            return time.monotonic() - began
    message = "the write went through a lock"
    raise AssertionError(message)


# --- until killed


def _updates(repo: SessionRepository, log: Log, worker: int) -> None:
    number = 0
    while True:
        number += 1
        version = repo.update_variable("s", f"own{worker}", number).version
        log.write(f"update {worker} {number} {version}")
        repo.modify_variable("s", "modified", lambda value: value + 1)
        log.write("modify")


def _batches(repo: SessionRepository, log: Log, worker: int) -> None:
    number = 0
    while True:
        number += 1
        written = repo.update_variables("s", dict.fromkeys(BATCH, number * 10 + worker))
        log.write(f"batch {written[BATCH[0]].version} {number * 10 + worker}")


def _sweeps(repo: SessionRepository, log: Log, worker: int) -> None:
    number = 0
    while True:
        number += 1
        for each in range(20):
            sid = f"w{worker}-{number}-{each}"
            repo.create_session(sid, ttl=0.001 if each % 2 else None)
            repo.register_variable(sid, "v", "integer", each) if each % 2 == 0 else None
            log.write(f"session {sid} {'dies' if each % 2 else 'lives'}")
        repo.delete_expired(batch_size=3)


def _history(repo: SessionRepository, log: Log, worker: int) -> None:
    number = 0
    while True:
        number += 1
        repo.update_variable("s", f"own{worker}", number)
        log.write(f"update {worker} {number} -")
        if number % 5 == 0:
            repo.rollback_variable(
                "s", f"own{worker}", repo.variable_history("s", f"own{worker}", limit=1)[0].version
            )
        if number % 7 == 0:
            repo.prune_history("s", keep=3)
        if number % 11 == 0:
            repo.update_session("s", history=5 + number % 4)


def _claims(repo: SessionRepository, log: Log, worker: int) -> None:
    """Claim jobs, each under an id of its own, and give back every other one."""
    number, held = 0, []
    while True:
        number += 1
        who = f"{worker}-{number}"
        job = repo.claim_variable("s", "b*", who, worker, lease=3600)
        if job is not None:
            log.write(f"claim {who} {job.name}")
            held.append((job.name, who))
        if job is None or number % 2:
            name, who = held.pop(0)
            log.write(f"ending {who} {name}")
            repo.end_optimization("s", name, who)


def _appends(repo: SessionRepository, log: Log, worker: int) -> None:
    """Append pairs to one log of all; cap a log of the worker's own and pop from it."""
    number, capped = 0, f"capped{worker}"
    while True:
        number += 1
        repo.append_log("s", "shared", [[worker, number, "first"], [worker, number, "second"]])
        log.write(f"append {worker} {number}")
        repo.append_log("s", capped, range(number, number + 3), keep_last=5)
        repo.pop_log("s", capped)
        repo.trim_log("s", capped, keep_last=3)


def _imports(repo: SessionRepository, log: Log, worker: int) -> None:
    """Import three sessions of one export, replacing those of before; then delete one of them."""
    with SessionRepository.open("sqlite://") as source:
        for number in range(3):
            sid = f"imported{worker}-{number}"
            source.create_session(sid, ttl=None)
            source.append_log(sid, "log", range(20))
        records = list(source.export_sessions())
    while True:
        repo.import_sessions(records, on_conflict="replace")
        log.write(f"import {worker}")
        repo.delete_session(f"imported{worker}-0")


def _compacts(repo: SessionRepository, log: Log, worker: int) -> None:
    """Fill a session, delete it, and return its space to the disk."""
    for number in itertools.count(1):
        repo.update_variable("s", f"own{worker}", number)
        log.write(f"update {worker} {number} -")
        repo.create_session(f"filled{worker}", exist_ok=True)
        repo.register_variable(f"filled{worker}", "v", "bytes", bytes(500_000), exist_ok=True)
        repo.delete_session(f"filled{worker}")
        repo.compact()


KINDS = {
    "update": _updates,
    "batch": _batches,
    "sweep": _sweeps,
    "history": _history,
    "claim": _claims,
    "append": _appends,
    "import": _imports,
    "compact": _compacts,
}


def until_killed(
    path: Path, kind: str, log_path: Path, worker: int, broken: str | None = None
) -> None:
    """Do one kind of writes for ever, and log what was acknowledged."""
    BREAK[broken]()
    log = Log(log_path)
    with SessionRepository.open(path) as repo:
        KINDS[kind](repo, log, worker)


def migrate_until_killed(path: Path, _worker: int) -> None:
    """Migrate back and forth, for ever."""
    while True:
        snakestore.upgrade(path)
        snakestore.downgrade(path, "0001")


# --- sweeping


def sweep(path: Path) -> int:
    """Delete what has expired; how many that were."""
    with SessionRepository.open(path) as repo:
        return repo.delete_expired()


def write_meanwhile(path: Path, worker: int, stop: Path) -> list[float]:
    """Write to live sessions until the sweepers are done; how long each write took."""
    waits = []
    with SessionRepository.open(path) as repo:
        number = 0
        while not stop.exists():
            number += 1
            began = time.perf_counter()
            repo.update_variable(f"live{(worker * 7919 + number) % 100}", "v", number)
            waits.append(time.perf_counter() - began)
            time.sleep(0.001)  # a worker does something else between two writes
    return waits
