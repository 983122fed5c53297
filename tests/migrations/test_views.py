"""The views, as users read them.

On SQLite over a plain connection and over one with ``trusted_schema=OFF``; and on PostgreSQL.
"""

from __future__ import annotations

import re
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

from snakestore.storage.engine import create_engine
from snakestore.storage.migrate.upgrade import upgrade
from snakestore.storage.schema.tables import SessionRow, VariableRow, VariableVersionRow

NOW = datetime.now(UTC)
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
    assert list(found["live"]) == [
        "id", "state", "idle_seconds", "ttl", "variable_count", "program_count",
        "total_variable_updates", "last_worker_id", "created_at", "last_accessed",
    ]  # fmt: skip
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


def test_the_views_compare_with_the_present_in_the_form_of_the_columns(tmp_path: Path) -> None:
    engine = create_engine(tmp_path / "s.db")
    upgrade(engine)
    with engine.connect() as connection:
        sql = connection.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE name = 'session_overview'"
        ).scalar_one()
        expression = re.search(r"strftime\([^)]*\)", sql)
        assert expression is not None
        present = connection.exec_driver_sql(f"SELECT {expression[0]}").scalar_one()
    engine.dispose()

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", present)
    assert len(present) == 27
