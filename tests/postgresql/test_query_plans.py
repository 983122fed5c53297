"""Which part of an index each statement reads, by PostgreSQL's query plans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import URL, Connection, text

from tests.servers import emptied
from tests.storage.statements import ONLY_WITH_ARRAYS, NamedStatement, named_statements

SESSIONS, ROWS = 20, 100
"""How many sessions there are, and how many rows of each table each session has."""
KEYED = {
    each.name: each
    for each in named_statements()
    if each.name not in ONLY_WITH_ARRAYS
    and {"variables", "variable_versions", "programs"}.intersection(each.keys_given())
}
# parameters are '1': ranges from there on have few rows, so that reading by the whole key is best
FILL = f"""
    CREATE TEMPORARY TABLE filled AS SELECT
        CASE s WHEN 1 THEN '1' ELSE '0' || s END AS sid,
        CASE n WHEN 1 THEN '1' ELSE '0' || n END AS id,
        CASE n % 50 WHEN 0 THEN '1' ELSE '0' || n % 50 + 1 END AS owner,
        n
    FROM generate_series(1, {SESSIONS}) AS s, generate_series(1, {ROWS}) AS n;
    INSERT INTO sessions (id, metadata, created_at, last_accessed, variable_count, program_count,
        total_variable_updates)
    SELECT sid, '{{}}', now(), now(), 0, 0, 0 FROM filled WHERE n = 1;
    INSERT INTO variables (session_id, id, name, type, value, constraints, metadata, version,
        created_at, last_updated_at, access_rules)
    SELECT sid, id, '0n' || n, 'integer', '0', '{{}}', '{{}}', 0, now(), now(), '[]' FROM filled;
    INSERT INTO variable_versions (session_id, variable_id, version, type, value, metadata,
        created_at)
    SELECT sid, owner, n, 'integer', '0', '{{}}', now() FROM filled;
    INSERT INTO programs (session_id, id, program, created_at, last_updated_at)
    SELECT sid, id, '{{}}', now(), now() FROM filled;
    INSERT INTO program_versions (session_id, program_id, version, program, metadata, created_at)
    SELECT sid, owner, n, '{{}}', '{{}}', now() FROM filled;
    ANALYZE
"""


@pytest.fixture(scope="module")
def connection(postgresql_database: URL) -> Iterator[Connection]:
    """A connection to a store with many variables and programs, of which the server knows."""
    emptied(postgresql_database)
    engine = sqlalchemy.create_engine(postgresql_database, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in FILL.split(";"):
            connection.execute(text(statement))
        yield connection
    engine.dispose()
    emptied(postgresql_database)


def searches(node: dict[str, Any], alias: str | None = None) -> Iterator[tuple[str | None, str]]:
    """The alias of each table that a plan reads, with the condition of the index."""
    alias = node.get("Alias", alias)
    if "Index Cond" in node or node["Node Type"] == "Seq Scan":
        yield alias, node.get("Index Cond", "")
    for child in node.get("Plans", ()):
        yield from searches(child, alias)


def explained(connection: Connection, statement: NamedStatement) -> dict[str, Any]:
    prepared = statement.compiled(connection.dialect)
    cursor = connection.connection.cursor()
    try:
        cursor.execute(
            f"EXPLAIN (FORMAT JSON) {prepared.sql}",
            prepared.bind(statement.parameters(connection.dialect)),
        )
        [[[found]]] = cursor.fetchall()
    finally:
        cursor.close()
    plan: dict[str, Any] = found["Plan"]
    return plan


@pytest.mark.parametrize("name", KEYED)
def test_a_statement_that_gives_a_session_and_a_key_reads_by_both(
    connection: Connection, name: str
) -> None:
    plan = explained(connection, KEYED[name])

    # of several histories the versions are numbered first, and then found by their address
    by_address = {"version"} if "prune_several" in name else set()
    keys = KEYED[name].keys_given()
    found = [(alias, condition) for alias, condition in searches(plan) if alias in keys]
    assert {alias for alias, _ in found} == keys.keys(), plan
    for alias, condition in found:
        used = set(re.findall(r"[a-z_]+", condition)) | by_address
        assert any(part <= used for part in keys[str(alias)]), plan
