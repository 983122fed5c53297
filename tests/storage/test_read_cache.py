"""The read cache is a cache: quicker, and never other than the file."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import create_engine as plain_engine

import snakestore
from snakestore import SessionRepository, ValidationError, VariableNotFoundError
from snakestore.storage.execution import cache


@pytest.fixture
def repo(tmp_path, clock):
    with SessionRepository.open(tmp_path / "cached.db", cache=True, clock=clock) as repo:
        repo.create_session("s")
        repo.register_variable("s", "x", "json", {"a": [1]})
        yield repo


@pytest.fixture
def statements(repo):
    """The SQL that the repository's connection runs from here on."""
    seen: list[str] = []
    connection = repo._runner._connections.idle[0]
    connection.driver_connection.set_trace_callback(seen.append)
    yield seen
    connection.driver_connection.set_trace_callback(None)


@pytest.mark.parametrize("read", ["get_value", "get_variable"])
def test_a_second_read_asks_only_whether_anything_changed(repo, statements, read):
    getattr(repo, read)("s", "x")
    statements.clear()

    getattr(repo, read)("s", "x")

    assert statements == ["PRAGMA data_version"]


def test_what_another_connection_commits_is_seen_at_once(repo, tmp_path, clock):
    repo.get_value("s", "x")
    with SessionRepository.open(tmp_path / "cached.db", clock=clock) as other:
        other.update_variable("s", "x", {"a": [2]})

    assert repo.get_value("s", "x") == {"a": [2]}


def test_what_plain_sqlite3_changes_is_seen_at_once(repo, tmp_path):
    repo.get_value("s", "x")
    with sqlite3.connect(tmp_path / "cached.db") as connection:
        connection.execute("UPDATE variables SET value = '7'")
    connection.close()

    assert repo.get_value("s", "x") == 7


def test_ones_own_write_is_seen_at_once(repo):
    repo.get_value("s", "x")
    repo.update_variable("s", "x", 3)

    assert repo.get_value("s", "x") == 3


def test_a_transaction_that_is_rolled_back_leaves_the_old_value(repo):
    repo.get_value("s", "x")
    with pytest.raises(ZeroDivisionError), repo.transaction() as transaction:
        transaction.update_variable("s", "x", 3)
        1 / 0  # noqa: B018 - to leave the block

    assert repo.get_value("s", "x") == {"a": [1]}


def test_a_deleted_variable_is_gone(repo):
    repo.get_value("s", "x")
    repo.delete_variable("s", "x")

    with pytest.raises(VariableNotFoundError):
        repo.get_value("s", "x")


def test_a_value_from_memory_is_the_callers_own(repo):
    repo.get_value("s", "x")["a"].append(2)

    assert repo.get_value("s", "x") == {"a": [1]}


def test_a_read_from_memory_is_an_access_all_the_same(repo, clock):
    repo.get_value("s", "x")
    clock.advance(60)
    repo.get_value("s", "x")

    (session,) = repo.list_sessions()
    assert session.last_accessed == clock()


def test_the_memory_is_bounded(repo, monkeypatch):
    monkeypatch.setattr(cache, "MAX_BYTES", 2 * cache.ROW_BYTES)
    for number in range(5):
        repo.register_variable("s", f"v{number}", "integer", number)
    for number in range(5):
        repo.get_value("s", f"v{number}")

    (connection,) = repo._runner._connections.idle
    assert len(connection.row_cache.rows) <= 2


def read_in_turn(repo, statements, times):
    """The statements of reading five variables in turn."""
    for number in range(5):
        repo.register_variable("s", f"v{number}", "integer", number)
    statements.clear()
    for number in range(times):
        assert repo.get_value("s", f"v{number % 5}") == number % 5
    return statements


def test_a_cache_that_is_too_small_is_passed_by_for_a_while(repo, statements, monkeypatch):
    monkeypatch.setattr(cache, "MAX_BYTES", 2 * cache.ROW_BYTES)
    rows_kept = 1  # the values are too long for two
    filled = rows_kept + 1

    seen = read_in_turn(repo, statements, filled + cache.PASSED_BY * rows_kept)

    asked = [number for number, sql in enumerate(seen) if sql == "PRAGMA data_version"]
    assert len(seen) - len(asked) == filled + cache.PASSED_BY * rows_kept
    assert max(asked) < 3 * filled
    repo.get_value("s", "v0")
    assert seen[-2] == "PRAGMA data_version"


def test_a_cache_that_is_full_but_pays_goes_on(repo, statements, monkeypatch):
    monkeypatch.setattr(cache, "MAX_BYTES", 2 * cache.ROW_BYTES)
    read_in_turn(repo, statements, 0)
    for name in ("v0", "v0", "v0", "v1", "v1"):
        repo.get_value("s", name)
    statements.clear()

    repo.get_value("s", "v1")

    assert statements == ["PRAGMA data_version"]


@pytest.mark.parametrize("bind", ["plain engine", "connection"])
def test_what_cannot_tell_of_changes_is_refused(tmp_path, bind):
    snakestore.upgrade(tmp_path / "plain.db")
    engine = plain_engine(f"sqlite:///{tmp_path / 'plain.db'}")

    with engine.connect() as connection, pytest.raises(ValidationError, match="cache=True"):
        SessionRepository(engine if bind == "plain engine" else connection, cache=True)
    engine.dispose()
