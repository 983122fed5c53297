"""Migrations over an Engine, a Connection, an orm.Session, a path or a URL."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import URL, Connection, Engine, orm, text

from snakestore.errors import (
    SchemaError,
    SchemaOutdatedError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    ValidationError,
)
from snakestore.storage.engine import create_engine
from snakestore.storage.migrate.opening import open_database
from snakestore.storage.migrate.upgrade import current, downgrade, upgrade
from snakestore.storage.schema.revisions import HEAD, REVISIONS, VERSION_TABLE
from snakestore.storage.schema.tables import Base
from tests.migrations.relations import tables

OURS = {*Base.metadata.tables, VERSION_TABLE}


OF_THE_FIRST = {"sessions", "variables", "programs", VERSION_TABLE}


def test_a_missing_database_is_made_by_its_url(url: URL) -> None:
    assert current(url) is None
    upgrade(url)

    assert current(url) == HEAD


def test_a_missing_database_has_nothing_to_downgrade(url: URL) -> None:
    with pytest.raises(SchemaOutdatedError):
        downgrade(url, "base")
    assert current(url) is None


def test_a_server_is_migrated_only_when_asked_to(missing_database: URL) -> None:
    with pytest.raises(SchemaOutdatedError, match="snakestore db upgrade"):
        open_database(missing_database)
    open_database(missing_database, migrate=True).close()
    open_database(missing_database).close()

    assert current(missing_database) == HEAD


def test_a_server_of_an_older_schema_is_refused_until_it_is_migrated(missing_database: URL) -> None:
    upgrade(missing_database, "0001")

    with pytest.raises(SchemaOutdatedError) as caught:
        open_database(missing_database)
    assert (caught.value.current, caught.value.head) == ("0001", HEAD)


def test_an_engine_is_migrated_in_a_transaction_of_its_own(engine: Engine) -> None:
    upgrade(engine)

    assert current(engine) == HEAD
    assert tables(engine) == OURS


def test_each_step_goes_there_and_back(engine: Engine) -> None:
    seen = []
    for step in REVISIONS:
        upgrade(engine, step)
        seen.append(current(engine))
    for step in (*["-1"] * (len(REVISIONS) - 1), "base"):
        downgrade(engine, step)
        seen.append(current(engine))

    assert seen == [*REVISIONS, *REVISIONS[-2::-1], None]
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


def test_a_failing_migration_leaves_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def connection_of(engine: Engine) -> Connection:
    return engine.connect()


def orm_session_of(engine: Engine) -> orm.Session:
    return orm.Session(engine)


def scoped_session_of(engine: Engine) -> orm.scoped_session[orm.Session]:
    return orm.scoped_session(orm.sessionmaker(engine))


@pytest.fixture(params=[connection_of, orm_session_of, scoped_session_of])
def caller(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Any]:
    """A Connection or orm.Session of the caller's, on which nothing has begun."""
    bind = request.param(engine)
    yield bind
    bind.close()


def begun(caller: Any) -> bool:
    return bool((caller() if isinstance(caller, orm.scoped_session) else caller).in_transaction())


def in_the_way(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the statement that names ``name`` fail in the database."""
    from alembic import op

    original = op.execute

    def fail(statement: Any, *rest: Any) -> None:
        original("SELECT * FROM nowhere" if name in str(statement) else statement, *rest)

    monkeypatch.setattr(op, "execute", fail)


def test_a_failed_upgrade_leaves_the_callers_transaction_as_it_was(
    caller: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(engine, "0001")
    caller.execute(text("CREATE TABLE cats (name TEXT)"))
    in_the_way(monkeypatch, "variable_history_overview")

    with pytest.raises(StoreError, match="nowhere"):
        upgrade(caller)
    assert current(caller) == "0001"
    caller.commit()
    monkeypatch.undo()
    assert tables(engine) == OF_THE_FIRST | {"cats"}
    upgrade(engine)
    assert current(engine) == HEAD


def test_a_failed_downgrade_leaves_the_callers_transaction_as_it_was(
    caller: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(engine)
    caller.execute(text("CREATE TABLE cats (name TEXT)"))
    in_the_way(monkeypatch, "session_overview")

    with pytest.raises(StoreError, match="nowhere"):
        downgrade(caller, "base")
    caller.commit()
    assert current(engine) == HEAD
    assert tables(engine) == OURS | {"cats"}


@pytest.mark.parametrize(
    "attempt",
    [lambda bind: upgrade(bind, "+99"), lambda bind: downgrade(bind, "-99")],
    ids=["upgrade", "downgrade"],
)
def test_what_is_refused_leaves_no_transaction_open_where_none_was(
    caller: Any, engine: Engine, attempt: Callable[[Any], None]
) -> None:
    upgrade(engine, "0001")

    with pytest.raises(ValidationError):
        attempt(caller)
    assert not begun(caller)


def test_what_is_refused_leaves_a_transaction_open_that_was(caller: Any) -> None:
    caller.execute(text("CREATE TABLE cats (name TEXT)"))

    with pytest.raises(SchemaOutdatedError):
        downgrade(caller, "base")
    assert begun(caller)
    assert caller.execute(text("SELECT count(*) FROM cats")).scalar_one() == 0


def test_an_upgrade_for_which_there_is_no_room_says_so(tmp_path: Path) -> None:
    engine = create_engine(tmp_path / "s.db")
    with engine.connect() as connection:
        connection.execute(text("PRAGMA max_page_count = 6"))
        connection.rollback()
        with pytest.raises(StoreFullError):
            upgrade(connection)
        assert not connection.in_transaction()

    assert tables(engine) == set()
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


def test_migrating_neither_prints_nor_configures_logging(
    engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    root, alembic = logging.getLogger(), logging.getLogger("alembic")
    before = (root.level, list(root.handlers), alembic.level, alembic.disabled)

    upgrade(engine)
    downgrade(engine, "0001")

    assert capfd.readouterr() == ("", "")
    assert (root.level, list(root.handlers), alembic.level, alembic.disabled) == before


def test_the_folder_one_is_in_does_not_matter(
    url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "alembic.ini").write_text("[alembic]\nscript_location = nowhere\n")
    monkeypatch.chdir(tmp_path / "elsewhere")

    upgrade(url)

    assert current(url) == HEAD
