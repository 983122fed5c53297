from __future__ import annotations

import gc
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
