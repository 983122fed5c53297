"""Transactions of the repository's own, and who waits for whom."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time

import pytest

from snakestore import (
    BatchError,
    SessionRepository,
    SnakeStoreError,
    StoreBusyError,
    StoreError,
    StoreReadOnlyError,
    ValidationError,
)


@contextlib.contextmanager
def coming_out(error):
    """A block out of which ``error`` must come."""
    with pytest.raises(error):
        yield


def test_a_transaction_keeps_all_of_it(repo, filled):
    with repo.transaction() as transaction:
        transaction.update_variable(filled, "x", 5.0)
        transaction.put_program(filled, "q", 1)

    assert (repo.get_value(filled, "x"), repo.program_ids(filled)) == (5.0, ["p", "q"])


def test_a_transaction_that_fails_keeps_none_of_it(repo, filled, unchanged):
    with unchanged(), coming_out(ZeroDivisionError), repo.transaction() as transaction:
        transaction.update_variable(filled, "x", 5.0)
        transaction.put_program(filled, "q", 1)
        transaction.create_session("new")
        raise ZeroDivisionError


def test_a_refusal_caught_within_a_transaction_spoils_nothing(repo, filled):
    with repo.transaction() as transaction:
        transaction.update_variable(filled, "x", 5.0)
        with pytest.raises(BatchError):
            transaction.update_variables(filled, {"x": 7.0, "nothing": 1})
        transaction.put_program(filled, "q", 1)

    assert (repo.get_value(filled, "x"), repo.program_ids(filled)) == (5.0, ["p", "q"])


def test_a_refusal_not_caught_undoes_the_transaction(repo, filled, unchanged):
    with unchanged(), coming_out(ValidationError), repo.transaction() as transaction:
        transaction.put_program(filled, "q", 1)
        transaction.update_variable(filled, "x", "hot")


def test_a_transaction_reads_its_own_writes(repo, filled):
    with repo.transaction() as transaction:
        transaction.update_variable(filled, "x", 5.0)

        assert transaction.get_value(filled, "x") == 5.0


def test_transactions_nest(repo, filled):
    with repo.transaction() as outer:
        outer.update_variable(filled, "x", 5.0)
        with coming_out(ZeroDivisionError), outer.transaction() as inner:
            inner.update_variable(filled, "x", 6.0)
            with inner.transaction() as innermost:
                innermost.update_variable(filled, "note", "lost")
            raise ZeroDivisionError
        with outer.transaction() as inner:
            inner.put_program(filled, "q", 1)

    assert (repo.get_value(filled, "x"), repo.get_value(filled, "note")) == (5.0, "hello")
    assert repo.has_program(filled, "q")


def test_an_inner_transaction_goes_with_the_outer(repo, filled, unchanged):
    with unchanged(), coming_out(ZeroDivisionError), repo.transaction() as outer:
        with outer.transaction() as inner:
            inner.update_variable(filled, "x", 6.0)
        raise ZeroDivisionError


def test_a_view_works_within_a_transaction(repo, filled, unchanged):
    with unchanged(), coming_out(ZeroDivisionError), repo.transaction() as transaction:
        transaction.session(filled)["x"] = 5.0
        raise ZeroDivisionError


def test_others_see_a_transaction_when_it_is_done(repo, filled, second):
    with repo.transaction() as transaction:
        transaction.update_variable(filled, "x", 5.0)
        during = second.get_value(filled, "x")

    assert (during, second.get_value(filled, "x")) == (2.0, 5.0)


def test_a_read_only_transaction_reads(repo, filled, reading):
    with repo.transaction(read_only=True) as transaction:
        reading(transaction, filled)


def test_a_read_only_transaction_refuses_to_write(repo, filled, writing, unchanged):
    with (
        unchanged(),
        repo.transaction(read_only=True) as transaction,
        pytest.raises(StoreReadOnlyError),
    ):
        writing(transaction, filled)


def test_after_a_read_only_transaction_the_repository_writes(repo, filled):
    with repo.transaction(read_only=True) as transaction:
        value = transaction.get_value(filled, "x")

    assert repo.update_variable(filled, "x", value + 1).value == 3.0


def test_a_read_only_transaction_is_one_snapshot(tmp_path, clock, fill):
    with (
        SessionRepository.open(tmp_path / "store.db", clock=clock) as repo,
        SessionRepository.open(tmp_path / "store.db", clock=clock) as second,
    ):
        repo.create_session("s")
        fill(repo, "s")
        with repo.transaction(read_only=True) as transaction:
            before = transaction.get_value("s", "x"), transaction.program_ids("s")
            second.update_variable("s", "x", 5.0)
            second.put_program("s", "q", 1)

            assert (transaction.get_value("s", "x"), transaction.program_ids("s")) == before
        assert (repo.get_value("s", "x"), repo.program_ids("s")) == (5.0, ["p", "q"])


# --- who waits for whom


def test_a_write_by_the_outer_repository_within_its_transaction_is_refused_at_once(
    repo, filled, writing
):
    with repo.transaction() as transaction:
        transaction.put_program(filled, "q", 1)
        started = time.monotonic()

        with pytest.raises(StoreBusyError):
            writing(repo, filled)

        assert time.monotonic() - started < 1
        assert transaction.get_value(filled, "x") == 2.0
    assert repo.program_ids(filled) == ["p", "q"]
    writing(repo, filled)


OUTER_WRITES = {
    "update": lambda repo: repo.update_variable("s", "x", 3.0),
    "modify": lambda repo: repo.modify_variable("s", "x", lambda value: value),
    "batch": lambda repo: repo.update_variables("s", {"x": 3.0}),
    "touch": lambda repo: repo.touch("s"),
    "create_session": lambda repo: repo.create_session("new"),
    "sweep": lambda repo: repo.delete_expired(),
    "view": lambda repo: repo.session("s").update(x=3.0),
    "transaction": lambda repo: repo.transaction().__enter__(),
}


@pytest.mark.parametrize("write", OUTER_WRITES.values(), ids=OUTER_WRITES)
@pytest.mark.parametrize("place", ["file", "memory"])
def test_a_function_of_modify_that_writes_by_the_outer_repository_is_refused_at_once(
    tmp_path, fill, clock, place, write
):
    address = tmp_path / "store.db" if place == "file" else "sqlite://"
    with SessionRepository.open(address, clock=clock, busy_timeout=30) as repo:
        repo.create_session("s")
        fill(repo, "s")
        started = time.monotonic()

        with pytest.raises(StoreBusyError):
            repo.modify_variable("s", "x", lambda value: (write(repo), value)[1])

        assert time.monotonic() - started < 5
        assert (repo.get_variable("s", "x").value, repo.get_variable("s", "x").version) == (2.0, 1)
        assert repo.update_variable("s", "x", 4.0).version == 2


INNER_CALLS = {
    "read": lambda transaction: transaction.get_value("s", "x"),
    "write": lambda transaction: transaction.update_variable("s", "x", 3.0),
    "block": lambda transaction: transaction.transaction().__enter__(),
}


@pytest.mark.parametrize("call", INNER_CALLS.values(), ids=INNER_CALLS)
def test_a_function_of_modify_that_calls_its_own_transaction_is_refused(backend, repo, fill, call):
    if backend.awaited:
        pytest.skip("a function of modify_variable awaits nothing")
    repo.create_session("s")
    fill(repo, "s")

    with repo.transaction() as transaction:
        with pytest.raises(StoreError, match="before or after modify_variable"):
            transaction.modify_variable("s", "x", lambda value: (call(transaction), value)[1])
        transaction.modify_variable("s", "x", lambda value: value + 1)

    assert (repo.get_variable("s", "x").value, repo.get_variable("s", "x").version) == (3.0, 2)


def test_making_a_session_by_the_outer_repository_within_its_transaction_is_refused_at_once(repo):
    with repo.transaction():
        started = time.monotonic()

        with pytest.raises(StoreBusyError):
            repo.create_session("new")

        assert time.monotonic() - started < 1
    assert not repo.session_exists("new")


def test_a_transaction_by_the_outer_repository_within_its_transaction_is_refused_at_once(repo):
    with repo.transaction():
        started = time.monotonic()

        with pytest.raises(StoreBusyError), repo.transaction():
            pass

        assert time.monotonic() - started < 1


def test_the_outer_repository_reads_within_its_transaction_what_was_there_before(
    backend, repo, filled, clock
):
    if not backend.shared:
        pytest.skip("one connection per database")
    clock.advance(100)

    with repo.transaction() as transaction:
        transaction.update_variable(filled, "x", 5.0)

        assert repo.get_value(filled, "x") == 2.0


def test_a_write_by_another_thread_waits_for_the_transaction(repo, filled):
    values = []
    thread = threading.Thread(
        target=lambda: values.append(
            repo.modify_variable(filled, "x", lambda value: value + 1).value
        )
    )

    with repo.transaction() as transaction:
        transaction.update_variable(filled, "x", 5.0)
        thread.start()
        thread.join(0.2)
        waiting = thread.is_alive()
    thread.join(30)

    assert waiting
    assert values == [6.0]


def test_threads_share_a_repository_and_lose_nothing(repo, filled):
    repo.register_variable(filled, "n", "integer", 0)
    problems = []

    def work():
        try:
            for _ in range(20):
                repo.modify_variable(filled, "n", lambda value: value + 1)
                repo.get_variable(filled, "n")
        except SnakeStoreError as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert problems == []
    assert (repo.get_value(filled, "n"), repo.get_variable(filled, "n").version) == (80, 80)


def test_a_writer_that_waited_for_busy_timeout_is_refused_and_nothing_is_changed(
    tmp_path, clock, fill, writing
):
    path = tmp_path / "store.db"
    with (
        SessionRepository.open(path, clock=clock) as repo,
        SessionRepository.open(path, clock=clock, busy_timeout=0.2) as hasty,
    ):
        repo.create_session("s")
        fill(repo, "s")
        before = repo.get_stats("s"), repo.list_variables("s")
        with repo.transaction() as holder:
            holder.touch("s")
            started = time.monotonic()
            with pytest.raises(StoreBusyError):
                writing(hasty, "s")
            waited = time.monotonic() - started

        assert 0.15 < waited < 3
        assert (repo.get_stats("s"), repo.list_variables("s")) == before
        writing(hasty, "s")


# --- who is inside a block


def test_a_thread_started_inside_a_block_with_a_copy_of_its_context_writes_after_the_block(
    repo, filled
):
    ended, values = threading.Event(), []

    def work():
        ended.wait()
        values.append(repo.update_variable(filled, "x", 5.0).value)

    with repo.transaction() as transaction:
        transaction.update_variable(filled, "x", 3.0)
        thread = threading.Thread(target=contextvars.copy_context().run, args=[work])
        thread.start()
    ended.set()
    thread.join(30)

    assert values == [5.0]


def test_a_block_may_be_left_in_another_thread_than_it_was_entered_in(repo, filled):
    block = repo.transaction()
    block.__enter__().update_variable(filled, "x", 3.0)
    thread = threading.Thread(target=block.__exit__, args=[None, None, None])
    thread.start()
    thread.join(30)

    assert repo.get_value(filled, "x") == 3.0
    assert repo.update_variable(filled, "x", 4.0).value == 4.0


def test_a_write_in_a_copy_of_the_context_is_refused_at_once_in_the_thread_of_the_block(
    repo, filled
):
    with repo.transaction():
        started = time.monotonic()

        with pytest.raises(StoreBusyError):
            contextvars.copy_context().run(repo.touch, filled)

        assert time.monotonic() - started < 1


def test_a_block_that_was_left_by_a_generator_in_another_context_is_over(repo, filled):
    def generator():
        with repo.transaction() as transaction:
            transaction.update_variable(filled, "x", 3.0)
            yield

    block = contextvars.copy_context().run(contextlib.contextmanager(generator))
    contextvars.copy_context().run(block.__enter__)
    contextvars.copy_context().run(block.__exit__, None, None, None)

    assert repo.update_variable(filled, "x", 4.0).version == 3
