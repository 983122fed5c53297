"""Databases and schemas that snakestore's tables must not be in, or are not found in."""

from __future__ import annotations

import pytest
import sqlalchemy
from sqlalchemy import URL, Connection

from snakestore import SchemaError, SessionRepository, StoreError, create_engine, upgrade


@pytest.fixture
def earlier(outside: Connection) -> str:
    """A schema of others, to be put first in a search path."""
    outside.exec_driver_sql("DROP SCHEMA IF EXISTS earlier CASCADE")
    outside.exec_driver_sql("CREATE SCHEMA earlier")
    return "-csearch_path=earlier,public"


def test_a_table_in_an_earlier_schema_is_refused_by_name(
    url: URL, outside: Connection, earlier: str
) -> None:
    outside.exec_driver_sql("CREATE TABLE earlier.variables (LIKE public.variables)")
    bind = create_engine(url.update_query_dict({"options": earlier}))

    with pytest.raises(SchemaError, match=r"variables of the schema earlier hides .* in public"):
        SessionRepository.open(bind.url)
    with pytest.raises(SchemaError, match=r"variables of the schema earlier"):
        upgrade(bind)
    with SessionRepository(bind) as repo:
        problems = repo.check().problems
    bind.dispose()
    SessionRepository.open(url).close()

    assert [(problem.kind, problem.where) for problem in problems] == [("schema", "variables")]


def test_other_tables_in_an_earlier_schema_do_not_matter(
    url: URL, outside: Connection, earlier: str
) -> None:
    outside.exec_driver_sql("CREATE TABLE earlier.theirs (a int)")

    with SessionRepository.open(url.update_query_dict({"options": earlier})) as repo:
        assert repo.check().problems == []


@pytest.mark.parametrize("encoding", ["LATIN1", "WIN1252", "SQL_ASCII"])
def test_a_database_that_is_not_utf_8_is_refused_unchanged(
    url: URL, outside: Connection, encoding: str
) -> None:
    name = f"encoded_{encoding.lower()}"
    outside.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")
    outside.exec_driver_sql(
        f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
        " TEMPLATE template0"
    )
    address = url.set(database=name)

    for attempt in (
        lambda: SessionRepository.open(address, migrate=True),
        lambda: upgrade(address),
    ):
        with pytest.raises(StoreError, match=rf"encoding {encoding}.*UTF-8"):
            attempt()
    engine = create_engine(address)
    with engine.connect() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == []
    engine.dispose()
    outside.exec_driver_sql(f"DROP DATABASE {name}")
