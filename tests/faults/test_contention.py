from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snakestore import SessionRepository
from tests.faults import crew, work
from tests.faults.soundness import assert_sound

PROCESSES = 8


def contend(
    path: Path, rounds: int, batches: int, broken: str | None = None
) -> dict[str, list[float]]:
    """Write in all processes. Returns the waits by kind of write; an error is an AssertionError."""
    work.prepare(path)
    waits = crew.run(
        work.contend, [(path, worker, rounds, batches, broken) for worker in range(PROCESSES)]
    )
    return {kind: [wait for each in waits for wait in each[kind]] for kind in waits[0]}


def assert_nothing_lost(path: Path, rounds: int, batches: int) -> None:
    with SessionRepository.open(path) as repo:
        found = {name: repo.get_variable("s", name) for name in ("updated", "modified", "compared")}
        batch = [repo.get_variable("s", name) for name in work.BATCH]
        stats = repo.get_stats("s")
        history = [past.version for past in repo.variable_history("s", "modified")]
    total = PROCESSES * rounds
    assert {name: variable.version for name, variable in found.items()} == dict.fromkeys(
        found, total
    )
    assert (found["modified"].value, found["compared"].value) == (total, total)
    assert {(variable.version, variable.value) for variable in batch} == {
        (PROCESSES * batches, batch[0].value)
    }
    assert (
        stats.total_variable_updates
        == 3 + len(work.BATCH) + 3 * total + len(work.BATCH) * PROCESSES * batches
    )
    assert history == list(range(total - 1, max(-1, total - 21), -1))
    assert_sound(path)


def test_eight_processes_lose_nothing_meet_no_error_and_none_waits_for_long(
    tmp_path, size, figures
):
    rounds, batches = size(60, 300), size(5, 50)

    waits = contend(tmp_path / "s.db", rounds, batches)

    assert_nothing_lost(tmp_path / "s.db", rounds, batches)
    measured = {
        kind: {"count": len(each), "p99": crew.percentile(each, 0.99), "max": max(each)}
        for kind, each in waits.items()
    }
    figures("contention", processes=PROCESSES, lost=0, errors=0, waits=measured)
    # a retry without back-off, or SQLite's own busy handler, lets some wait for a third of
    # busy_timeout
    assert max(max(each) for each in waits.values()) < 10.0


@pytest.mark.parametrize("broken", ["get then set", "no BEGIN IMMEDIATE", "no transactions"])
def test_control_of_contention(tmp_path, broken):
    with pytest.raises(AssertionError):  # the scene itself fails, or what it leaves
        contend(tmp_path / "s.db", 40, 2, broken)
        assert_nothing_lost(tmp_path / "s.db", 40, 2)


# --- busy_timeout


def contents(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return [
            connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in ("sessions", "variables", "variable_versions")
        ]


@pytest.mark.parametrize("busy_timeout", [0, 0.2, pytest.param(1.5, marks=pytest.mark.slow)])
def test_a_writer_that_never_gets_its_turn_is_refused_after_busy_timeout_and_changes_nothing(
    tmp_path, busy_timeout, figures
):
    path = tmp_path / "s.db"
    work.prepare(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        before = contents(path)
        waited = crew.run(work.wait_for_lock, [(path, busy_timeout)] * 4)
        holder.execute("ROLLBACK")

    figures("busy", busy_timeout=busy_timeout, waited=waited)
    assert min(waited) >= busy_timeout * 0.99
    assert max(waited) < busy_timeout + 1.0  # a busy machine may be late to wake somebody
    assert contents(path) == before


def test_a_reader_never_waits_for_a_writer(tmp_path):
    path = tmp_path / "s.db"
    work.prepare(path)
    with (
        SessionRepository.open(path, busy_timeout=0) as repo,
        closing(sqlite3.connect(path, isolation_level=None)) as holder,
    ):
        holder.execute("BEGIN IMMEDIATE")
        holder.execute("UPDATE variables SET version = 100")

        seen = repo.get_value("s", "updated"), len(repo.list_variables("s")), repo.check().ok

        holder.execute("ROLLBACK")
    assert seen == (0, 103, True)
