"""Binds, revisions and databases that cannot be migrated are refused unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, inspect, text

from snakestore.errors import (
    SchemaError,
    SchemaOutdatedError,
    SchemaTooNewError,
    StoreError,
    ValidationError,
)
from snakestore.storage.engine import create_engine
from snakestore.storage.migrate.opening import open_database
from snakestore.storage.migrate.upgrade import current, downgrade, upgrade
from snakestore.storage.schema.revisions import HEAD, VERSION_TABLE
from tests.migrations.relations import tables


def test_a_name_that_a_pending_revision_needs_is_refused_while_nothing_has_changed(
    engine: Engine,
) -> None:
    upgrade(engine, "0001")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE variable_versions (x TEXT)"))
    with engine.connect() as connection:
        with pytest.raises(SchemaError, match="variable_versions") as caught:
            upgrade(connection)
        connection.commit()

    assert (caught.value.current, caught.value.head) == ("0001", HEAD)
    assert "history_limit" not in {
        column["name"] for column in inspect(engine).get_columns("sessions")
    }
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE variable_versions"))
    upgrade(engine)
    assert current(engine) == HEAD


def test_after_a_downgrade_to_base_the_names_are_the_users_to_take(engine: Engine) -> None:
    upgrade(engine)
    downgrade(engine, "base")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE sessions (mine TEXT)"))

    with pytest.raises(SchemaError, match="sessions") as caught:
        upgrade(engine)
    assert type(caught.value) is SchemaError
    assert tables(engine) == {VERSION_TABLE, "sessions"}


def test_there_is_nothing_to_downgrade_below_base(engine: Engine) -> None:
    upgrade(engine)
    downgrade(engine, "base")

    with pytest.raises(SchemaOutdatedError, match="nothing to downgrade"):
        downgrade(engine, "base")


def test_a_downgrade_does_not_advise_to_migrate_a_database_of_another_program(
    engine: Engine,
) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE cats (name TEXT)"))

    with pytest.raises(SchemaOutdatedError, match="nothing to downgrade") as caught:
        downgrade(engine, "base")
    assert "migrate=True" not in str(caught.value)


def test_a_name_in_other_letters_is_taken_too_where_the_database_sees_no_difference(
    tmp_path: Path,
) -> None:
    engine = create_engine(tmp_path / "s.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE Sessions (mine)"))

    with pytest.raises(SchemaError, match="sessions"):
        upgrade(engine)
    engine.dispose()


def test_tables_of_the_users_stay_as_they_are(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE cats (name TEXT)"))
        connection.execute(text("INSERT INTO cats VALUES ('Tom')"))
    upgrade(engine)
    downgrade(engine, "base")

    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM cats")).scalars().all() == ["Tom"]


def test_a_table_of_the_user_under_a_name_of_snakestore_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE sessions (mine TEXT)"))

    with pytest.raises(SchemaError, match="sessions") as caught:
        upgrade(engine)
    assert (caught.value.current, caught.value.head) == (None, HEAD)
    assert tables(engine) == {"sessions"}


def test_a_version_table_of_alembic_is_not_that_of_snakestore(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('theirs')"))
    upgrade(engine)

    with engine.connect() as connection:
        assert connection.execute(
            text("SELECT version_num FROM alembic_version")
        ).scalars().all() == ["theirs"]
    assert current(engine) == HEAD


def test_a_newer_schema_is_refused(engine: Engine) -> None:
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))

    for attempt in (upgrade, lambda bind: downgrade(bind, "base")):
        with pytest.raises(SchemaTooNewError, match="9999"):
            attempt(engine)
    assert current(engine) == "9999"


NO_REVISIONS: list[Any] = [
    "nonsense",
    "9999",
    "+99",
    "",
    None,
    1,
    b"head",
    ["0001"],
    "0001:head",
    "\ud800",
    "+99999999999",
]


@pytest.mark.parametrize("revision", NO_REVISIONS, ids=repr)
def test_an_unknown_revision_is_refused(engine: Engine, revision: Any) -> None:
    with pytest.raises(ValidationError, match="revisions are base, 0001"):
        upgrade(engine, revision)
    assert tables(engine) == set()


@pytest.mark.parametrize("revision", NO_REVISIONS, ids=repr)
def test_an_unknown_revision_is_refused_of_a_downgrade(tmp_path: Path, revision: Any) -> None:
    upgrade(tmp_path / "s.db")

    with pytest.raises(ValidationError, match="revisions are base, 0001"):
        downgrade(tmp_path / "s.db", revision)
    assert current(tmp_path / "s.db") == HEAD


def test_a_revision_that_cannot_be_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        upgrade(tmp_path / "s.db", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bind", [None, 5, object()])
def test_what_is_no_bind_is_refused(bind: Any) -> None:
    for attempt in (upgrade, current, lambda given: downgrade(given, "base")):
        with pytest.raises(ValidationError):
            attempt(bind)


def test_an_asynchronous_bind_is_refused_with_the_remedy() -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    with pytest.raises(ValidationError, match="run_sync"):
        upgrade(create_async_engine("postgresql+psycopg://nowhere/db"))  # type: ignore[arg-type] - on purpose


def test_a_server_out_of_reach_is_a_store_error_without_a_password() -> None:
    for attempt in (upgrade, current, open_database):
        with pytest.raises(StoreError) as caught:
            attempt("postgresql://ada:secret@127.0.0.1:1/db")
        assert "secret" not in str(caught.value)


def test_a_connection_in_autocommit_on_a_server_is_refused(missing_database: URL) -> None:
    upgrade(missing_database, "0001")
    engine = create_engine(missing_database)

    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        with pytest.raises(StoreError, match="AUTOCOMMIT"):
            upgrade(connection)
        assert not connection.in_transaction()
    assert current(engine) == "0001"
    engine.dispose()
