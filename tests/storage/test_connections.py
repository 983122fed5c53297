"""How many connections a repository opens, who waits for them, and when they are closed."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from snakestore import SessionRepository, StoreBusyError, StoreError, ValidationError
from snakestore.storage.execution import idle


@pytest.fixture
def repo(tmp_path):
    with SessionRepository.open(tmp_path / "s.db", max_connections=3, busy_timeout=20) as repo:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "count", "integer", 0)
        yield repo


def in_threads(number: int, work: Callable[[], object]) -> list[object]:
    """What ``work`` returns or raises in so many threads, which start at once."""
    start = threading.Barrier(number)
    outcomes: list[object] = []

    def run() -> None:
        start.wait(60)
        try:
            outcomes.append(work())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


class Holder:
    """A thread that is inside a read-only block, and so has a connection, until it is released."""

    def __init__(self, repo: SessionRepository) -> None:
        self._inside, self._leave = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(repo,))
        self._thread.start()
        assert self._inside.wait(60)

    def _hold(self, repo: SessionRepository) -> None:
        with repo.transaction(read_only=True):
            self._inside.set()
            self._leave.wait(60)

    def release(self) -> None:
        self._leave.set()
        self._thread.join(60)


def test_no_more_connections_are_open_than_max_connections(repo):
    connections = repo._runner._connections
    most: list[int] = []

    def work() -> int:
        value = repo.modify_variable("s", "count", lambda value: value + 1).value
        most.append(connections.open_count)
        return value

    outcomes = in_threads(40, work)

    assert sorted(outcomes) == list(range(1, 41))
    assert max(most) <= 3


def test_a_caller_that_finds_no_free_connection_waits_up_to_busy_timeout(tmp_path):
    with SessionRepository.open(tmp_path / "s.db", max_connections=2, busy_timeout=0.05) as repo:
        holders = [Holder(repo), Holder(repo)]
        with pytest.raises(StoreBusyError, match=r"all 2 connections .* max_connections"):
            repo.session_exists("s")
        holders[0].release()
        assert not repo.session_exists("s")
        holders[1].release()


def test_a_caller_that_waits_gets_the_connection_that_is_released(repo):
    holders = [Holder(repo) for _ in range(3)]
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(repo.get_value("s", "count")))
    thread.start()
    while not repo._runner._connections._slots._waiters:
        thread.join(0.001)
    holders[0].release()
    thread.join(60)
    for holder in holders[1:]:
        holder.release()

    assert answers == [0]


def test_a_block_goes_on_while_others_wait_for_its_connection(tmp_path):
    with SessionRepository.open(tmp_path / "s.db", max_connections=1, busy_timeout=20) as repo:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "count", "integer", 0)
        with repo.transaction() as transaction:
            waiter = threading.Thread(target=lambda: repo.get_value("s", "count"))
            waiter.start()
            while not repo._runner._connections._slots._waiters:
                waiter.join(0.001)
            transaction.update_variable("s", "count", 1)
            with pytest.raises(StoreBusyError, match="deadlock"):
                repo.get_value("s", "count")
        waiter.join(60)

        assert repo.get_value("s", "count") == 1


def test_who_waits_for_a_connection_of_a_closed_repository_is_refused(repo):
    holders = [Holder(repo) for _ in range(3)]
    errors: list[StoreError] = []

    def wait() -> None:
        try:
            repo.get_value("s", "count")
        except StoreError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not repo._runner._connections._slots._waiters:
        thread.join(0.001)
    repo.close()
    for holder in holders:
        holder.release()
    thread.join(60)

    assert "closed" in str(errors[0])
    assert repo._runner._connections.open_count == 0


def test_connections_that_are_idle_for_a_minute_are_closed(repo):
    connections = repo._runner._connections
    holders = [Holder(repo) for _ in range(3)]
    for holder in holders:
        holder.release()
    assert connections.open_count == 3

    connections.begin_period()
    connections.begin_period()
    repo.get_value("s", "count")  # on the connection that was used last
    connections.begin_period()
    assert connections.open_count == 1
    connections.begin_period()
    connections.begin_period()

    assert connections.open_count == 0
    assert repo.get_value("s", "count") == 0


def test_a_thread_counts_the_minute_while_there_is_more_than_one_connection(repo, monkeypatch):
    closer = idle.IdleCloser(period=0.001)
    monkeypatch.setattr("snakestore.storage.execution.pool.closer", closer)
    repo.get_value("s", "count")
    assert not closer.running

    for holder in [Holder(repo) for _ in range(3)]:
        holder.release()
    while closer.running:
        threading.Event().wait(0.001)

    assert repo._runner._connections.open_count <= 1


def test_the_thread_that_counts_the_minute_ends_when_the_last_repository_is_closed(
    repo, tmp_path, monkeypatch
):
    closer = idle.IdleCloser(period=60)
    monkeypatch.setattr("snakestore.storage.execution.pool.closer", closer)
    holders = [Holder(repo) for _ in range(2)]
    thread = closer._thread

    with SessionRepository.open(tmp_path / "other.db"):
        pass  # closing one that is not watched ends nothing
    assert closer._thread is thread
    repo.close()
    thread.join(60)

    assert not closer.running
    assert not thread.is_alive()
    for holder in holders:
        holder.release()


def test_a_connection_that_an_interrupted_caller_lost_is_closed_and_replaced(repo):
    connections = repo._runner._connections
    for _ in range(10):  # an exception came before the caller could note what it had got
        connections.acquire()

    assert repo.get_value("s", "count") == 0
    assert connections.open_count == 1


@pytest.mark.parametrize("limit", [0, -1, True, 1.0, None, "2"])
def test_max_connections_is_an_int_of_at_least_1(tmp_path, limit):
    with pytest.raises(ValidationError, match="max_connections"):
        SessionRepository.open(tmp_path / "s.db", max_connections=limit)


FEW_DESCRIPTORS = """
import resource, sys, threading
from snakestore import SessionRepository, StoreError
path, what = sys.argv[1:]
repo = SessionRepository.open(path)
repo.create_session("s", ttl=None)
repo._runner._connections._close_idle()
kept = []
def use_up(left):
    try:
        while True:
            kept.append(open("/dev/null"))
    except OSError:
        pass
    for _ in range(left):
        kept.pop().close()
for left in range(4):
    use_up(left)
    try:
        if what == "open":
            SessionRepository.open(path + "-new").close()
        elif what == "reopen":
            SessionRepository.open(path).close()
        else:
            repo.session_exists("s")
    except StoreError as error:
        assert "ulimit -n" in str(error), (left, error)
    else:
        assert left > 1, left
    kept.clear()
assert repo.session_exists("s")
"""


@pytest.mark.parametrize("what", ["open", "reopen", "method"])
def test_running_out_of_file_descriptors_is_reported_as_such(tmp_path: Path, what: str) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    done = subprocess.run(
        [sys.executable, "-c", FEW_DESCRIPTORS, str(tmp_path / "s.db"), what],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, most)),
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_reads_beside_blocks_that_hold_all_connections_do_not_wait_for_each_other(tmp_path):
    with SessionRepository.open(tmp_path / "s.db", max_connections=4, busy_timeout=120) as repo:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "count", "integer", 7)
        all_inside = threading.Barrier(4)
        entered: list[None] = []

        def work() -> object:
            with repo.transaction(read_only=True) as transaction:
                entered.append(None)
                if len(entered) <= 4:
                    all_inside.wait(60)
                transaction.session_exists("s")
                return repo.get_value("s", "count")

        outcomes = in_threads(8, work)

        assert {type(each) for each in outcomes} == {int, StoreBusyError}
        refused = [str(each) for each in outcomes if isinstance(each, StoreBusyError)]
        assert all("would deadlock: all 4 connections" in each for each in refused)
        assert repo.get_value("s", "count") == 7


def test_a_thread_that_holds_all_connections_is_refused_another_at_once(tmp_path):
    with SessionRepository.open(tmp_path / "s.db", max_connections=2, busy_timeout=120) as repo:
        with (
            repo.transaction(read_only=True),
            repo.transaction(read_only=True),
            pytest.raises(StoreBusyError, match="would deadlock"),
        ):
            repo.session_exists("s")

        assert not repo.session_exists("s")


def test_a_write_beside_a_block_of_another_repository_of_the_file_is_soon_refused(tmp_path):
    path, link = tmp_path / "s.db", tmp_path / "link.db"
    with SessionRepository.open(path) as one:
        one.create_session("s", ttl=None)
        link.symlink_to(path)
        with SessionRepository.open(link, busy_timeout=120, max_connections=1) as other:
            with one.transaction():
                with pytest.raises(StoreBusyError, match="this thread has an open"):
                    other.touch("s")
                assert other.session_exists("s")

            assert other.touch("s").id == "s"


def test_a_write_of_another_thread_waits_for_the_block_of_another_repository(tmp_path):
    with (
        SessionRepository.open(tmp_path / "s.db") as one,
        SessionRepository.open(tmp_path / "s.db", busy_timeout=120) as other,
    ):
        one.create_session("s", ttl=None)
        written: list[str] = []
        thread = threading.Thread(target=lambda: written.append(other.touch("s").id))
        with one.transaction():
            thread.start()
            thread.join(0.1)
            before = list(written)
        thread.join(60)

        assert (before, written) == ([], ["s"])


def test_a_block_of_another_file_refuses_nothing(tmp_path):
    with (
        SessionRepository.open(tmp_path / "one.db") as one,
        SessionRepository.open(tmp_path / "other.db") as other,
        one.transaction(),
    ):
        other.create_session("s")

        assert other.session_exists("s")
