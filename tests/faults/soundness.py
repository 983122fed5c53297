"""What must hold of a file after anything: the one place that says so."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from snakestore import SessionRepository


def assert_sound(path: Path) -> None:
    """Integrity, foreign keys, counts, values, versions: by ``check()`` and by SQLite."""
    with SessionRepository.open(path) as repo:
        report = repo.check()
    with closing(sqlite3.connect(path)) as connection:
        integrity = connection.execute("PRAGMA integrity_check").fetchall()
        dangling = connection.execute("PRAGMA foreign_key_check").fetchall()
        miscounted = connection.execute(
            "SELECT id FROM sessions WHERE variable_count <> (SELECT count(*) FROM variables WHERE"
            " session_id = sessions.id) OR program_count <> (SELECT count(*) FROM programs WHERE"
            " session_id = sessions.id)"
        ).fetchall()

    assert report.problems == []
    assert integrity == [("ok",)]
    assert dangling == []
    assert miscounted == []
