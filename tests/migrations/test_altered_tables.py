"""Tables that others altered are refused, by name and unchanged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter

import pytest

import snakestore
from snakestore import SchemaError, SessionRepository, StoreError
from snakestore.storage.dialects.sqlite.definitions import (
    ObjectDefinition,
    find_alterations,
    parse_table,
)
from snakestore.storage.dialects.sqlite.introspection import HEAD_DIGEST, digest
from snakestore.storage.schema.revisions import HEAD, REVISIONS, VERSION_TABLE
from snakestore.storage.schema.tables import Base

NEW_FILES_MAX_MILLISECONDS = 5


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "n", "integer", 0)
    return path


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def definitions(path: Path) -> tuple[ObjectDefinition, ...]:
    """The tables of snakestore's, as they are read when a file is opened."""
    names = ", ".join(f"'{name}'" for name in (VERSION_TABLE, *Base.metadata.tables))
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master"
            f" WHERE lower(tbl_name) IN ({names}) ORDER BY name"
        )
        return tuple(ObjectDefinition(*row) for row in rows)


def test_the_digest_is_that_of_what_the_migrations_create(store: Path, tmp_path: Path) -> None:
    snakestore.upgrade(tmp_path / "older.db", "0001")
    snakestore.upgrade(tmp_path / "older.db")

    assert digest(definitions(store)) == HEAD_DIGEST
    assert digest(definitions(tmp_path / "older.db")) == HEAD_DIGEST
    execute(store, "CREATE INDEX plain ON programs (created_at)")
    assert digest(definitions(store)) != HEAD_DIGEST


def redefine(path: Path, table: str, old: str, new: str) -> None:
    """Change the definition of a table in place."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        changed = connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name = ? AND instr(sql, ?)",
            (old, new, table, old),
        ).rowcount
        assert changed == 1
        connection.execute("PRAGMA schema_version = 4711")


ALTERED = {
    "a collation": ("variables", "\tname TEXT", "\tname TEXT COLLATE NOCASE"),
    "a collation of an unindexed column": ("variables", "\ttype TEXT", "\ttype TEXT COLLATE RTRIM"),
    "a generated column": (
        "variables",
        "\tvalue TEXT",
        "\tvalue TEXT GENERATED ALWAYS AS ('7') VIRTUAL",
    ),
    "another type": ("programs", "\tprogram TEXT", "\tprogram NUMERIC"),
    "a nullable column": ("sessions", "\tmetadata TEXT NOT NULL", "\tmetadata TEXT"),
    "a default": ("sessions", "\tttl DOUBLE", "\tttl DOUBLE DEFAULT 5"),
    "a conflict clause": (
        "variables",
        "PRIMARY KEY (session_id, id)",
        "PRIMARY KEY (session_id, id) ON CONFLICT REPLACE",
    ),
    "a missing check": ("sessions", "CHECK (ttl > 0)", "CHECK (1)"),
    "a missing foreign key": ("programs", "ON DELETE CASCADE", ""),
    "a quoted keyword": ("programs", "\tprogram TEXT NOT NULL", '\tprogram TEXT "NOT" NULL'),
}  # fmt: skip


@pytest.mark.parametrize("kind", ALTERED)
def test_an_altered_table_is_refused_by_name_and_unchanged(store: Path, kind: str) -> None:
    redefine(store, *ALTERED[kind])
    before = store.read_bytes()

    for attempt in OPENING:
        with pytest.raises(SchemaError, match=rf"table {ALTERED[kind][0]} was altered"):
            attempt(store)
    assert store.read_bytes() == before


OPENING: list[Callable[[Path], object]] = [
    SessionRepository.open,
    snakestore.upgrade,
    lambda path: SessionRepository.open(f"file:{path}?mode=ro"),
    lambda path: snakestore.create_engine(path).connect(),
    lambda path: SessionRepository(snakestore.create_engine(path)).touch("s"),
]


@pytest.mark.parametrize("attempt", OPENING, ids=range(len(OPENING)))
def test_added_and_removed_columns_are_refused_by_name(
    store: Path, attempt: Callable[[Path], object]
) -> None:
    execute(store, "ALTER TABLE sessions ADD COLUMN theirs TEXT")
    with pytest.raises(SchemaError, match=r"the column theirs is not snakestore's"):
        attempt(store)

    execute(store, "ALTER TABLE sessions RENAME COLUMN theirs TO others")
    with pytest.raises(SchemaError, match=r"the column others"):
        attempt(store)

    execute(
        store,
        "ALTER TABLE sessions DROP COLUMN others",
        "ALTER TABLE sessions DROP COLUMN history_limit",
    )
    with pytest.raises(SchemaError, match=r"the column history_limit is missing"):
        attempt(store)


FOREIGN_INDEXES = {
    "unique": "CREATE UNIQUE INDEX planted ON variables (session_id, type)",
    "expression": "CREATE INDEX planted ON variables (lower(value))",
    "expression among columns": "CREATE INDEX planted ON variables (session_id, value || '')",
    "constant": "CREATE INDEX planted ON variables (session_id, 1 + 1)",
    "partial": "CREATE INDEX planted ON variables (name) WHERE type = 'theirs'",
    "on the version table": (
        "CREATE UNIQUE INDEX planted ON snakestore_alembic_version (version_num)"
    ),
}
PLAIN_INDEXES = [
    "CREATE INDEX planted ON variables (session_id, type)",
    'CREATE INDEX IF NOT EXISTS "planted by us" ON "VARIABLES" ("type" COLLATE NOCASE DESC)',
    "CREATE INDEX planted ON variables (/* a comment, */ type ASC, [name])",
    "CREATE INDEX planted ON main_table (a)",
]


@pytest.mark.parametrize("kind", FOREIGN_INDEXES)
def test_an_index_that_could_refuse_a_write_is_refused_by_name(store: Path, kind: str) -> None:
    execute(store, FOREIGN_INDEXES[kind])
    before = store.read_bytes()

    with pytest.raises(SchemaError, match=r"DROP INDEX planted"):
        SessionRepository.open(store)
    assert store.read_bytes() == before


def test_an_index_over_an_unsafe_function_is_refused_by_name(store: Path) -> None:
    execute(store, "CREATE INDEX planted ON variables (json_extract(value, '$.a'))")
    before = store.read_bytes()

    with pytest.raises(SchemaError, match=r"drop .*planted"):
        SessionRepository.open(store)
    assert store.read_bytes() == before


@pytest.mark.parametrize("plant", PLAIN_INDEXES)
def test_plain_indexes_of_others_are_allowed(store: Path, plant: str) -> None:
    execute(store, "CREATE TABLE main_table (a)", plant)

    with SessionRepository.open(store) as repo:
        repo.update_variable("s", "n", 1)

        assert repo.check().problems == []


def test_an_index_of_snakestore_with_another_definition_is_refused(store: Path) -> None:
    execute(
        store,
        "DROP INDEX ix_sessions_expires_at",
        "CREATE UNIQUE INDEX ix_sessions_expires_at ON sessions (expires_at)",
    )

    with pytest.raises(SchemaError, match="ix_sessions_expires_at"):
        SessionRepository.open(store)


def test_check_tells_what_was_altered_while_the_store_is_open(store: Path) -> None:
    with SessionRepository.open(store) as repo:
        execute(
            store,
            FOREIGN_INDEXES["expression"],
            "ALTER TABLE sessions ADD COLUMN theirs TEXT",
            "CREATE TRIGGER theirs AFTER UPDATE ON programs BEGIN SELECT 1; END",
        )

        problems = repo.check().problems

    assert [(problem.kind, problem.where) for problem in problems] == [
        ("schema", "variables"),
        ("schema", "sessions"),
        ("trigger", "programs"),
    ]


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_table_that_was_altered_before_a_migration_is_refused(
    tmp_path: Path, revision: str
) -> None:
    path = tmp_path / "s.db"
    snakestore.upgrade(path, revision)
    redefine(path, "programs", "\tid TEXT", "\tid VARCHAR(5)")
    before = path.read_bytes()

    with pytest.raises(SchemaError, match="table programs was altered"):
        SessionRepository.open(path)
    assert path.read_bytes() == before
    assert snakestore_revision(path) == revision


def snakestore_revision(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        [(revision,)] = connection.execute("SELECT version_num FROM snakestore_alembic_version")
    return str(revision)


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_revision_that_is_not_altered_is_opened(tmp_path: Path, revision: str) -> None:
    snakestore.upgrade(tmp_path / "s.db", revision)

    with SessionRepository.open(tmp_path / "s.db") as repo:
        assert repo.check().problems == []


def test_tables_that_sqlite_rewrote_are_the_same(store: Path) -> None:
    execute(
        store,
        "PRAGMA foreign_keys = OFF",
        "PRAGMA legacy_alter_table = ON",
        "ALTER TABLE programs RENAME TO other",
        "ALTER TABLE other RENAME TO programs",
        "VACUUM",
    )

    with SessionRepository.open(store) as repo:
        assert repo.check().problems == []


def test_tables_of_others_that_refer_to_snakestore_are_allowed(store: Path) -> None:
    execute(
        store,
        "CREATE TABLE theirs (id INTEGER PRIMARY KEY, session TEXT COLLATE NOCASE UNIQUE REFERENCES"
        " sessions (id) ON DELETE CASCADE)",
        "CREATE TRIGGER theirs_too AFTER DELETE ON theirs BEGIN SELECT 1; END",
        "CREATE UNIQUE INDEX over_lower ON theirs (lower(session))",
    )

    with SessionRepository.open(store) as repo:
        assert repo.check().problems == []


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_a_database_that_is_not_utf_8_is_refused_unchanged(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "own.db"
    execute(path, f"PRAGMA encoding = '{encoding}'", "CREATE TABLE theirs (a)")
    before = path.read_bytes()

    for attempt in (SessionRepository.open, snakestore.upgrade):
        with pytest.raises(StoreError, match=rf"{encoding}.*UTF-8"):
            attempt(path)
    engine = snakestore.create_engine(path)
    with engine.connect() as connection, pytest.raises(StoreError, match=rf"{encoding}.*UTF-8"):
        snakestore.upgrade(connection)
    engine.dispose()
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    assert before[:16] == path.read_bytes()[:16]


def test_what_is_expected_is_derived_from_the_mapped_classes(store: Path) -> None:
    with closing(sqlite3.connect(store)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        tables = {name: parse_table(sql) for name, sql in rows if name in Base.metadata.tables}

    assert tables.keys() == Base.metadata.tables.keys()
    for name, definition in tables.items():
        assert definition is not None
        assert definition.columns.keys() == {
            column.name for column in Base.metadata.tables[name].columns
        }
        assert any("primary" in constraint for constraint in definition.constraints)


def test_the_comparison_of_a_new_file_takes_milliseconds(store: Path) -> None:
    with closing(sqlite3.connect(store)) as connection:
        rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    found = tuple(ObjectDefinition(*row) for row in rows if row[2] in Base.metadata.tables)
    find_alterations(found, HEAD)

    find_alterations.cache_clear()
    began = perf_counter()
    alterations = find_alterations(found, HEAD)
    took = (perf_counter() - began) * 1000

    assert alterations == ()
    assert took < 10 * NEW_FILES_MAX_MILLISECONDS  # on a loaded machine
