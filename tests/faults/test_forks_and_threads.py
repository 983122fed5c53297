from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from snakestore import SessionRepository, StoreError
from tests.faults.soundness import assert_sound

THREADS = 16


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "count", "integer", 0)
    return path


# --- forks

# as gunicorn --preload does: the repository is opened and used, and then the process forks and
# forks
PRELOAD = """
import os, sys, warnings
warnings.simplefilter("error")
from snakestore import SessionRepository
repo = SessionRepository.open(sys.argv[1])
def work(times):
    for _ in range(times):
        repo.modify_variable("s", "count", lambda value: value + 1)
work(5)
def fork(then):
    pid = os.fork()
    if pid == 0:
        try:
            then()
        except Exception:
            import traceback
            traceback.print_exc()
            os._exit(1)
        sys.exit(0)
    return pid
def grandchildren():
    work(10)
    inner = [fork(lambda: work(10)) for _ in range(2)]
    work(10)
    assert all(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0 for pid in inner)
with repo.transaction() as transaction:  # open while the process forks
    transaction.modify_variable("s", "count", lambda value: value + 1)
    idle = [fork(lambda: None) for _ in range(2)]
    assert all(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0 for pid in idle)
    transaction.modify_variable("s", "count", lambda value: value + 1)
children = [fork(grandchildren) for _ in range(3)]
work(10)
assert all(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0 for pid in children)
work(1)
repo.close()
print(5 + 2 + 3 * 40 + 10 + 1)
"""


def test_a_repository_that_was_used_and_then_forked_works_in_parent_children_and_their_children(
    path,
):
    done = subprocess.run(
        [sys.executable, "-c", PRELOAD, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert (done.returncode, done.stderr) == (0, "")
    with SessionRepository.open(path) as repo:
        assert repo.get_value("s", "count") == int(done.stdout)
    assert_sound(path)


# in an interpreter of its own: a process that runs threads, as pytest may, warns of forking
MULTIPROCESSING = """
import multiprocessing, sys, warnings
warnings.simplefilter("error")
from snakestore import SessionRepository
repo = SessionRepository.open(sys.argv[1])
def work(number):
    return repo.modify_variable("s", "count", lambda value: value + number).value
if __name__ == "__main__":
    work(0)
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert len(set(pool.map(work, [1] * 100))) == 100
    assert work(0) == 100
    repo.close()
"""


def test_a_pool_of_forked_processes_shares_what_the_parent_opened(path):
    assert "fork" in multiprocessing.get_all_start_methods()
    done = subprocess.run(
        [sys.executable, "-c", MULTIPROCESSING, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert_sound(path)


# --- threads


def in_threads(work: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work, number) for number in range(THREADS)]:
            done.result(100)


@pytest.mark.parametrize("where", ["file", "memory"])
def test_threads_that_share_a_repository_lose_nothing(path, where, size):
    rounds = size(20, 300)
    with SessionRepository.open(path if where == "file" else "sqlite://") as repo:
        repo.create_session("s", ttl=None, exist_ok=True)
        repo.register_variable("s", "count", "integer", 0, exist_ok=True)

        def work(number: int) -> None:
            repo.register_variable("s", f"own{number}", "integer", 0)
            for each in range(rounds):
                repo.modify_variable("s", "count", lambda value: value + 1)
                with repo.transaction() as transaction:
                    transaction.update_variable("s", f"own{number}", each)
                    assert transaction.get_value("s", f"own{number}") == each
                assert repo.get_value("s", f"own{number}") == each

        in_threads(work)

        assert repo.get_value("s", "count") == THREADS * rounds
        assert repo.check().problems == []


def test_closing_while_others_work_ends_their_verbs_whole_and_leaves_no_file_open(path):
    repo = SessionRepository.open(path)
    written = [0] * THREADS
    started = threading.Barrier(THREADS + 1)

    def work(number: int) -> None:
        started.wait(60)
        with pytest.raises(StoreError, match="closed"):
            while True:
                repo.modify_variable("s", "count", lambda value: value + 1)
                written[number] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        workers = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
        for worker in workers:
            worker.start()
        started.wait(60)
        while sum(written) < 20:
            pass
        repo.close()
        for worker in workers:
            worker.join(60)
        gc.collect()

    assert [
        name for name in os.listdir(path.parent) if name != "s.db"
    ] == []  # the last connection took the log away
    with SessionRepository.open(path) as again:
        assert again.get_value("s", "count") == sum(written)


UNCLOSED = """
import sys, warnings
warnings.simplefilter("error")
from snakestore import SessionRepository
def use():
    repo = SessionRepository.open(sys.argv[1])
    repo.update_variable("s", "count", 1)
use()
import gc
gc.collect()
kept = SessionRepository.open(sys.argv[1])
kept.update_variable("s", "count", 2)
"""


def test_a_repository_that_nobody_closed_warns_of_nothing(path):
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", UNCLOSED, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert_sound(path)


def test_a_transaction_that_was_open_at_a_fork_stays_the_parents(tmp_path: Path) -> None:
    with SessionRepository.open(tmp_path / "forked.db") as repo:
        repo.create_session("s")
        repo.register_variable("s", "n", "integer", 0)
        with repo.transaction() as transaction:
            transaction.update_variable("s", "n", 1)
            child = os.fork()
            if child == 0:
                try:
                    transaction.update_variable("s", "n", 2)
                except StoreError as refusal:
                    os._exit(0 if "parent" in str(refusal) else 1)
                os._exit(2)
            _, status = os.waitpid(child, 0)

        assert os.waitstatus_to_exitcode(status) == 0
        assert repo.get_value("s", "n") == 1


def test_a_database_in_memory_is_the_childs_own_after_a_fork() -> None:
    with SessionRepository.open("sqlite://") as repo:
        repo.create_session("s")
        repo.register_variable("s", "n", "integer", 0)
        child = os.fork()
        if child == 0:
            with repo.transaction() as transaction:
                transaction.update_variable("s", "n", 5)
            os._exit(0 if repo.get_value("s", "n") == 5 else 1)
        _, status = os.waitpid(child, 0)

        assert os.waitstatus_to_exitcode(status) == 0
        assert repo.get_value("s", "n") == 0
