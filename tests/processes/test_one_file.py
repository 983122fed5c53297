"""Several processes on one file: no update is lost, also after a restart."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snakestore import SessionRepository, VersionConflictError, create_variable

SPAWN = multiprocessing.get_context("spawn")
WORKERS, UPDATES, INCREMENTS, MODIFICATIONS, PROMOTIONS = 8, 100, 25, 60, 10
PATIENCE = (
    120.0  # seconds that anything here may take on a machine that is busy with something else
)

_start: Any = None


def stand_ready(start: Any) -> None:
    """Let a worker begin when all have come up."""
    global _start  # noqa: PLW0603 - a spawned worker is handed its barrier before its work
    _start = start


def update_many(path: Path, worker: int) -> int:
    """Open a file that may be missing, and update it. Returns the acknowledged updates."""
    _start.wait(PATIENCE)
    acknowledged = 0
    with SessionRepository.open(path) as repo:
        repo.create_session("shared", ttl=None, exist_ok=True)
        repo.register_variable("shared", "last", "integer", 0, exist_ok=True)
        repo.register_variable("shared", "sum", "integer", 0, exist_ok=True)
        for number in range(UPDATES):
            repo.update_variable("shared", "last", worker * UPDATES + number)
            acknowledged += 1
        for _ in range(INCREMENTS):
            repo.modify_variable("shared", "sum", lambda value: value + 1)
            acknowledged += 1
    return acknowledged


def in_a_process(function: Any, *arguments: Any) -> Any:
    """What ``function`` returns in a fresh process that is gone afterwards."""
    with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
        return pool.submit(function, *arguments).result(PATIENCE)


def test_eight_processes_update_one_variable_of_a_file_that_did_not_exist_and_lose_nothing(
    tmp_path,
):
    path = tmp_path / "agent.db"

    with ProcessPoolExecutor(
        WORKERS, mp_context=SPAWN, initializer=stand_ready, initargs=(SPAWN.Barrier(WORKERS),)
    ) as pool:
        workers = [pool.submit(update_many, path, worker) for worker in range(WORKERS)]
        acknowledged = sum(
            worker.result(PATIENCE) for worker in workers
        )  # an error in any is an error here

    assert acknowledged == WORKERS * (UPDATES + INCREMENTS)
    with SessionRepository.open(path) as repo:
        last, total, stats = (
            repo.get_variable("shared", "last"),
            repo.get_variable("shared", "sum"),
            repo.get_stats("shared"),
        )
        history = repo.variable_history("shared", "sum", limit=100)
    assert last.version == WORKERS * UPDATES == 800
    assert last.value % UPDATES == UPDATES - 1  # the last update of some worker
    assert (total.value, total.version) == (WORKERS * INCREMENTS, WORKERS * INCREMENTS)
    assert [(past.value, past.version) for past in history] == [
        (number, number) for number in range(199, 99, -1)
    ]
    assert (stats.variable_count, stats.program_count, stats.total_variable_updates) == (
        2,
        0,
        2 + acknowledged,
    )
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def add_ones(path: Path) -> None:
    """Add one to ``n`` often, in turn with all others that do."""
    with SessionRepository.open(path) as repo:
        repo.create_session("shared", ttl=None, exist_ok=True)
        repo.register_variable("shared", "n", "integer", 0, exist_ok=True)
        _start.wait(PATIENCE)
        for _ in range(MODIFICATIONS):
            repo.modify_variable("shared", "n", lambda value: value + 1)


def promote(path: Path, worker: int) -> None:
    """Put ``PROMOTIONS`` documents, each on top of the version that it was made from."""
    _start.wait(PATIENCE)
    with SessionRepository.open(path) as repo:
        for number in range(PROMOTIONS):
            while True:
                seen = repo.get_program_record("shared", "qa")
                document = seen.document | {"puts": seen.document["puts"] + 1, "by": worker}
                try:
                    repo.put_program(
                        "shared",
                        "qa",
                        document,
                        expected_version=seen.version,
                        metadata={"number": number},
                    )
                except VersionConflictError:
                    continue
                break


@pytest.mark.slow
def test_no_put_of_a_program_is_lost_if_each_expects_the_version_that_it_read(tmp_path):
    path = tmp_path / "agent.db"
    with SessionRepository.open(path, history=None) as repo:
        repo.create_session("shared", ttl=None)
        repo.put_program("shared", "qa", {"puts": 0})

    with ProcessPoolExecutor(
        WORKERS, mp_context=SPAWN, initializer=stand_ready, initargs=(SPAWN.Barrier(WORKERS),)
    ) as pool:
        workers = [pool.submit(promote, path, worker) for worker in range(WORKERS)]
        for worker in workers:
            worker.result(PATIENCE)

    with SessionRepository.open(path) as repo:
        last = repo.get_program_record("shared", "qa")
        past = repo.program_history("shared", "qa")
        problems = repo.check().problems
    assert last.version == last.document["puts"] == WORKERS * PROMOTIONS
    assert [each.document["puts"] for each in past] == [each.version for each in past]
    assert [each.version for each in past] == list(range(WORKERS * PROMOTIONS))[::-1]
    assert problems == []


@pytest.mark.slow
def test_the_times_of_versions_that_eight_processes_wrote_are_in_their_order(tmp_path):
    path = tmp_path / "agent.db"
    with SessionRepository.open(path, history=None) as repo:
        repo.create_session("shared", ttl=None)

    with ProcessPoolExecutor(
        WORKERS, mp_context=SPAWN, initializer=stand_ready, initargs=(SPAWN.Barrier(WORKERS),)
    ) as pool:
        for worker in [pool.submit(add_ones, path) for _ in range(WORKERS)]:
            worker.result(PATIENCE)

    with SessionRepository.open(path) as repo:
        versions = [
            *reversed(repo.variable_history("shared", "n")),
            repo.get_variable("shared", "n"),
        ]
    assert [(each.version, each.value) for each in versions] == [
        (number, number) for number in range(WORKERS * MODIFICATIONS + 1)
    ]
    times = [each.last_updated_at for each in versions]
    assert times == sorted(times)


# --- two processes


def answer(path: Path) -> tuple[Any, Any]:
    """In another process: read what is there, and write back."""
    with SessionRepository.open(path) as repo:
        seen = repo.get_value("s", "question"), repo.get_program("s", "plan")
        repo.update_variable("s", "question", "answered")
        repo.register_variable("s", "reply", "json", {"pid": os.getpid()})
        repo.delete_program("s", "plan")
    return seen


def test_two_processes_see_what_the_other_wrote(tmp_path):
    with SessionRepository.open(tmp_path / "agent.db") as repo:
        repo.create_session("s")
        repo.register_variable("s", "question", "string", "asked")
        repo.put_program("s", "plan", [1, 2])

        seen = in_a_process(answer, tmp_path / "agent.db")

        assert seen == ("asked", [1, 2])
        assert repo.get_value("s", "question") == "answered"
        assert repo.get_value("s", "reply")["pid"] != os.getpid()
        assert not repo.has_program("s", "plan")


# --- a restart


def everything(repo: SessionRepository) -> Any:
    """All that a repository holds."""
    return [
        (session, repo.list_variables(session.id), repo.get_programs(session.id))
        for session in repo.list_sessions()
    ]


def write_and_die(path: Path) -> Any:
    """In another process: write some of everything, and leave without closing anything."""
    repo = SessionRepository.open(path)
    repo.create_session("a", ttl=None, metadata={"é": [None]}, worker_id="w")
    repo.create_session("b", ttl=1e6)
    repo.put_variable("a", create_variable(name="x", type="float", value=float("-inf")))
    repo.update_variable("a", "x", -0.0, metadata={"why": "because"})
    repo.register_variable(
        "a", "c", "choice", "one", constraints={"choices": ["one", "two"]}, description="a choice"
    )
    repo.start_optimization("a", "c", "opt", "pid-7")
    repo.put_program("a", "none", None)
    repo.put_program("b", "p", {"z": 1, "a": [1.5, True]})
    return everything(repo)


def read_all(path: Path) -> Any:
    """In yet another process: read it all."""
    with SessionRepository.open(path) as repo:
        return everything(repo)


def test_everything_is_there_after_a_restart(tmp_path):
    written = in_a_process(write_and_die, tmp_path / "agent.db")

    read = in_a_process(read_all, tmp_path / "agent.db")

    assert read == written
    assert [session.id for session, _, _ in read] == ["a", "b"]
