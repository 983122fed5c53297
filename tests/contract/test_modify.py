"""modify_variable: read, change, write as one step."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import pytest
import sqlalchemy
from sqlalchemy import delete, insert

from snakestore import (
    UNCHANGED,
    BatchError,
    SessionNotFoundError,
    SessionRepository,
    StoreBusyError,
    ValidationError,
    VariableLockedError,
    VariableNotFoundError,
    tables,
)


@pytest.fixture
def counter(repo, sid):
    """A session with the integer ``n``, 0 to 10, at version 0."""
    repo.register_variable(
        sid, "n", "integer", 1, id="id-n", constraints={"min": 0, "max": 10}, metadata={"kept": 1}
    )
    return sid


def test_the_function_gets_the_value_and_what_it_returns_is_written(repo, counter):
    seen = []

    modified = repo.modify_variable(counter, "n", lambda value: seen.append(value) or value + 1)

    assert seen == [1]
    assert (modified.value, modified.version) == (2, 1)
    assert repo.get_variable(counter, "id-n") == modified


def test_each_modification_adds_one_version_and_counts_one(repo, counter):
    for _ in range(5):
        repo.modify_variable(counter, "id-n", lambda value: value + 1)

    assert (repo.get_value(counter, "n"), repo.get_variable(counter, "n").version) == (6, 5)
    assert repo.get_stats(counter).total_variable_updates == 6
    assert [past.value for past in repo.variable_history(counter, "n")] == [5, 4, 3, 2, 1]


def test_metadata_is_merged_with_source_and_time(repo, counter, clock):
    clock.advance(5)

    modified = repo.modify_variable(
        counter, "n", lambda value: value, metadata={"why": "test"}, source="worker"
    )

    metadata = dict(modified.metadata)
    assert datetime.fromisoformat(metadata.pop("updated_at")) == modified.last_updated_at == clock()
    assert metadata == {"kept": 1, "why": "test", "source": "worker"}


def test_what_is_returned_is_normalised(repo, counter):
    assert type(repo.modify_variable(counter, "n", lambda _: 3.0).value) is int


@pytest.mark.parametrize("bad", ["text", None, 11, -1, 1.5, True])
def test_a_value_that_may_not_be_changes_nothing(repo, counter, unchanged, bad):
    with unchanged(), pytest.raises(ValidationError):
        repo.modify_variable(counter, "n", lambda _: bad)


class Stop(BaseException):
    """What no ``except Exception`` catches."""


@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), KeyError("mine"), Stop("mine")])
def test_what_the_function_raises_is_raised_and_nothing_changes(repo, counter, unchanged, error):
    def fail(_value):
        raise error

    with unchanged(), pytest.raises(type(error)) as caught:
        repo.modify_variable(counter, "n", fail)

    assert caught.value is error


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database is locked"),
        sqlite3.DatabaseError("database disk image is malformed"),
        sqlalchemy.exc.OperationalError(
            "SELECT 1", None, sqlite3.OperationalError("database is locked")
        ),
        StoreBusyError("mine"),
    ],
    ids=["locked", "malformed", "wrapped", "ours"],
)
def test_an_error_of_the_functions_own_store_is_neither_translated_nor_tried_again(
    repo, counter, unchanged, error
):
    calls = []

    def fail(value):
        calls.append(value)
        raise error

    with unchanged(), pytest.raises(type(error)) as caught:
        repo.modify_variable(counter, "n", fail)

    assert caught.value is error
    assert calls == [1]


def test_what_an_error_of_the_function_was_caused_by_stays_its_cause(repo, counter):
    cause = KeyError("inner")

    def fail(_value):
        raise ZeroDivisionError from cause

    with pytest.raises(ZeroDivisionError) as caught:
        repo.modify_variable(counter, "n", fail)

    assert caught.value.__cause__ is cause


def test_the_store_goes_on_after_a_function_that_raised(repo, counter):
    with pytest.raises(ZeroDivisionError):
        repo.modify_variable(counter, "n", lambda value: value / 0)

    assert repo.modify_variable(counter, "n", lambda value: value + 1).value == 2


def test_a_document_may_be_changed_in_place_and_returned(repo, sid):
    repo.register_variable(sid, "doc", "json", {"scores": [1]})

    def add(document):
        document["scores"].append(2)
        return document

    repo.modify_variable(sid, "doc", add)

    assert repo.get_value(sid, "doc") == {"scores": [1, 2]}
    assert repo.variable_history(sid, "doc")[0].value == {"scores": [1]}


def test_a_document_changed_in_place_before_a_failure_is_unchanged(repo, sid):
    repo.register_variable(sid, "doc", "json", {"scores": [1]})

    def spoil(document):
        document["scores"].clear()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        repo.modify_variable(sid, "doc", spoil)

    assert repo.get_value(sid, "doc") == {"scores": [1]}


@pytest.mark.parametrize(
    ("session", "identifier", "error"),
    [
        ("s", "absent", VariableNotFoundError),
        ("nobody", "n", SessionNotFoundError),
        ("s", "", VariableNotFoundError),
    ],
)
def test_the_function_is_not_called_where_there_is_nothing_to_modify(
    repo, counter, session, identifier, error
):
    calls = []

    with pytest.raises(error):
        repo.modify_variable(session, identifier, calls.append)

    assert calls == []


def test_two_repositories_modify_one_variable_in_turn(repo, second, counter):
    for each in (repo, second, repo, second):
        each.modify_variable(counter, "n", lambda value: value + 1)

    assert repo.get_value(counter, "n") == second.get_value(counter, "n") == 5


# --- nothing to do, or nothing returned


def test_unchanged_leaves_the_variable_and_counts_as_an_access(repo, counter, clock):
    before = repo.get_variable(counter, "n")
    clock.advance(100)

    found = repo.modify_variable(
        counter, "n", lambda _: UNCHANGED, metadata={"why": "test"}, source="worker"
    )

    assert found == repo.get_variable(counter, "n") == before
    assert repo.variable_history(counter, "n") == []
    assert repo.get_stats(counter).total_variable_updates == 1
    assert repo.list_sessions()[0].last_accessed == clock()
    assert repo.modify_variable(counter, "n", lambda value: value + 1).version == 1


def test_unchanged_after_a_change_in_place_returns_what_is_stored(repo, sid):
    repo.register_variable(sid, "doc", "json", [1])

    found = repo.modify_variable(sid, "doc", lambda value: value.clear() or UNCHANGED)

    assert found.value == repo.get_value(sid, "doc") == [1]


def test_unchanged_of_a_held_variable_is_refused_like_a_write(repo, counter, unchanged):
    repo.start_optimization(counter, "n", "opt")

    with unchanged(), pytest.raises(VariableLockedError):
        repo.modify_variable(counter, "n", lambda _: UNCHANGED)


def test_unchanged_in_a_transaction_keeps_the_other_changes(repo, counter):
    with repo.transaction() as transaction:
        transaction.update_variable(counter, "n", 5)
        same = transaction.modify_variable(counter, "n", lambda _: UNCHANGED)

    assert same == repo.get_variable(counter, "n")
    assert same.value == 5


ELSEWHERE = {
    "register": lambda repo, sid: repo.register_variable(sid, "new", "json", UNCHANGED),
    "register-string": lambda repo, sid: repo.register_variable(sid, "new", "string", UNCHANGED),
    "update": lambda repo, sid: repo.update_variable(sid, "n", UNCHANGED),
    "within": lambda repo, sid: repo.modify_variable(sid, "doc", lambda _: {"a": UNCHANGED}),
    "several": lambda repo, sid: repo.update_variables(sid, {"n": UNCHANGED}),
    "program": lambda repo, sid: repo.put_program(sid, "p", UNCHANGED),
    "metadata": lambda repo, sid: repo.update_variable(sid, "n", 2, metadata=UNCHANGED),
    "name": lambda repo, sid: repo.get_variable(sid, UNCHANGED),
    "ttl": lambda repo, sid: repo.update_session(sid, ttl=UNCHANGED),
}


@pytest.mark.parametrize("call", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_unchanged_anywhere_else_is_refused(repo, counter, unchanged, call):
    repo.register_variable(counter, "doc", "json", {})

    with unchanged(), pytest.raises((ValidationError, BatchError)) as caught:
        call(repo, counter)

    errors = getattr(caught.value, "errors", {"": caught.value})
    assert all(isinstance(error, ValidationError) for error in errors.values())


@pytest.mark.parametrize(
    ("type_name", "value", "change"),
    [
        ("json", [1], lambda value: value.append(2)),
        ("json", {}, lambda value: value.update(a=1)),
        ("json", 0, lambda _: None),
        ("embedding", [1.0], lambda value: value.clear()),
    ],
)
def test_none_in_place_of_a_value_is_refused_with_the_reason(
    repo, sid, unchanged, type_name, value, change
):
    repo.register_variable(sid, "v", type_name, value)

    with unchanged(), pytest.raises(ValidationError, match=r"None.*in place.*UNCHANGED") as caught:
        repo.modify_variable(sid, "v", change)

    assert caught.value.type == type_name


def test_none_in_place_of_none_is_a_new_version(repo, sid):
    repo.register_variable(sid, "v", "json", None)

    modified = repo.modify_variable(sid, "v", lambda value: value)

    assert (modified.value, modified.version) == (None, 1)


def test_a_coroutine_function_is_refused_and_leaves_no_coroutine_that_was_never_awaited(
    repo, counter
):
    async def increment(value):
        return value + 1

    with pytest.raises(ValidationError, match="plain function, not a coroutine function"):
        repo.modify_variable(counter, "n", increment)

    assert repo.get_variable(counter, "n").version == 0


def test_a_function_that_deletes_the_row_changes_no_other(backend, clock):
    variables = tables.VariableRow.__table__
    with backend.engine().connect() as connection:
        repo = SessionRepository(connection, clock=clock)
        repo.create_session("s")
        repo.register_variable("s", "n", "integer", 1)

        def _replaced(_: int) -> int:
            row = connection.execute(delete(variables).returning(variables)).mappings().one()
            connection.execute(insert(variables).values({**row, "id": "m-id", "name": "m"}))
            return 2

        repo.modify_variable("s", "n", _replaced)

        assert repo.get_value("s", "m") == 1
        assert repo.variable_names("s") == ["m"]
