"""An exception of a signal handler comes out as itself, and leaves no row locked."""

from __future__ import annotations

import os
import signal
import threading
import time

import psycopg
import pytest
import sqlalchemy
from sqlalchemy import text

from snakestore import SessionRepository, StoreError
from snakestore.storage.execution.autocommit import AutocommitRunner

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs Unix signals")


BUSY_TIMEOUT = 20


class JobTimeoutError(Exception):
    pass


class Stop(BaseException):
    pass


def in_block(repo):
    with repo.transaction() as transaction:
        transaction.update_variable("s", "n", 1)


def in_nested_block(repo):
    with repo.transaction() as transaction, transaction.transaction() as nested:
        nested.update_variable("s", "n", 1)


METHODS = {
    "update_variable": lambda repo: repo.update_variable("s", "n", 1),
    "modify_variable": lambda repo: repo.modify_variable("s", "n", lambda n: n + 1),
    "update_variables": lambda repo: repo.update_variables("s", {"n": 1}),
    "register_variable": lambda repo: repo.register_variable("s", "new", "integer", 1),
    "transaction": in_block,
    "nested transaction": in_nested_block,
}


@pytest.fixture(params=["opened", "engine"])
def repo(request, url, opened):
    """A repository that was opened, and one on an Engine of the user's."""
    with opened() as filling:
        filling.create_session("s")
        filling.register_variable("s", "n", "integer", 0)
    if request.param == "opened":
        yield opened(busy_timeout=BUSY_TIMEOUT)
        return
    engine = sqlalchemy.create_engine(url)
    yield SessionRepository(engine, busy_timeout=BUSY_TIMEOUT)
    engine.dispose()


@pytest.fixture
def interrupt(url):
    """``interrupt(error)``: raise it in this thread as soon as a statement waits for a lock."""
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    threads = []

    def watch():
        with engine.connect() as connection:
            while connection.scalar(waiting) == 0:
                time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGUSR1)

    def interrupt(error):
        def handler(*_):
            raise error

        signal.signal(signal.SIGUSR1, handler)
        threads.append(threading.Thread(target=watch))
        threads[0].start()

    before = signal.getsignal(signal.SIGUSR1)
    yield interrupt
    for thread in threads:
        thread.join()
    signal.signal(signal.SIGUSR1, before)
    engine.dispose()


@pytest.mark.parametrize(
    "error",
    [JobTimeoutError("late"), TimeoutError("late"), KeyboardInterrupt(), MemoryError(), Stop()],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_an_exception_while_waiting_for_a_row_comes_out_and_frees_the_row(
    repo, url, interrupt, error, method
):
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as other:
        other.execute(text("SELECT 1 FROM sessions FOR UPDATE"))
        interrupt(error)
        kept = None
        began = time.monotonic()
        try:
            method(repo)
        except BaseException as raised:  # noqa: BLE001 - one kind is no Exception
            kept = raised
        took = time.monotonic() - began
        other.rollback()

        assert kept is error
        assert took < BUSY_TIMEOUT / 2, "it waited for the row"
        other.execute(text("SET lock_timeout = '1s'"))
        other.execute(text("SELECT 1 FROM sessions FOR UPDATE"))
        other.rollback()
        assert repo.get_value("s", "n") == 0
        assert repo.update_variable("s", "n", 2).version == 1
        assert [each.name for each in repo.list_variables("s")] == ["n"]
    engine.dispose()


def test_an_exception_that_leaves_a_lock_of_psycopg_held_comes_out_at_once(opened, monkeypatch):
    def leave(pipeline, *_):
        pipeline._lock.acquire()
        raise Stop

    repo = opened()
    repo.create_session("s")
    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Pipeline, "__exit__", leave)
        with pytest.raises(Stop):
            repo.touch("s")

    assert repo.touch("s").id == "s"


def test_a_connection_that_another_thread_ends_is_not_used_again(opened, monkeypatch):
    def fail(_value):
        raise ArithmeticError

    def interrupted(*_args, **_options):
        raise Stop

    def server_process():
        return repo._runner.read(lambda tx: tx.connection.driver_connection.info.backend_pid)

    repo = opened()
    repo.create_session("s")
    repo.register_variable("s", "n", "integer", 0)
    before = server_process()
    with monkeypatch.context() as patch:
        patch.setattr(AutocommitRunner, "end", interrupted)
        with pytest.raises(Stop):
            repo.modify_variable("s", "n", fail)

    assert repo.update_variable("s", "n", 2).version == 1
    assert server_process() != before


def test_a_lost_connection_is_reported_as_such_where_an_exception_is_being_handled(
    repo, url, interrupt, outside
):
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as other:
        other.execute(text("SELECT 1 FROM sessions FOR UPDATE"))
        interrupt(Stop())
        try:
            repo.update_variable("s", "n", 1)
        except Stop:
            other.invalidate()

            with pytest.raises(StoreError), repo.transaction() as transaction:
                transaction.touch("s")
                outside.execute(
                    text(
                        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )
                transaction.touch("s")
    engine.dispose()
