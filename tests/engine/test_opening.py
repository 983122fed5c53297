from __future__ import annotations

import gc
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from snakestore import SessionRepository
from snakestore.errors import (
    CorruptStoreError,
    SchemaError,
    SchemaOutdatedError,
    SchemaTooNewError,
    StoreError,
    StoreReadOnlyError,
    ValidationError,
)
from snakestore.storage.dialects.sqlite import opening
from snakestore.storage.dialects.sqlite.introspection import SQLiteSchemaReader
from snakestore.storage.dialects.sqlite.tracked import FileConnection
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.migrate.opening import open_database
from snakestore.storage.migrate.upgrade import current, downgrade, upgrade
from snakestore.storage.schema.revisions import HEAD, VERSION_TABLE
from tests.engine.support import folder_state


def run_sql(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def foreign(path: Path) -> None:
    run_sql(path, "CREATE TABLE cats (name)", "INSERT INTO cats VALUES ('Tom')")


def foreign_in_wal_mode(path: Path) -> None:
    run_sql(path, "PRAGMA journal_mode = WAL", "CREATE TABLE cats (name)")


def foreign_with_a_log_left_by_a_crash(path: Path) -> None:
    living = path.with_name("living.db")
    connection = sqlite3.connect(living, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE cats (name)")
    for suffix in ("", "-wal", "-shm"):
        shutil.copy(f"{living}{suffix}", f"{path}{suffix}")
    connection.close()
    living.unlink()


def only_a_view(path: Path) -> None:
    run_sql(path, "CREATE VIEW cats AS SELECT 'Tom' AS name")


def version_table_that_is_a_view(path: Path) -> None:
    run_sql(path, f"CREATE VIEW {VERSION_TABLE} AS SELECT '{HEAD}' AS version_num")


FOREIGN = [
    foreign,
    foreign_in_wal_mode,
    foreign_with_a_log_left_by_a_crash,
    only_a_view,
    version_table_that_is_a_view,
]


@pytest.mark.parametrize("make", FOREIGN)
@pytest.mark.parametrize("migrate", [None, True, False])
def test_a_file_of_another_program_is_refused_without_a_changed_byte(
    tmp_path: Path, make: Callable[[Path], None], migrate: bool | None
) -> None:
    path = tmp_path / "s.db"
    make(path)
    before = folder_state(tmp_path)

    with pytest.raises(SchemaError, match=r"snakestore\.upgrade") as caught:
        open_database(path, migrate=migrate)
    assert type(caught.value) is SchemaError
    assert (caught.value.current, caught.value.head) == (None, HEAD)
    after = folder_state(tmp_path)
    if (
        make is foreign_with_a_log_left_by_a_crash
    ):  # the index of the log is made anew from it by every reader
        before.pop("s.db-shm"), after.pop("s.db-shm")
    assert after == before


@pytest.mark.parametrize(
    "attempt",
    [
        open_database,
        upgrade,
        lambda path: downgrade(path, "base"),
        lambda path: open_database(path, migrate=False),
    ],
)
@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_a_newer_schema_is_refused_without_a_changed_byte(
    tmp_path: Path, attempt: Callable[[Path], Any], journal: str
) -> None:
    path = tmp_path / "s.db"
    upgrade(path)
    run_sql(
        path, f"UPDATE {VERSION_TABLE} SET version_num = '9999'", f"PRAGMA journal_mode = {journal}"
    )
    before = folder_state(tmp_path)

    with pytest.raises(SchemaTooNewError, match="upgrade snakestore") as caught:
        attempt(path)
    assert (caught.value.current, caught.value.head) == ("9999", HEAD)
    assert folder_state(tmp_path) == before
    assert current(path) == "9999"


def base_and_a_table_of_the_users(path: Path) -> None:
    upgrade(path)
    downgrade(path, "base")
    run_sql(path, "PRAGMA journal_mode = DELETE", "CREATE TABLE sessions (mine)")


def first_and_a_table_of_the_users(path: Path) -> None:
    upgrade(path, "0001")
    run_sql(path, "PRAGMA journal_mode = DELETE", "CREATE TABLE variable_versions (x)")


def a_table_of_the_users(path: Path) -> None:
    run_sql(path, "CREATE TABLE sessions (mine)")


TAKEN = [
    (base_and_a_table_of_the_users, open_database),
    (first_and_a_table_of_the_users, open_database),
    (base_and_a_table_of_the_users, upgrade),
]
TAKEN += [(first_and_a_table_of_the_users, upgrade), (a_table_of_the_users, upgrade)]


@pytest.mark.parametrize(("make", "attempt"), TAKEN)
def test_a_file_whose_names_are_taken_is_refused_without_a_changed_byte(
    tmp_path: Path, make: Callable[[Path], None], attempt: Callable[[Path], Any]
) -> None:
    path = tmp_path / "s.db"
    make(path)
    before = folder_state(tmp_path)

    with pytest.raises(SchemaError, match="did not create") as caught:
        attempt(path)
    assert type(caught.value) is SchemaError
    assert folder_state(tmp_path) == before


def test_a_downgrade_of_a_file_of_another_program_changes_no_byte_and_advises_none(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    foreign(path)
    before = folder_state(tmp_path)

    with pytest.raises(SchemaOutdatedError, match="nothing to downgrade") as caught:
        downgrade(path, "base")
    assert "upgrade" not in str(caught.value)
    assert folder_state(tmp_path) == before


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_a_missing_or_empty_file_is_made_when_opened(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "s.db"
    if content is not None:
        path.write_bytes(content)

    open_database(path).close()

    assert current(path) == HEAD


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_a_missing_or_empty_file_is_not_made_when_it_is_not_to_be_migrated(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "s.db"
    if content is not None:
        path.write_bytes(content)
    before = folder_state(tmp_path)

    with pytest.raises(
        SchemaOutdatedError, match=r"snakestore db upgrade .*s\.db.*alembic .*upgrade head"
    ) as caught:
        open_database(path, migrate=False)
    assert (caught.value.current, caught.value.head) == (None, HEAD)
    assert folder_state(tmp_path) == before


def test_an_older_file_is_migrated_when_opened(tmp_path: Path) -> None:
    upgrade(tmp_path / "s.db", "0001")

    open_database(tmp_path / "s.db").close()

    assert current(tmp_path / "s.db") == HEAD


@pytest.mark.parametrize("revision", ["0001", "base"])
def test_an_older_file_is_refused_when_it_is_not_to_be_migrated(
    tmp_path: Path, revision: str
) -> None:
    path = tmp_path / "s.db"
    upgrade(path)
    downgrade(path, revision)
    before = folder_state(tmp_path)

    with pytest.raises(SchemaOutdatedError, match="migrate=True") as caught:
        open_database(path, migrate=False)
    assert caught.value.current == (None if revision == "base" else revision)
    assert folder_state(tmp_path) == before


@pytest.mark.parametrize("exists", [True, False])
def test_a_read_only_url_migrates_nothing(tmp_path: Path, exists: bool) -> None:
    path = tmp_path / "s.db"
    if exists:
        upgrade(path, "0001")
    before = folder_state(tmp_path)

    with pytest.raises(SchemaOutdatedError):
        open_database(f"file:{path}?mode=ro&uri=true")
    with pytest.raises(StoreReadOnlyError):
        open_database(f"file:{path}?mode=ro&uri=true", migrate=True)
    assert folder_state(tmp_path) == before


def test_a_version_table_with_several_rows_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    upgrade(path)
    run_sql(path, f"INSERT INTO {VERSION_TABLE} VALUES ('0001')")

    with pytest.raises(CorruptStoreError, match=VERSION_TABLE):
        open_database(path)


def test_a_version_table_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    run_sql(path, f"CREATE TABLE {VERSION_TABLE} (something)")

    with pytest.raises(SchemaError):
        open_database(path)


def test_a_store_beside_other_tables_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    foreign(path)
    upgrade(path)

    open_database(path).close()

    assert current(path) == HEAD
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM cats").fetchall() == [("Tom",)]
    connection.close()


def test_a_database_in_memory_is_made_when_opened() -> None:
    opened = open_database("sqlite://")

    assert opened.engine is not None
    assert current(opened.engine) == HEAD
    opened.close()


def test_a_database_in_memory_is_missing_when_it_is_not_to_be_migrated() -> None:
    with pytest.raises(SchemaOutdatedError, match="migrate=True") as caught:
        open_database("sqlite://", migrate=False)
    assert "snakestore db upgrade" not in str(caught.value)


def test_migrate_is_a_bool_or_none(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="migrate"):
        open_database(tmp_path / "s.db", migrate="no")  # type: ignore[arg-type] - on purpose


def test_looking_at_a_file_leaves_no_log_behind(tmp_path: Path) -> None:
    open_database(tmp_path / "s.db").close()
    before = folder_state(tmp_path)

    assert current(tmp_path / "s.db") == HEAD
    assert folder_state(tmp_path) == before
    assert list(before) == ["s.db"]


def test_looking_at_a_missing_file_makes_none(tmp_path: Path) -> None:
    assert current(tmp_path / "s.db") is None
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def warm(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    SessionRepository.open(path).close()
    return path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The URIs of the connections that were opened since."""
    uris: list[str | None] = []

    class Counted(FileConnection):
        def __init__(self, path: str, uri: str | None = None, busy_timeout: float = 5.0) -> None:
            uris.append(uri)
            super().__init__(path, uri, busy_timeout)

    monkeypatch.setattr(opening, "FileConnection", Counted)
    return uris


def test_a_file_that_nobody_has_open_is_opened_once(warm: Path, opened: list[str | None]) -> None:
    with SessionRepository.open(warm) as repo:
        repo.create_session("s")
        settings = {
            name: repo._runner.lookup(lambda tx, name=name: pragma(tx, name))
            for name in ("query_only", "trusted_schema", "synchronous", "cache_size")
        }

    assert len(opened) == 1
    assert settings == {
        "query_only": 0,
        "trusted_schema": 0,
        "synchronous": 1,
        "cache_size": -opening.PAGE_CACHE,
    }


def test_a_warm_file_is_opened_and_used_without_an_engine(
    warm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(sqlalchemy, "create_engine")

    with SessionRepository.open(warm) as repo:
        repo.create_session("s")
        assert repo.session_exists("s")


def test_an_error_after_the_inspection_is_translated_and_leaves_no_log_behind(
    warm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    monkeypatch.setattr(opening, "switch_to_wal", fail)

    with pytest.raises(StoreError, match="disk I/O error"):
        SessionRepository.open(warm)

    assert [path.name for path in warm.parent.iterdir()] == ["s.db"]


def test_a_new_file_is_used_over_the_connection_that_created_the_schema(
    tmp_path: Path, opened: list[str | None]
) -> None:
    with SessionRepository.open(tmp_path / "s.db") as repo:
        repo.create_session("s")

    assert len(opened) == 1


def test_a_connection_has_the_functions_that_an_engine_gives_it(warm: Path) -> None:
    with SessionRepository.open(warm) as repo:
        found = repo._runner.lookup(
            lambda tx: tx.driver_connection.execute("SELECT 'snake' REGEXP '^s'").fetchone()
        )

    assert found == (1,)


def pragma(tx: TransactionContext, name: str) -> Any:
    return tx.driver_connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_repository_that_nobody_uses_or_closes_leaves_no_log_behind(warm: Path) -> None:
    repo = SessionRepository.open(warm)

    del repo
    gc.collect()

    assert [path.name for path in warm.parent.iterdir()] == ["s.db"]


def test_a_file_that_is_replaced_while_it_is_inspected_is_not_served(
    warm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.db"
    with SessionRepository.open(other) as repo:
        repo.create_session("of the other")
    inspected = SQLiteSchemaReader.versions

    def versions(reader: SQLiteSchemaReader) -> Any:
        found = inspected(reader)
        if other.exists():
            other.replace(warm)
        return found

    monkeypatch.setattr(SQLiteSchemaReader, "versions", versions)

    with SessionRepository.open(warm) as repo:
        assert repo.session_exists("of the other")


def test_a_file_in_rollback_mode_is_inspected_before_it_is_switched(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    SessionRepository.open(path).close()
    run_sql(path, "PRAGMA journal_mode = DELETE")

    with SessionRepository.open(path) as repo:
        assert repo._runner.lookup(pragma, "journal_mode") == "wal"
