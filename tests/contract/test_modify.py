"""modify_variable: read, change, write as one step."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import pytest
import sqlalchemy

from snakestore import SessionNotFoundError, StoreBusyError, ValidationError, VariableNotFoundError


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
