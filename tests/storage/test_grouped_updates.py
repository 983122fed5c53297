"""Updates of a group are recorded in their session together, and nothing tells the difference."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from snakestore import SessionRepository
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.grouped import GroupedRunner

NOW = datetime(2030, 1, 1, tzinfo=UTC)
Write = Callable[[SessionRepository], Any]


class Store:
    """A file with sessions, of which each write is done at a given time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = NOW
        self.statements: list[str] = []
        """What was run for groups."""
        self.repository = SessionRepository.open(path, clock=lambda: self.now, history=2)

    def one_by_one(self, writes: list[tuple[datetime, Write]]) -> list[Any]:
        """What each write returns or raises, in a transaction of its own."""
        return [self._outcome(at, partial(write, self.repository)) for at, write in writes]

    def together(self, writes: list[tuple[datetime, Write]]) -> list[Any]:
        """What each write returns or raises, all in one transaction."""
        repository = self.repository
        runner = repository._runner

        def all_of_them(tx: TransactionContext) -> list[Any]:
            tx.driver_connection.set_trace_callback(self.statements.append)
            grouped = GroupedRunner(runner, tx)
            inside = repository._on(repository._options, grouped)
            outcomes = []
            for at, write in writes:
                self.now = at
                result, error = grouped.outcome_of(partial(write, inside))
                outcomes.append(shown(result if error is None else error))
            grouped.record_updates()
            return outcomes

        return runner.write(all_of_them)

    def _outcome(self, at: datetime, call: Callable[[], Any]) -> Any:
        self.now = at
        try:
            return shown(call())
        except Exception as error:  # noqa: BLE001 - it is compared
            return shown(error)

    def rows(self) -> list[Any]:
        """All sessions and variables."""
        with closing(sqlite3.connect(self.path)) as connection:
            return [
                connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
                for table in ("sessions", "variables", "variable_versions")
            ]


def shown(outcome: Any) -> Any:
    """An outcome that can be compared, without ids that are made anew."""
    if isinstance(outcome, Exception):
        return type(outcome), str(outcome), getattr(outcome, "expired_at", None)
    if isinstance(outcome, dict):
        return {name: shown(each) for name, each in outcome.items()}
    return {**outcome.to_dict(), "id": None} if hasattr(outcome, "to_dict") else outcome


def filled(path: Path, ttls: dict[str, float | None]) -> Store:
    store = Store(path)
    for sid, ttl in ttls.items():
        store.repository.create_session(sid, ttl=ttl)
        for name in ("a", "b"):
            store.repository.register_variable(sid, name, "integer", 0)
    return store


def some_write(chance: random.Random) -> Write:
    """Mostly updates; some are refused."""
    sid, name = chance.choice(["s", "s", "s", "t", "u", "missing"]), chance.choice("aab")
    number, ttl = chance.randrange(5), chance.choice([None, 0.5, 5.0, 100.0, 7200.0])
    updates: list[Write] = [
        lambda repo: repo.update_variable(sid, name, number),
        lambda repo: repo.update_variable(sid, name, number, expected_version=number),
        lambda repo: repo.update_variable(sid, name, "text"),
    ]
    others: list[Write] = [
        lambda repo: repo.touch(sid),
        lambda repo: repo.update_session(sid, ttl=ttl),
        lambda repo: repo.set_values(sid, {"a": number, "b": number}),
        lambda repo: repo.delete_variable(sid, "b"),
        lambda repo: repo.set_value(sid, "b", number),
        lambda repo: repo.append_log(sid, "log", [number]),
        lambda repo: repo.create_session(sid, ttl=ttl),
        lambda repo: repo.delete_session(sid),
    ]
    return chance.choice(updates if chance.random() < 0.8 else others)


@pytest.mark.parametrize("seed", range(8))
def test_each_write_of_a_group_does_the_same_as_alone_whatever_the_clock_shows(tmp_path, seed):
    chance = random.Random(seed)
    ttls = {"s": chance.choice([None, 5.0, 300.0, 3600.0]), "t": 5.0, "u": None}
    writes, at = [], NOW
    for _ in range(60):
        # from within what an access may lag to past the end of a session; sometimes back
        step = chance.choice([0.0, 0.0001, 0.01, 0.4, 3.0, 6.0, 50.0, -0.3, -2.0])
        at += timedelta(seconds=step)
        writes.append((at, some_write(chance)))
    alone, grouped = filled(tmp_path / "alone.db", ttls), filled(tmp_path / "grouped.db", ttls)
    expected, outcomes = alone.one_by_one(writes), grouped.together(writes)

    assert outcomes == expected
    assert without_ids(grouped.rows()) == without_ids(alone.rows())


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [
        pytest.param(3600.0, [0.1, 1.0, 0.5], id="the clock is set back"),
        pytest.param(3600.0, [50.0, 59.9, 60.5], id="expires_at is to be moved"),
        pytest.param(5.0, [0.1, 4.0, 8.0, 12.0], id="the session lives by its updates"),
        pytest.param(5.0, [0.1, 0.2, 5.3, 5.1], id="the session expires"),
        pytest.param(None, [0.1, 1e9, 2e9], id="the session never expires"),
    ],
)
def test_the_updates_of_a_group_are_accesses_at_their_own_times(tmp_path, ttl, seconds):
    writes = [(NOW + timedelta(seconds=each), partial(update, "s", 1)) for each in seconds]
    alone, grouped = (filled(tmp_path / name, {"s": ttl}) for name in ("alone.db", "grouped.db"))
    expected = alone.one_by_one(writes)
    outcomes = grouped.together(writes[:1]) + grouped.together(writes[1:])

    assert outcomes == expected
    assert without_ids(grouped.rows()) == without_ids(alone.rows())


def without_ids(tables: list[Any]) -> list[Any]:
    sessions, variables, versions = tables
    return [
        sessions,
        sorted([(row[0], *row[2:]) for row in variables], key=repr),
        sorted([(row[0], *row[2:]) for row in versions], key=repr),
    ]


def test_the_updates_of_a_group_change_the_row_of_their_session_once(tmp_path):
    store = filled(tmp_path / "s.db", {"s": 3600.0, "t": None})
    store.together(
        [
            (NOW + timedelta(milliseconds=n), partial(update, sid, n))
            for n in range(10)
            for sid in ("s", "t")
        ]
    )

    assert sum(sql.startswith("UPDATE sessions") for sql in store.statements) == 2


def update(sid: str, value: int, repo: SessionRepository) -> Any:
    return repo.update_variable(sid, "a", value)
