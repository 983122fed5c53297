"""Writes of several threads that are committed together: each is as if it were alone."""

from __future__ import annotations

import contextvars
import gc
import random
import sqlite3
import threading
import traceback
import weakref
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from snakestore import (
    CommitUnknownError,
    SessionRepository,
    StoreBusyError,
    VersionConflictError,
)
from snakestore.repository.variables import writes
from snakestore.storage.execution import group_commit
from snakestore.storage.execution.retry import Backoff
from tests.awaited.group_commit.groups import (
    NOW,
    TASKS,
    contents,
    shown,
    some_write,
    values,
    versions,
)
from tests.threads.crowd import held_turn, numbered, outcomes_of, together, until, update, updates


def test_writes_that_wait_for_the_same_turn_are_committed_together(path, commits):
    with SessionRepository.open(path) as repo:
        variables = together(repo, *updates(repo))

    assert commits.count == 1
    assert [variable.name for variable in variables] == [f"v{number}" for number in range(TASKS)]
    assert values(path) == [1] * TASKS


def test_writes_of_one_variable_are_done_in_the_order_in_which_they_came(path, commits):
    with SessionRepository.open(path) as repo:
        variables = together(repo, *[update(repo, 0, number) for number in range(10)])

        assert [variable.version for variable in variables] == [*range(1, 11)]
        assert [past.value for past in repo.variable_history("s", "v0")][:9] == [*range(8, -1, -1)]
        assert repo.get_stats("s").total_variable_updates == TASKS + 10
    assert commits.count == 1


@pytest.mark.parametrize("seed", range(3))
def test_each_outcome_is_that_of_one_after_the_other(path, tmp_path, commits, seed):
    chance = random.Random(seed)
    calls = [some_write(chance) for _ in range(80)]
    alone = tmp_path / "alone.db"
    alone.write_bytes(path.read_bytes())

    def outcome(repo: SessionRepository, call: tuple[str, tuple[Any, ...], dict[str, Any]]) -> Any:
        method, args, kwargs = call
        try:
            return getattr(repo, method)(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - it is compared
            return error

    with SessionRepository.open(alone, clock=lambda: NOW) as repo:
        expected = [shown(outcome(repo, call)) for call in calls]
    commits.count = 0
    with SessionRepository.open(path, clock=lambda: NOW) as repo:
        outcomes = together(repo, *[partial(outcome, repo, call) for call in calls])

    assert [shown(each) for each in outcomes] == expected
    assert contents(path) == contents(alone)
    assert commits.count < 60


def test_each_write_reads_the_clock_itself_in_the_context_of_its_caller(path, commits):
    hours = contextvars.ContextVar("hours", default=0)

    def written_at(hour: int) -> Any:
        hours.set(hour)
        return repo.update_variable("s", f"v{hour}", 1).last_updated_at

    with SessionRepository.open(path, clock=lambda: NOW + timedelta(hours=hours.get())) as repo:
        times = together(repo, *[partial(written_at, hour) for hour in range(5)])

    assert times == [NOW + timedelta(hours=hour) for hour in range(5)]
    assert commits.count == 1


def failing_once_changed(monkeypatch: pytest.MonkeyPatch, error: BaseException, times: int) -> None:
    """Let ``update_variable`` fail after it has written 13."""
    replace, errors = writes.replace_value, [error] * times

    def replaced(*args: Any, **kwargs: Any) -> Any:
        result = replace(*args, **kwargs)
        if result.value == 13 and errors:
            raise errors.pop()
        return result

    monkeypatch.setattr(writes, "replace_value", replaced)


def test_an_error_after_a_change_concerns_its_own_write_alone(path, commits, monkeypatch):
    failing_once_changed(monkeypatch, ArithmeticError(), 2)
    numbers = [*range(1, 6), 13, *range(20, 25)]

    with SessionRepository.open(path) as repo:
        outcomes = together(repo, *[update(repo, 0, number) for number in numbers])

    assert [type(each) for each in outcomes if isinstance(each, Exception)] == [ArithmeticError]
    assert [each.version for each in outcomes[:5] + outcomes[6:]] == [*range(1, 11)]
    assert values(path)[0] == 24


def test_the_first_of_a_group_may_fail_after_a_change(path, commits, monkeypatch):
    failing_once_changed(monkeypatch, ArithmeticError(), 2)

    with SessionRepository.open(path) as repo:
        outcomes = together(repo, *[update(repo, 0, number) for number in (13, 2, 3)])

    assert isinstance(outcomes[0], ArithmeticError)
    assert [each.version for each in outcomes[1:]] == [1, 2]


def test_an_exception_from_outside_in_the_thread_that_writes_concerns_that_thread_alone(
    path, commits, monkeypatch
):
    failing_once_changed(monkeypatch, KeyboardInterrupt(), 1)

    with SessionRepository.open(path) as repo:
        outcomes = together(repo, *[update(repo, 0, number) for number in (1, 2, 13, 4)])

    assert isinstance(outcomes[0], KeyboardInterrupt)
    assert [each.version for each in outcomes[1:]] == [1, 2, 3]
    assert values(path)[0] == 4


def test_an_exception_that_comes_to_the_thread_that_writes_for_others_reaches_none_of_them(
    path, commits, monkeypatch
):
    replace, interruptions = writes.replace_value, [TimeoutError()]

    def interrupted(tx: Any, sid: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "v1" and interruptions:
            raise interruptions.pop()
        return replace(tx, sid, name, *args, **kwargs)

    monkeypatch.setattr(writes, "replace_value", interrupted)
    with SessionRepository.open(path) as repo:
        outcomes = together(repo, *numbered(repo)[:4])

    assert not interruptions
    assert [each.version for each in outcomes] == [1] * 4
    assert values(path)[:4] == [1, 2, 3, 4]


def test_a_commit_that_fails_as_busy_is_repeated_without_writing_twice(path, commits):
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
    with SessionRepository.open(path) as repo:
        commits.errors = [busy]

        outcomes = together(repo, *updates(repo))

    assert [each.version for each in outcomes] == [1] * TASKS
    assert versions(path) == [1] * TASKS
    assert commits.count == 2


def test_a_commit_that_stays_busy_fails_at_once_where_no_time_is_left(path, commits, monkeypatch):
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
    monkeypatch.setattr(Backoff, "next_pause", lambda _: None)
    with SessionRepository.open(path) as repo:
        commits.errors = [busy]

        first, *others = together(repo, *updates(repo))

    assert isinstance(first, StoreBusyError)
    assert [each.version for each in others] == [1] * (TASKS - 1)
    assert versions(path) == [0] + [1] * (TASKS - 1)


def test_a_commit_of_unknown_outcome_is_told_to_all(path, commits):
    with SessionRepository.open(path) as repo:
        commits.errors = [CommitUnknownError("nobody knows")]

        outcomes = together(repo, *updates(repo))
        repo.update_variable("s", "v0", 2)

    assert {(type(each), str(each)) for each in outcomes} == {(CommitUnknownError, "nobody knows")}
    assert len({id(each) for each in outcomes}) == TASKS
    assert versions(path) == [1] + [0] * (TASKS - 1)


def test_a_commit_that_an_exception_interrupts_is_of_unknown_outcome_to_the_others(path, commits):
    with SessionRepository.open(path) as repo:
        commits.errors = [KeyboardInterrupt()]

        outcomes = together(repo, *updates(repo)[:4])

    assert isinstance(outcomes[0], KeyboardInterrupt)
    assert [type(each) for each in outcomes[1:]] == [CommitUnknownError] * 3
    assert {str(each) for each in outcomes[1:]} == {group_commit._INTERRUPTED}


def test_a_group_ends_after_20_ms_of_work(path, commits, monkeypatch):
    times = iter(range(10**6))
    monkeypatch.setattr(group_commit, "steady_seconds", lambda: next(times) * 0.01)

    with SessionRepository.open(path) as repo:
        together(repo, *updates(repo))

    assert commits.count == TASKS / 2
    assert values(path) == [1] * TASKS


def test_functions_blocks_and_large_arguments_have_transactions_of_their_own(path, commits):
    many = {f"w{number}": number for number in range(101)}

    with SessionRepository.open(path) as repo:

        def block() -> Any:
            with repo.transaction() as transaction:
                return transaction.update_variable("s", "v0", repo.get_value("s", "v0") + 10)

        outcomes = together(
            repo,
            *updates(repo, 5)[:3],
            lambda: repo.modify_variable("s", "v0", lambda value: value + 1),
            *updates(repo, 7)[1:3],
            block,
            *updates(repo, 8)[1:3],
            lambda: repo.set_values("s", many),
            *updates(repo, 9)[1:3],
        )

    assert [outcomes[3].value, outcomes[6].value] == [6, 16]
    assert values(path)[:3] == [16, 9, 9]
    assert commits.count == 6  # a block is committed otherwise


def test_the_main_thread_does_no_write_of_another_because_signals_come_there(path, commits):
    with SessionRepository.open(path) as repo:
        with held_turn(repo) as crowd:

            def others() -> None:
                until(lambda: bool(crowd.turn.waiting))
                crowd.come(*updates(repo)[1:3])
                crowd.turn.end(crowd.holder)

            release = threading.Thread(target=others)
            release.start()
            repo.update_variable("s", "v0", 1)
            release.join()
        outcomes = outcomes_of(crowd)

    assert [each.version for each in outcomes] == [1, 1]
    assert values(path)[:3] == [1, 1, 1]
    assert commits.count == 2


def test_an_error_has_the_traceback_of_its_own_call(path, commits):
    def refused() -> Any:
        return repo.update_variable("s", "v1", 1, expected_version=7)

    with SessionRepository.open(path) as repo:
        _, error, _ = together(repo, update(repo, 0, 1), refused, update(repo, 2, 1))

    assert isinstance(error, VersionConflictError)
    called = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert called[1] == "refused"
    assert called[-2:] == ["replace_value", "check_version"]
    assert error.__context__ is None


def test_an_error_is_freed_without_the_garbage_collector(path, commits):
    with SessionRepository.open(path) as repo:
        gc.collect()
        gc.disable()
        try:
            found = together(
                repo,
                *[
                    lambda n=n: repo.update_variable("s", f"v{n}", 1, expected_version=7)
                    for n in range(3)
                ],
            )
            errors = [weakref.ref(error) for error in found]
            del found

            assert [error() for error in errors] == [None] * 3
        finally:
            gc.enable()
