"""How the views are defined: their columns, the indexes that they use, their revisions."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, inspect, text

from snakestore import SessionRepository
from snakestore.storage.engine import create_engine
from snakestore.storage.migrate.upgrade import downgrade, upgrade
from snakestore.storage.schema.revisions import VIEW_NAMES
from tests.plans import scanned


@pytest.mark.parametrize("view", VIEW_NAMES)
def test_the_ids_are_the_last_columns(engine: Engine, view: str) -> None:
    upgrade(engine)

    columns = [column["name"] for column in inspect(engine).get_columns(view)]

    ids = [name for name in columns if name in {"id", "session_id", "variable_id"}]
    assert columns[len(columns) - len(ids) :] == ids
    assert len(columns) > len(ids)


KEYED = [name for name in VIEW_NAMES if name != "about"]


@pytest.mark.parametrize("view", KEYED)
def test_a_view_that_is_filtered_by_session_scans_no_table(tmp_path: Path, view: str) -> None:
    upgrade(tmp_path / "s.db")
    key = "id" if view == "session_overview" else "session_id"
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN SELECT * FROM {view} WHERE {key} = 's'"
        ).fetchall()

    assert scanned(plan) == set()


def test_all_leases_are_found_by_an_index_of_them_alone(tmp_path: Path) -> None:
    upgrade(tmp_path / "s.db")
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        plan = connection.execute("EXPLAIN QUERY PLAN SELECT * FROM lease_overview").fetchall()

    assert "SCAN variables USING INDEX ix_variables_leased" in {row[3] for row in plan}
    assert scanned(plan) == {"variables"}


def test_filtered_views_scan_no_table_of_a_server(missing_database: URL) -> None:
    upgrade(missing_database)
    engine = create_engine(missing_database)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plans = {
            view: "\n".join(
                connection.execute(
                    text(f"EXPLAIN SELECT * FROM {view} WHERE {key} = 's'")
                ).scalars()
            )
            for view in KEYED
            for key in ["id" if view == "session_overview" else "session_id"]
        }
    engine.dispose()

    assert not any("Seq Scan" in plan for plan in plans.values()), plans


def test_a_role_that_may_only_select_reads_every_view(missing_database: URL) -> None:
    upgrade(missing_database)
    engine = create_engine(missing_database)
    role = f"reader_{missing_database.database}"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role}"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
        connection.execute(text(f"SET LOCAL ROLE {role}"))

        found = {
            view: len(connection.execute(text(f"SELECT * FROM {view}")).all())
            for view in VIEW_NAMES
        }

        connection.execute(text("RESET ROLE"))
        connection.execute(text(f"DROP OWNED BY {role}"))
        connection.execute(text(f"DROP ROLE {role}"))
    engine.dispose()
    assert found == dict.fromkeys(VIEW_NAMES, 0) | {"about": 1}


def test_a_downgrade_restores_the_views_as_they_were(tmp_path: Path) -> None:
    upgrade(tmp_path / "older.db", "0005")
    upgrade(tmp_path / "newer.db")

    downgrade(tmp_path / "newer.db", "0005")

    assert definitions(tmp_path / "newer.db") == definitions(tmp_path / "older.db")


def test_a_downgrade_records_when_a_session_expires(tmp_path: Path) -> None:
    now = datetime.now(UTC) - timedelta(seconds=3601)
    with SessionRepository.open(tmp_path / "s.db", clock=lambda: now) as repo:
        repo.create_session("endless", ttl=None)
        repo.create_session("s", ttl=3600)
        now += timedelta(seconds=59)
        expires = repo.touch("s").expires_at  # which leaves the recorded expiry as it is

    downgrade(tmp_path / "s.db", "0006")

    query = "SELECT id, state, expires_at FROM session_overview ORDER BY id"
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        endless, [name, state, shown] = connection.execute(query)
    assert endless == ("endless", "live", None)
    assert (name, state, datetime.fromisoformat(shown)) == ("s", "live", expires)


def definitions(path: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return set(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


def test_a_server_is_downgraded_and_upgraded_again(missing_database: URL) -> None:
    upgrade(missing_database)

    downgrade(missing_database, "0005")
    engine = create_engine(missing_database)
    older = set(inspect(engine).get_view_names())
    upgrade(engine)

    assert older == {"session_overview", "variable_overview", "variable_history_overview"}
    assert set(inspect(engine).get_view_names()) == set(VIEW_NAMES)
    engine.dispose()


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
