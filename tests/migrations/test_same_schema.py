"""What the migrations make and what the mapped classes describe are one schema."""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, Engine, text

import snakestore
from snakestore.storage.engine import create_engine
from snakestore.storage.migrate.upgrade import upgrade
from snakestore.storage.schema.revisions import HEAD, MADE_BY, REVISIONS, VERSION_TABLE
from snakestore.storage.schema.tables import Base
from snakestore.storage.schema.views import VIEW_NAMES, create_views

COLUMN_CHECK = re.compile(r" (CONSTRAINT \w+ CHECK \(.*\))$")


def described(connection: Connection) -> None:
    """Make what the classes describe."""
    Base.metadata.create_all(connection)
    connection.execute(text(f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32))"))
    for view in create_views(f"snakestore {snakestore.__version__}"):
        connection.execute(view)


def top_level(definition: str) -> Iterator[str]:
    """The parts of a parenthesised list, split at its own commas."""
    depth, part = 0, ""
    for character in definition:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            yield part
            part = ""
        else:
            part += character
    yield part


def normal(sql: str) -> tuple[list[str], set[str]]:
    """A definition as its columns, in order, and its constraints, in none; of a view, its text."""
    text = " ".join(sql.split())
    found = re.fullmatch(r"CREATE TABLE (\w+) ?\((.*)\)", text)
    if found is None:
        return [text], set()
    columns, constraints = [found[1]], set()
    for part in top_level(found[2]):
        item = part.strip()
        own = COLUMN_CHECK.search(item)
        if item.startswith("CONSTRAINT"):
            constraints.add(item)
        elif own is not None:
            columns.append(item[: own.start()])
            constraints.add(own[1])
        else:
            columns.append(item)
    return columns, constraints


def sqlite_schema(path: Path) -> dict[str, tuple[list[str], set[str]]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <>"
            " 'snakestore_alembic_version'"
        )
        return {name: normal(sql) for name, sql in rows}


def test_a_migrated_file_and_the_classes_have_the_same_definitions(tmp_path: Path) -> None:
    upgrade(tmp_path / "migrated.db")
    engine = create_engine(tmp_path / "described.db")
    with engine.begin() as connection:
        described(connection)
    engine.dispose()

    assert sqlite_schema(tmp_path / "migrated.db") == sqlite_schema(tmp_path / "described.db")


POSTGRESQL_SCHEMA = """
    SELECT 'column', table_name, ordinal_position::text, column_name, data_type, is_nullable,
        coalesce(column_default, '-'), coalesce(collation_name, '-')
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid),
        '', '', '', ''
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', tablename, indexname, indexdef, '', '', '', ''
    FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'view', viewname, definition, '', '', '', '', ''
    FROM pg_views WHERE schemaname = 'public'
    UNION ALL
    SELECT 'options', relname, reloptions::text, '', '', '', '', ''
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL
"""


def postgresql_schema(engine: Engine) -> set[tuple[str, ...]]:
    with engine.connect() as connection:
        rows = {tuple(row) for row in connection.exec_driver_sql(POSTGRESQL_SCHEMA)}
    return {row for row in rows if "snakestore_alembic_version" not in str(row)}


def test_a_migrated_server_and_the_classes_have_the_same_definitions(
    postgresql_server: URL, missing_database: URL
) -> None:
    from sqlalchemy_utils import create_database

    upgrade(missing_database)
    other = missing_database.set(
        drivername="postgresql+psycopg", database=f"{missing_database.database}_described"
    )
    create_database(other)
    migrated, by_hand = create_engine(missing_database), create_engine(other)
    with by_hand.begin() as connection:
        described(connection)
    found, expected = postgresql_schema(migrated), postgresql_schema(by_hand)
    migrated.dispose()
    by_hand.dispose()

    assert found == expected
    assert {row[0] for row in found} == {"column", "constraint", "index", "view", "options"}


@pytest.mark.parametrize("table", [*Base.metadata.tables])
def test_a_guard_that_only_one_of_both_has_is_noticed(tmp_path: Path, table: str) -> None:
    upgrade(tmp_path / "s.db")
    columns, constraints = sqlite_schema(tmp_path / "s.db")[table]

    assert len(columns) > 3
    assert any("CHECK" in constraint for constraint in constraints)
    assert any("PRIMARY KEY" in constraint for constraint in constraints)


def test_the_revisions_that_a_warm_start_knows_are_those_of_the_scripts() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)

    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == REVISIONS
    assert scripts.get_heads() == [HEAD]


def test_the_names_that_have_to_be_free_are_those_that_each_revision_makes(tmp_path: Path) -> None:
    made, before = {}, {VERSION_TABLE}
    for revision in REVISIONS:
        upgrade(tmp_path / "s.db", revision)
        with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
            now = {
                name
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
                )
            }
        made[revision], before = now - before, now

    assert made == {revision: set(names) for revision, names in MADE_BY.items()}


def test_revisions_are_frozen() -> None:
    for script in (Path(__file__).parents[2] / "migrations" / "versions").glob("0*.py"):
        imports = [
            node
            for node in ast.walk(ast.parse(script.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]

        assert imports
        assert not any("snakestore" in ast.unparse(node) for node in imports)


def test_every_view_is_named(tmp_path: Path) -> None:
    upgrade(tmp_path / "s.db")
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        found = {
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'")
        }

    assert found == set(VIEW_NAMES)
