"""copy() of a store in which some sessions are damaged."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

import snakestore
from snakestore import CorruptStoreError, SessionRepository


@pytest.fixture
def source(tmp_path):
    """A file with 120 sessions of one variable each."""
    path = tmp_path / "source.db"
    with SessionRepository.open(path) as repo:
        for number in range(120):
            repo.create_session(f"s{number:03}", ttl=None)
            repo.register_variable(f"s{number:03}", "n", "integer", number)
    return path


def damage(path, statement):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sessions SET last_accessed = 'damaged' WHERE id = 's007'",
        "UPDATE variables SET created_at = 'damaged' WHERE session_id = 's007'",
        "UPDATE sessions SET total_variable_updates = -1 WHERE id = 's007'",
    ],
    ids=["session", "variable", "check"],
)
def test_all_sessions_but_the_damaged_one_are_copied_and_the_error_names_it(
    tmp_path, source, statement
):
    target = tmp_path / "target.db"
    damage(source, statement)

    with pytest.raises(CorruptStoreError, match=r"1 sessions are damaged .* 's007'"):
        snakestore.copy(source, target)

    with SessionRepository.open(target) as repo:
        ids = [session.id for session in repo.list_sessions()]
        assert len(ids) == 119
        assert "s007" not in ids
        assert repo.get_value("s119", "n") == 119


def test_a_copy_after_the_damaged_session_was_deleted_completes_it(tmp_path, source):
    target = tmp_path / "target.db"
    damage(source, "UPDATE sessions SET last_accessed = 'damaged' WHERE id = 's007'")
    with pytest.raises(CorruptStoreError):
        snakestore.copy(source, target)
    with SessionRepository.open(source) as repo:
        repo.delete_session("s007")

    report = snakestore.copy(source, target)

    assert (report.sessions, report.skipped) == (119, 119)
