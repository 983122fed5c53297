"""The views, as users read them.

On SQLite over a plain connection and over one with ``trusted_schema=OFF``; and on PostgreSQL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import Engine, insert, text

import snakestore
from snakestore import SessionRepository
from snakestore.storage.migrate.upgrade import upgrade
from snakestore.storage.schema.revisions import HEAD
from snakestore.storage.schema.tables import (
    LogEntryRow,
    LogRow,
    ProgramRow,
    ProgramVersionRow,
    SessionRow,
    VariableRow,
    VariableVersionRow,
)
from snakestore.storage.schema.views import DOCUMENTATION

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _now(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """NOW is when the test begins, however long ago it was collected."""
    monkeypatch.setattr(request.module, "NOW", datetime.now(UTC))


Read = Callable[[str], list[dict[str, Any]]]


def session(id_: str, *, idle: float = 0.0, ttl: float | None = None) -> dict[str, Any]:
    accessed = datetime.now(UTC) - timedelta(
        seconds=idle
    )  # at the moment it is put in, however long the tests before took
    expires = None if ttl is None else accessed + timedelta(seconds=ttl)
    return {
        "id": id_, "metadata_": {}, "created_at": accessed, "last_accessed": accessed, "ttl": ttl,
        "expires_at": expires, "last_worker_id": "w",
        "variable_count": 2, "program_count": 1, "total_variable_updates": 5, "history_limit": None,
    }  # fmt: skip


def variable(id_: str, **others: Any) -> dict[str, Any]:
    return {
        "session_id": "s", "id": id_, "name": f"name of {id_}", "type": "float", "value": "0.5",
        "value_blob": None, "constraints": {}, "metadata_": {}, "version": 0, "created_at": NOW,
        "last_updated_at": NOW, "optimizer_id": None, "optimizer_pid": None,
        "optimization_started_at": None, "optimization_expires_at": None, "access_rules": [],
    } | others  # fmt: skip


def past(variable_id: str, version: int, **others: Any) -> dict[str, Any]:
    return {
        "session_id": "s", "variable_id": variable_id, "version": version, "type": "float",
        "value": str(version), "value_blob": None, "metadata_": {},
        "created_at": NOW - timedelta(hours=1),
    } | others  # fmt: skip


@pytest.fixture
def fill(engine: Engine) -> Callable[..., None]:
    """Put rows into a database of the present schema."""
    upgrade(engine)

    def put(*rows: tuple[type[Any], dict[str, Any]]) -> None:
        with engine.begin() as connection:
            for kind, row in rows:
                connection.execute(
                    insert(kind).values({getattr(kind, name): value for name, value in row.items()})
                )

    return put


@pytest.fixture(params=["ours", "plain"])
def read(request: pytest.FixtureRequest, engine: Engine) -> Read:
    """The rows of a view."""

    def through_ours(query: str) -> list[dict[str, Any]]:
        with engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(query)).mappings()]

    def through_sqlite3(query: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(engine.url.database or "")) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query)]

    def through_psycopg(query: str) -> list[dict[str, Any]]:
        with closing(
            psycopg.connect(
                engine.url.set(drivername="postgresql").render_as_string(hide_password=False),
                row_factory=dict_row,
            )
        ) as connection:
            return connection.execute(query).fetchall()

    if request.param == "ours":
        return through_ours
    return through_sqlite3 if engine.dialect.name == "sqlite" else through_psycopg


def test_sessions_show_whether_they_live_and_how_long_they_are_idle(
    fill: Callable[..., None], read: Read
) -> None:
    fill(
        *(
            (SessionRow, row)
            for row in [
                session("forever", idle=7200),
                session("live", idle=30, ttl=3600),
                session("gone", idle=3601, ttl=3600),
            ]
        )
    )

    found = {row["id"]: row for row in read("SELECT * FROM session_overview")}

    assert {id_: row["state"] for id_, row in found.items()} == {
        "forever": "live",
        "live": "live",
        "gone": "expired",
    }
    assert 30 <= found["live"]["idle_seconds"] < 300
    assert 3601 <= found["gone"]["idle_seconds"] < 3900
    assert (
        found["live"]["ttl"],
        found["live"]["variable_count"],
        found["live"]["last_worker_id"],
    ) == (3600, 2, "w")


def test_variables_show_their_value_readably(fill: Callable[..., None], read: Read) -> None:
    fill(
        (SessionRow, session("s")),
        (VariableRow, variable("text", value='"räksmörgås 🐍"', type="string")),
        (VariableRow, variable("blob", value=None, value_blob=b"\0" * 24, type="embedding")),
    )

    found = {row["id"]: row["value"] for row in read("SELECT * FROM variable_overview")}

    assert found == {"text": '"räksmörgås 🐍"', "blob": "<binary, 24 bytes>"}


def test_variables_show_who_optimises_them_now(fill: Callable[..., None], read: Read) -> None:
    fill(
        (SessionRow, session("s")),
        (VariableRow, variable("free")),
        (VariableRow, variable("held", optimizer_id="opt")),
        (
            VariableRow,
            variable(
                "leased", optimizer_id="opt", optimization_expires_at=NOW + timedelta(hours=1)
            ),
        ),
        (
            VariableRow,
            variable(
                "lapsed", optimizer_id="opt", optimization_expires_at=NOW - timedelta(seconds=1)
            ),
        ),
    )

    found = {
        row["id"]: (row["optimizing"], row["optimizer_id"])
        for row in read("SELECT * FROM variable_overview")
    }

    assert found == {
        "free": ("no", None),
        "held": ("yes", "opt"),
        "leased": ("yes", "opt"),
        "lapsed": ("no", None),
    }


def test_the_history_shows_past_and_present_values_oldest_first(
    fill: Callable[..., None], read: Read
) -> None:
    fill(
        (SessionRow, session("s")),
        (VariableRow, variable("a", version=11, metadata_={"reason": "x", "source": "rollback"})),
        (VariableRow, variable("b", metadata_={"note": "a\0b"})),
        (VariableVersionRow, past("a", 10, metadata_={"source": "python"})),
        (VariableVersionRow, past("a", 9, value=None, value_blob=b"12345678")),
    )

    found = read("SELECT * FROM variable_history_overview")

    assert [
        (row["name"], row["version"], row["value"], row["source"], row["is_current"])
        for row in found
    ] == [
        ("name of a", 9, "<binary, 8 bytes>", None, "no"),
        ("name of a", 10, "10", "python", "no"),
        ("name of a", 11, "0.5", "rollback", "yes"),
        ("name of b", 0, "0.5", None, "yes"),
    ]


def program(id_: str, document: Any, **others: Any) -> dict[str, Any]:
    return {
        "session_id": "s", "id": id_, "program": document, "created_at": NOW,
        "last_updated_at": NOW - timedelta(minutes=5), "metadata_": None, "version": 2,
    } | others  # fmt: skip


def test_sizes_are_bytes_of_everything_that_a_session_holds(
    fill: Callable[..., None], read: Read
) -> None:
    fill(
        (SessionRow, session("s")),
        (SessionRow, session("empty")),
        (VariableRow, variable("a", value='"ä"', type="string")),
        (VariableVersionRow, past("a", 3, value=None, value_blob=b"12345678")),
        (ProgramRow, program("p", {"ö": 1})),
        (
            ProgramVersionRow,
            {
                "session_id": "s", "program_id": "p", "version": 1, "program": [1],
                "metadata_": None, "created_at": NOW,
            },
        ),
        (LogRow, {
            "session_id": "s", "name": "chat", "length": 2, "next_position": 7,
            "created_at": NOW, "last_updated_at": NOW - timedelta(hours=25),
        }),
        *(
            (LogEntryRow, {
                "session_id": "s", "log_name": "chat", "position": position, "entry": "é" * length,
                "created_at": NOW,
            })
            for position, length in [(5, 3), (6, 1)]
        ),
    )  # fmt: skip

    sessions = {row["id"]: row for row in read("SELECT * FROM session_overview")}
    [found] = read("SELECT * FROM program_overview")
    [log] = read("SELECT * FROM log_overview")

    assert (sessions["s"]["size_bytes"], sessions["empty"]["size_bytes"]) == (35, 0)
    assert (sessions["s"]["log_count"], sessions["empty"]["log_count"]) == (1, 0)
    assert (found["size_bytes"], found["past_versions"], found["version"]) == (8, 1, 2)
    assert found["age"] == "5 min"
    assert (log["length"], log["size_bytes"], log["age"]) == (2, 12, "25 h")
    assert log["newest_entry"] in {'"é"', "é"}  # psycopg decodes JSON


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-30, "0 s"),
        (100, "100 s"),
        (3630, "60 min"),
        (30 * 3600 + 30, "30 h"),
        (50 * 3600 + 30, "2 d"),
    ],
)
def test_ages_are_shown_in_the_unit_that_suits_them(
    fill: Callable[..., None], read: Read, seconds: float, shown: str
) -> None:
    fill((SessionRow, session("s", idle=seconds)))

    [found] = read("SELECT idle FROM session_overview")

    assert found["idle"] == shown


def test_time_left_is_shown_until_it_is_over(fill: Callable[..., None], read: Read) -> None:
    fill(
        (SessionRow, session("forever")),
        (SessionRow, session("live", ttl=3630)),
        (SessionRow, session("gone", idle=100, ttl=10)),
    )

    found = {row["id"]: row for row in read("SELECT * FROM session_overview")}

    assert {id_: row["expires_in"] for id_, row in found.items()} == {
        "forever": "never",
        "live": "60 min",
        "gone": "expired",
    }
    assert found["forever"]["expires_at"] is found["forever"]["expires_in_seconds"] is None
    assert found["gone"]["expires_in_seconds"] < -80


def test_a_session_expires_by_its_last_access_whatever_expiry_is_recorded(
    fill: Callable[..., None], read: Read
) -> None:
    lagging = session("s", idle=1800, ttl=3600.25)
    expires, lagging["expires_at"] = lagging["expires_at"], NOW - timedelta(seconds=50)
    lease = {"optimizer_id": "opt", "optimization_started_at": NOW}
    fill((SessionRow, lagging), (VariableRow, variable("held", **lease)))

    [found] = read("SELECT state, expires_at FROM session_overview")
    [held] = read("SELECT state FROM lease_overview")

    shown = found["expires_at"]
    assert (datetime.fromisoformat(shown) if isinstance(shown, str) else shown) == expires
    assert (found["state"], held["state"]) == ("live", "held")


def test_a_session_may_expire_at_the_last_time_there_is(tmp_path: Path) -> None:
    upgrade(tmp_path / "s.db")
    clock = datetime(9999, 12, 31, tzinfo=UTC)
    with SessionRepository.open(tmp_path / "s.db", clock=lambda: clock) as repo:
        last = repo.create_session("s", ttl=timedelta(days=2)).expires_at

    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        [(shown,)] = connection.execute("SELECT expires_at FROM session_overview")

    assert datetime.fromisoformat(shown) == last


def test_leases_show_their_holder_until_when_and_whether_they_still_count(
    fill: Callable[..., None], read: Read
) -> None:
    started = datetime.now(UTC) - timedelta(minutes=150)
    lease = {"optimizer_id": "opt", "optimization_started_at": started, "optimizer_pid": "7"}
    fill(
        (SessionRow, session("s")),
        (SessionRow, session("gone", idle=100, ttl=10)),
        (VariableRow, variable("free")),
        (VariableRow, variable("held", optimizer_id="opt")),
        (
            VariableRow,
            variable("leased", **lease, optimization_expires_at=started + timedelta(minutes=211)),
        ),
        (
            VariableRow,
            variable("lapsed", **lease, optimization_expires_at=started + timedelta(minutes=1)),
        ),
        (VariableRow, variable("of gone", **lease, session_id="gone")),
    )

    found = {row["variable_id"]: row for row in read("SELECT * FROM lease_overview")}

    assert {
        id_: (row["holder"], row["state"], row["expires_in"], row["held_for"], row["holder_pid"])
        for id_, row in found.items()
    } == {
        "held": ("opt", "held", "when released", None, None),
        "leased": ("opt", "held", "60 min", "2 h", "7"),
        "lapsed": ("opt", "expired", "expired", "2 h", "7"),
        "of gone": ("opt", "session expired", "when released", "2 h", "7"),
    }


def test_rollbacks_show_their_reason_and_later_versions_do_not(
    fill: Callable[..., None], read: Read
) -> None:
    why = {"rolled_back_to": 3, "reason": "worse <answers>"}
    fill(
        (SessionRow, session("s")),
        (VariableRow, variable("a", version=6, metadata_={"source": "python", **why})),
        (VariableVersionRow, past("a", 5, metadata_={"source": "rollback", **why})),
        (VariableVersionRow, past("a", 4, metadata_={"source": "rollback"})),
    )

    found = read("SELECT * FROM variable_history_overview")

    assert [(row["version"], row["reason"], row["rolled_back_to"]) for row in found] == [
        (4, None, None),
        (5, "worse <answers>", "3"),
        (6, None, None),
    ]


def test_about_shows_the_revision_the_version_and_the_documentation(
    fill: Callable[..., None], read: Read
) -> None:
    fill()
    before = read("SELECT * FROM about")
    fill((SessionRow, session("s")))

    assert before == [
        {
            "schema_revision": HEAD,
            "made_by": f"snakestore {snakestore.__version__}",
            "documentation": DOCUMENTATION,
            "is_empty": "yes",
        }
    ]
    assert read("SELECT is_empty FROM about") == [{"is_empty": "no"}]
