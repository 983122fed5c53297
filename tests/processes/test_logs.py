"""Several processes append to one log of a file."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing

import pytest

from snakestore import SessionRepository, VersionConflictError
from tests.processes import test_one_file
from tests.processes.test_one_file import PATIENCE, SPAWN, WORKERS, stand_ready

TURNS = 40


def append_turns(path, worker):
    """Append own turns, one by one."""
    with SessionRepository.open(path) as repo:
        test_one_file._start.wait(PATIENCE)
        for number in range(TURNS):
            repo.append_log("s", "chat", [[worker, number]])


def append_capped(path, worker):
    """Append own turns to a log that keeps the last ten, and pop some."""
    with SessionRepository.open(path) as repo:
        test_one_file._start.wait(PATIENCE)
        for number in range(TURNS):
            repo.append_log("s", "chat", [[worker, number]], keep_last=10)
            if number % 4 == 0:
                repo.pop_log("s", "chat")


def answer_once(path, worker):
    """Append only if nobody has; whether it was appended."""
    with SessionRepository.open(path) as repo:
        test_one_file._start.wait(PATIENCE)
        try:
            repo.append_log("s", "chat", [worker], expected_length=0)
        except VersionConflictError:
            return False
        return True


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "s.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("s", ttl=None)
    return path


def in_processes(function, path):
    with ProcessPoolExecutor(
        WORKERS, mp_context=SPAWN, initializer=stand_ready, initargs=(SPAWN.Barrier(WORKERS),)
    ) as pool:
        workers = [pool.submit(function, path, worker) for worker in range(WORKERS)]
        return [worker.result(PATIENCE) for worker in workers]


def test_each_entry_of_eight_processes_is_stored_once_in_order_and_without_gaps(path):
    in_processes(append_turns, path)

    with SessionRepository.open(path) as repo:
        entries = repo.read_log("s", "chat")
        assert repo.check().problems == []
    assert [entry.position for entry in entries] == list(range(WORKERS * TURNS))
    for worker in range(WORKERS):
        own = [entry.value[1] for entry in entries if entry.value[0] == worker]
        assert own == list(range(TURNS))


@pytest.mark.slow
def test_eight_processes_that_cap_a_log_and_pop_from_it_keep_its_length_right(path):
    in_processes(append_capped, path)

    with SessionRepository.open(path) as repo:
        positions = [entry.position for entry in repo.read_log("s", "chat")]
        assert repo.check().problems == []
        assert len(positions) == repo.log_length("s", "chat") <= 10
    with closing(sqlite3.connect(path)) as connection:
        [(next_position,)] = connection.execute("SELECT next_position FROM logs")
    assert next_position == WORKERS * TURNS
    assert positions == sorted(set(positions))


@pytest.mark.slow
def test_of_eight_processes_that_expect_an_empty_log_one_appends(path):
    appended = in_processes(answer_once, path)

    assert sum(appended) == 1
    with SessionRepository.open(path) as repo:
        assert [entry.value for entry in repo.read_log("s", "chat")] == [appended.index(True)]
