"""Methods that a signal handler calls, and blocks that an exception leaves at a bad instant."""

from __future__ import annotations

import _thread
import signal
import threading
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from snakestore import SessionRepository, StoreBusyError
from snakestore.clock import utc_now
from snakestore.storage.execution import autocommit, nesting
from snakestore.storage.execution.autocommit import AutocommitRunner
from tests.faults.storm import check_idle

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs Unix signals")


class Stop(BaseException):
    pass


@pytest.fixture
def in_method():
    """``in_method(call)``: have a signal handler call it inside the next method."""
    calls = []

    def clock():
        if calls:
            signal.raise_signal(signal.SIGUSR1)
        return utc_now()

    def handler(*_):
        calls.pop()()

    before = signal.signal(signal.SIGUSR1, handler)
    yield clock, calls.append
    signal.signal(signal.SIGUSR1, before)


@pytest.fixture(params=["file", "memory"])
def repo(request, tmp_path, in_method):
    clock, _ = in_method
    path = tmp_path / "s.db" if request.param == "file" else "sqlite://"
    with SessionRepository.open(path, clock=clock, busy_timeout=20) as repo:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "n", "integer", 0)
        yield repo


METHODS = {
    "get_value": lambda repo: repo.get_value("s", "n"),
    "update_variable": lambda repo: repo.update_variable("s", "n", 1),
    "update_variables": lambda repo: repo.update_variables("s", {"n": 1}),
    "delete_expired": lambda repo: repo.delete_expired(),
    "transaction": lambda repo: repo.transaction().__enter__(),
}


@pytest.mark.parametrize("inner", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("outer", list(METHODS.values())[1:3], ids=list(METHODS)[1:3])
def test_a_method_that_a_handler_calls_inside_a_method_is_refused_at_once(
    repo, in_method, outer, inner
):
    _, call = in_method
    refused = []

    def handle():
        with pytest.raises(StoreBusyError, match="signal handler") as caught:
            inner(repo)
        refused.append(caught.value)

    call(handle)
    outer(repo)

    assert len(refused) == 1
    assert repo.get_value("s", "n") == 1
    check_idle(repo)


def test_a_method_that_is_called_while_another_one_opens_the_connection_is_refused_at_once(
    tmp_path, monkeypatch
):
    refused = []

    def call_and_connect():
        with pytest.raises(StoreBusyError, match="signal handler") as caught:
            repo.get_value("s", "n")
        refused.append(caught.value)
        return connect()

    with SessionRepository.open(tmp_path / "s.db", max_connections=1, busy_timeout=20) as repo:
        repo.create_session("s")
        repo.register_variable("s", "n", "integer", 0)
        connections = repo._runner._connections
        connections._close_idle()
        connect = connections._connector.connect
        monkeypatch.setattr(connections._connector, "connect", call_and_connect)
        repo.update_variable("s", "n", 1)

        assert len(refused) == 1
        assert repo.get_value("s", "n") == 1
        check_idle(repo)


def test_what_a_handler_raises_comes_out_unchanged_and_nothing_is_written(repo, in_method):
    _, call = in_method
    error = Stop()

    def handle():
        raise error

    call(handle)
    with pytest.raises(Stop) as caught:
        repo.update_variable("s", "n", 1)

    assert caught.value is error
    check_idle(repo)
    assert repo.get_value("s", "n") == 0


def interrupted(*_args, **_options):
    raise Stop


def fail(_value):
    raise ArithmeticError


def test_a_write_that_exceptions_keep_from_ending_is_rolled_back_by_the_next(repo, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(AutocommitRunner, "end", interrupted)
        patched.setattr(AutocommitRunner, "ensure_ended", interrupted)
        with pytest.raises(Stop):
            repo.modify_variable("s", "n", fail)

    repo.update_variable("s", "n", 5)

    assert repo.get_variable("s", "n").version == 1
    check_idle(repo)


@pytest.mark.parametrize("repo", ["file"], indirect=True)  # in memory there is one connection
def test_a_thread_does_not_use_a_connection_that_another_one_ends_for_it(repo, monkeypatch):
    elsewhere = []

    def begin_elsewhere(call, *arguments):
        elsewhere.append((call, arguments))
        raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(AutocommitRunner, "end", interrupted)
        patched.setattr(autocommit, "run_elsewhere", begin_elsewhere)
        with pytest.raises(Stop):
            repo.modify_variable("s", "n", fail)

    before = repo.get_value("s", "n")
    for call, arguments in elsewhere:
        call(*arguments)
    repo.update_variable("s", "n", 5)

    assert before == 0
    assert repo.get_variable("s", "n").version == 1
    check_idle(repo)


def test_a_connection_that_cannot_change_hands_is_still_ended_elsewhere(repo, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(AutocommitRunner, "end", interrupted)
        patched.setattr(repo._runner._connections, "hand_over", interrupted)
        with pytest.raises(Stop):
            repo.modify_variable("s", "n", fail)

    check_idle(repo)
    assert repo.update_variable("s", "n", 5).version == 1


def test_an_exception_while_another_thread_ends_a_method_is_raised_when_it_has(monkeypatch):
    interruptions, acquired, ended = [threading.Event() for _ in range(3)], [], []

    class Lock:
        def __init__(self):
            self.lock = _thread.allocate_lock()
            self.release = self.lock.release

        def acquire(self, timeout=None):
            if timeout is None:
                return self.lock.acquire()
            for each in interruptions:
                if not each.is_set():
                    each.set()
                    raise Stop
            self.lock.acquire(timeout=timeout)
            assert not acquired, "it has ended"
            acquired.append(True)
            raise Stop

    def call():
        assert all(each.wait(30) for each in interruptions)
        ended.append(True)

    monkeypatch.setattr(
        nesting,
        "_thread",
        SimpleNamespace(allocate_lock=Lock, start_new_thread=_thread.start_new_thread),
    )
    with pytest.raises(Stop):
        nesting.run_elsewhere(call)

    assert ended == [True]


def test_a_block_that_can_no_longer_be_left_is_rolled_back(repo):
    block = repo.transaction()
    block.__enter__().update_variable("s", "n", 1)
    del block

    check_idle(repo)
    assert repo.get_value("s", "n") == 0


def test_a_block_may_be_left_by_an_exit_stack_in_another_thread(repo):
    stack = ExitStack()
    stack.enter_context(repo.transaction()).update_variable("s", "n", 1)

    thread = threading.Thread(target=stack.close)
    thread.start()
    thread.join()

    check_idle(repo)
    assert repo.get_value("s", "n") == 1


def test_a_block_is_entered_once(repo):
    block = repo.transaction()
    with block:
        pass

    with pytest.raises(RuntimeError, match="only once"), block:
        pass


def test_a_nested_block_that_fails_leaves_the_outer_one_whole(repo):
    with repo.transaction() as outer:
        outer.update_variable("s", "n", 1)
        with pytest.raises(Stop), outer.transaction() as inner:
            inner.update_variable("s", "n", 2)
            with inner.transaction() as innermost:
                innermost.update_variable("s", "n", 3)
            raise Stop
        assert outer.get_value("s", "n") == 1
        outer.register_variable("s", "m", "integer", 1)

    assert (repo.get_value("s", "n"), repo.get_value("s", "m")) == (1, 1)
