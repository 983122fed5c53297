"""The migrations over an Engine, a Connection, an orm.Session, a path or a URL, on both databases."""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import URL, Engine, inspect, orm, text

from snakestore.errors import SchemaError, SchemaOutdatedError, SchemaTooNewError, StoreBusyError, StoreError, ValidationError
from snakestore.storage.engine import create_engine
from snakestore.storage.revisions import HEAD, VERSION_TABLE
from snakestore.storage.schema import current, downgrade, open_engine, upgrade

OURS = {"sessions", "variables", "variable_versions", "programs", VERSION_TABLE}


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def test_a_missing_database_is_made_by_its_url(url: URL) -> None:
    assert current(url) is None
    upgrade(url)

    assert current(url) == HEAD


def test_a_missing_database_has_nothing_to_downgrade(url: URL) -> None:
    with pytest.raises(SchemaOutdatedError):
        downgrade(url, "base")
    assert current(url) is None


def test_a_server_is_migrated_only_when_told_to(missing_database: URL) -> None:
    with pytest.raises(SchemaOutdatedError, match="snakestore db upgrade"):
        open_engine(missing_database)
    open_engine(missing_database, migrate=True).dispose()
    open_engine(missing_database).dispose()

    assert current(missing_database) == HEAD


def test_a_server_of_an_older_schema_is_refused_until_it_is_migrated(missing_database: URL) -> None:
    upgrade(missing_database, "0001")

    with pytest.raises(SchemaOutdatedError) as caught:
        open_engine(missing_database)
    assert (caught.value.current, caught.value.head) == ("0001", HEAD)


def test_an_engine_is_migrated_in_a_transaction_of_its_own(engine: Engine) -> None:
    upgrade(engine)

    assert current(engine) == HEAD
    assert tables(engine) == OURS


def test_each_step_goes_there_and_back(engine: Engine) -> None:
    seen = []
    for step in ("0001", "head"):
        upgrade(engine, step)
        seen.append(current(engine))
    for step in ("-1", "base"):
        downgrade(engine, step)
        seen.append(current(engine))

    assert seen == ["0001", HEAD, "0001", None]
    assert tables(engine) == {VERSION_TABLE}


def test_upgrading_what_is_up_to_date_changes_nothing(engine: Engine) -> None:
    upgrade(engine)
    upgrade(engine)

    assert current(engine) == HEAD


def test_a_connection_is_joined_and_not_committed(engine: Engine) -> None:
    with engine.connect() as connection:
        upgrade(connection)
        assert current(connection) == HEAD
        assert connection.in_transaction()
        connection.rollback()

    assert current(engine) is None
    assert tables(engine) == set()


def test_a_downgrade_on_a_connection_rolls_back_whole(engine: Engine) -> None:
    upgrade(engine)
    with engine.connect() as connection:
        downgrade(connection, "base")
        connection.rollback()

    assert current(engine) == HEAD
    assert tables(engine) == OURS


def test_an_orm_session_is_joined_and_not_committed(engine: Engine) -> None:
    with orm.Session(engine) as session:
        upgrade(session)
        assert current(session) == HEAD
        session.rollback()
        assert current(session) is None
        upgrade(session)
        session.commit()

    assert current(engine) == HEAD


def test_an_orm_session_kept_for_each_thread_is_one_too(engine: Engine) -> None:
    session = orm.scoped_session(orm.sessionmaker(engine))
    upgrade(session)
    session.commit()
    session.remove()

    assert current(engine) == HEAD


def test_an_engine_of_the_users_is_migrated_whole_or_not_at_all(tmp_path: Path) -> None:
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/s.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE variable_history_overview (in_the_way)"))
        connection.execute(text("CREATE TABLE cats (name)"))

    with pytest.raises(SchemaError, match="variable_history_overview"):
        upgrade(engine)
    assert tables(engine) == {"variable_history_overview", "cats"}
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE variable_history_overview"))
    upgrade(engine)
    assert tables(engine) == OURS | {"cats"}
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "delete"
    engine.dispose()


def test_a_failing_migration_leaves_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    original = op.execute

    def fail(statement: Any, *rest: Any) -> None:
        if "variable_history_overview" in str(statement):
            raise ZeroDivisionError
        original(statement, *rest)

    monkeypatch.setattr(op, "execute", fail)

    with pytest.raises(ZeroDivisionError):
        upgrade(engine)
    assert tables(engine) == set()


def test_tables_of_the_users_stay_as_they_are(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE cats (name TEXT)"))
        connection.execute(text("INSERT INTO cats VALUES ('Tom')"))
    upgrade(engine)
    downgrade(engine, "base")

    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM cats")).scalars().all() == ["Tom"]


def test_a_table_of_the_users_under_a_name_of_ours_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE sessions (mine TEXT)"))

    with pytest.raises(SchemaError, match="sessions") as caught:
        upgrade(engine)
    assert (caught.value.current, caught.value.head) == (None, HEAD)
    assert tables(engine) == {"sessions"}


def test_a_version_table_of_alembic_beside_ours_is_not_ours(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('theirs')"))
    upgrade(engine)

    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == ["theirs"]
    assert current(engine) == HEAD


def test_a_newer_schema_is_refused(engine: Engine) -> None:
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))

    for attempt in (upgrade, lambda bind: downgrade(bind, "base")):
        with pytest.raises(SchemaTooNewError, match="9999"):
            attempt(engine)
    assert current(engine) == "9999"


@pytest.mark.parametrize("revision", ["nonsense", "9999", "+7"])
def test_an_unknown_revision_is_refused(engine: Engine, revision: str) -> None:
    with pytest.raises(ValidationError, match="revisions are base, 0001"):
        upgrade(engine, revision)
    assert tables(engine) == set()


@pytest.mark.parametrize("bind", [None, 5, object()])
def test_what_is_no_bind_is_refused(bind: Any) -> None:
    for attempt in (upgrade, current, lambda given: downgrade(given, "base")):
        with pytest.raises(ValidationError):
            attempt(bind)


def test_an_asynchronous_bind_is_told_the_way() -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    with pytest.raises(ValidationError, match="run_sync"):
        upgrade(create_async_engine("postgresql+psycopg://nowhere/db"))  # type: ignore[arg-type] - on purpose


def test_a_server_out_of_reach_is_a_store_error_without_a_password() -> None:
    for attempt in (upgrade, current, open_engine):
        with pytest.raises(StoreError) as caught:
            attempt("postgresql://ada:secret@127.0.0.1:1/db")
        assert "secret" not in str(caught.value)


def test_a_connection_in_autocommit_on_a_server_is_refused(missing_database: URL) -> None:
    upgrade(missing_database, "0001")
    engine = create_engine(missing_database)

    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection, pytest.raises(StoreError, match="AUTOCOMMIT"):
        upgrade(connection)
    assert current(engine) == "0001"
    engine.dispose()


def test_upgraders_wait_for_one_another(engine: Engine) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            upgrade(engine)
        except BaseException as error:  # noqa: BLE001 - to be shown by the test
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert current(engine) == HEAD


def test_an_upgrade_that_finds_the_file_locked_for_too_long_is_busy(tmp_path: Path) -> None:
    engine = create_engine(tmp_path / "s.db", busy_timeout=0.2)
    engine.connect().close()
    with closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreBusyError):
            upgrade(engine)
    engine.dispose()


def test_migrating_neither_prints_nor_configures_logging(engine: Engine, capfd: pytest.CaptureFixture[str]) -> None:
    root, alembic = logging.getLogger(), logging.getLogger("alembic")
    before = (root.level, list(root.handlers), alembic.level, alembic.disabled)

    upgrade(engine)
    downgrade(engine, "0001")

    assert capfd.readouterr() == ("", "")
    assert (root.level, list(root.handlers), alembic.level, alembic.disabled) == before


def test_the_folder_one_is_in_does_not_matter(url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "alembic.ini").write_text("[alembic]\nscript_location = nowhere\n")
    monkeypatch.chdir(tmp_path / "elsewhere")

    upgrade(url)

    assert current(url) == HEAD
