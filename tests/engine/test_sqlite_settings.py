from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Connection, text

from snakestore.errors import StoreBusyError, StoreError, ValidationError
from snakestore.storage.engine import create_engine, is_ours, settings_of
from snakestore.storage.execution.driver_errors import translate_errors
from snakestore.storage.settings import Settings


def pragma(connection: Connection, name: str) -> Any:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


def test_a_file_has_our_settings(tmp_path: Path) -> None:
    engine = create_engine(tmp_path / "s.db", busy_timeout=1.5)

    with engine.connect() as connection:
        found = {
            name: pragma(connection, name)
            for name in (
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "trusted_schema",
                "auto_vacuum",
                "busy_timeout",
                "cache_size",
            )
        }
    engine.dispose()

    assert found == {
        "journal_mode": "wal",
        "synchronous": 1,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "auto_vacuum": 2,
        "busy_timeout": 1500,
        "cache_size": -8192,
    }


def test_the_log_is_cut_to_a_limit(tmp_path: Path) -> None:
    engine = create_engine(tmp_path / "s.db")

    with engine.connect() as connection:
        assert 0 < pragma(connection, "journal_size_limit") <= 2**30
    engine.dispose()


def test_full_durability_syncs_each_commit(tmp_path: Path) -> None:
    engine = create_engine(tmp_path / "s.db", durability="full")

    with engine.connect() as connection:
        assert pragma(connection, "synchronous") == 2
    engine.dispose()


def test_extensions_cannot_be_loaded(tmp_path: Path) -> None:
    engine = create_engine(tmp_path / "s.db")

    with (
        engine.connect() as connection,
        pytest.raises(StoreError, match="not authorized"),
        translate_errors(),
    ):
        connection.execute(text("SELECT load_extension('anything')"))
    engine.dispose()


def test_a_planted_view_cannot_call_what_is_not_harmless(tmp_path: Path) -> None:
    engine = create_engine(tmp_path / "s.db")
    with sqlite3.connect(tmp_path / "s.db") as planter:
        planter.execute("CREATE VIEW planted AS SELECT load_extension('anything')")
    planter.close()

    with (
        engine.connect() as connection,
        pytest.raises(StoreError, match="unsafe use"),
        translate_errors(),
    ):
        connection.exec_driver_sql("SELECT * FROM planted")
    engine.dispose()


@pytest.mark.parametrize("given", [-1, float("nan"), "30", None, True])
def test_a_busy_timeout_is_a_number_of_seconds(given: Any) -> None:
    with pytest.raises(ValidationError, match="busy_timeout"):
        create_engine("sqlite://", busy_timeout=given)


@pytest.mark.parametrize("given", ["FULL", "", None, 1])
def test_durability_is_one_of_two_words(given: Any) -> None:
    with pytest.raises(ValidationError, match="durability"):
        create_engine("sqlite://", durability=given)


def test_an_engine_of_create_engine_has_its_settings_also_in_its_connections_and_options() -> None:
    engine = create_engine("sqlite://", busy_timeout=3, durability="full")

    assert settings_of(engine) == Settings(3.0, "full")
    with engine.connect() as connection:
        assert settings_of(connection) == Settings(3.0, "full")
    assert is_ours(engine.execution_options(isolation_level="AUTOCOMMIT"))
    engine.dispose()


def test_an_engine_of_the_user_has_no_settings() -> None:
    engine = sqlalchemy.create_engine("sqlite://")

    assert not is_ours(engine)
    with pytest.raises(StoreError):
        settings_of(engine)


def test_threads_share_one_database_in_memory() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
    found: list[int] = []

    def count() -> None:
        with engine.connect() as connection:
            found.append(connection.exec_driver_sql("SELECT count(*) FROM t").scalar_one())

    thread = threading.Thread(target=count)
    thread.start()
    thread.join()
    engine.dispose()

    assert found == [0]


def test_two_engines_in_memory_are_two_databases() -> None:
    one, other = create_engine("sqlite://"), create_engine("sqlite://")
    with one.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")

    with other.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one() == 0
    one.dispose()
    other.dispose()


def test_many_threads_at_once_wait_for_no_connection(tmp_path: Path) -> None:
    engine = create_engine(tmp_path / "s.db")
    connections = [engine.connect() for _ in range(40)]

    assert [connection.exec_driver_sql("SELECT 1").scalar_one() for connection in connections] == [
        1
    ] * 40
    for connection in connections:
        connection.close()
    engine.dispose()


def test_a_busy_database_is_waited_for_until_busy_timeout_and_no_longer(tmp_path: Path) -> None:
    engine = create_engine(tmp_path / "s.db", busy_timeout=0.3)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
    other = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    start = time.monotonic()
    with pytest.raises(StoreBusyError), translate_errors(), engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    waited = time.monotonic() - start
    other.close()
    engine.dispose()

    assert 0.25 <= waited < 3
