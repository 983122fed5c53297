"""What a batch costs where the server knows nothing of its tables, or what they were once.

Statistics come from ANALYZE, which autovacuum runs some time after a bulk load. A connection keeps
plans longer still. Counted are the rows that the server reads by going through a whole table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import URL, Connection, text

import snakestore
from snakestore import SessionRepository
from snakestore.storage.queries.statement import MAX_IN_PARAMETERS
from tests.servers import new_database
from tests.storage.statements import ONLY_WITH_ARRAYS, all_statements

ROWS = 1_000
HISTORY = 3
OFTEN = 12
"""More often than PostgreSQL plans a prepared statement anew."""


@pytest.fixture(scope="module")
def unused(postgresql_server: URL) -> Iterator[URL]:
    """A database that nothing was stored in, nor will be."""
    with new_database(postgresql_server) as url:
        snakestore.upgrade(url)
        engine = sqlalchemy.create_engine(url)
        with engine.begin() as connection:
            for table in ("sessions", "variables", "variable_versions"):
                connection.execute(text(f"ALTER TABLE {table} SET (autovacuum_enabled = off)"))
        engine.dispose()
        yield url


@pytest.fixture
def connection(postgresql_server: URL, unused: URL) -> Iterator[Connection]:
    """A connection to an empty database without statistics."""
    with new_database(postgresql_server, unused.database) as url:
        engine = sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            yield connection
        engine.dispose()


def keep_plans(connection: Connection) -> None:
    """Store a few variables, have that analysed, and use them until all plans are kept."""
    repo = SessionRepository(connection)
    repo.create_session("small", history=HISTORY, exist_ok=True)
    few = dict.fromkeys(("x", "y", "z"), 0)
    repo.set_values("small", few)
    connection.commit()
    with connection.engine.connect() as other:
        other.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
    for number in range(OFTEN):
        repo.set_values("small", dict.fromkeys(few, number))
        repo.update_variables("small", dict.fromkeys(few, number))
        repo.delete_variables("small", ["x"])
        repo.set_values("small", few)
    connection.commit()


def gone_through(connection: Connection, call: Callable[[], object]) -> int:
    """How many rows of variables and their history ``call`` reads without an index."""
    query = text(
        "SELECT sum(seq_tup_read) FROM pg_stat_xact_user_tables"
        " WHERE relname IN ('variables', 'variable_versions')"
    )
    before = connection.execute(query).scalar_one()
    call()
    after = connection.execute(query).scalar_one()
    return int(after - before)


def fill(connection: Connection) -> None:
    """Store a session ``s`` of many variables, each with two past versions, all at once."""
    connection.execute(
        text(
            "INSERT INTO sessions (id, metadata, created_at, last_accessed, variable_count,"
            " program_count, total_variable_updates) VALUES ('s', '{}', now(), now(), 0, 0, 0)"
        )
    )
    connection.execute(
        text(
            "INSERT INTO variables (session_id, id, name, type, value, constraints, metadata,"
            " version, created_at, last_updated_at, access_rules) SELECT 's', 'i' || n, 'n' || n,"
            " 'integer', '0', '{}', '{}', 2, now(), now(), '[]' FROM generate_series(1, 20000) AS n"
        )
    )
    connection.execute(
        text(
            "INSERT INTO variable_versions (session_id, variable_id, version, type, value,"
            " metadata, created_at) SELECT 's', id, n, 'integer', '0', '{}', now()"
            " FROM variables, generate_series(0, 1) AS n"
        )
    )


CHUNKED = {
    each.name: each
    for each in all_statements()
    if each.name in ONLY_WITH_ARRAYS
    or (
        each.name.startswith(("variables.", "history.OF_VARIABLES."))
        and each.statement.expanding
        and each.keys_given()
    )
}
"""Statements that concern many variables of a session."""


@pytest.mark.slow
def test_without_statistics_a_chunk_is_read_by_indexes(connection: Connection) -> None:
    fill(connection)
    cursor = connection.connection.cursor()
    plans = {}
    for name, each in CHUNKED.items():
        compiled = each.compiled(connection.dialect, MAX_IN_PARAMETERS)
        parameters = each.parameters(connection.dialect, MAX_IN_PARAMETERS)
        cursor.execute(f"EXPLAIN {compiled.sql}", compiled.bind(parameters))
        plans[name] = "\n".join(line for (line,) in cursor.fetchall())
    cursor.close()

    assert {"variables.UPDATE_SEVERAL", "history.OF_VARIABLES.prune_several"} <= plans.keys()
    assert {name: plan for name, plan in plans.items() if "Seq Scan" in plan} == {}


@pytest.mark.slow
@pytest.mark.parametrize("analysed", [False, True], ids=["never", "when small"])
def test_a_batch_goes_through_no_table_for_each_of_its_rows(
    connection: Connection, analysed: bool
) -> None:
    if analysed:
        keep_plans(connection)
    repo = SessionRepository(connection)
    sid = f"large {analysed}"
    repo.create_session(sid, history=HISTORY)
    names = [f"v{number}" for number in range(ROWS)]

    def write_and_delete() -> None:
        repo.set_values(sid, dict.fromkeys(names, 0))
        for number in range(HISTORY + 3):
            repo.update_variables(sid, dict.fromkeys(names, number))
        repo.update_session(sid, history=1)
        repo.get_variables(sid, names)
        repo.delete_variables(sid, names)

    read = gone_through(connection, write_and_delete)

    # a chunk may go through what the tables hold; if each row did, this would be 19 million
    assert read < ROWS * ROWS


@pytest.mark.slow
def test_an_import_and_a_deletion_go_through_no_table_for_each_row(
    connection: Connection, tmp_path: Path
) -> None:
    with SessionRepository.open(tmp_path / "source.db") as source:
        for sid in ("one", "two"):
            source.create_session(sid, history=HISTORY)
            for number in range(HISTORY):
                source.set_values(sid, {f"v{each}": number for each in range(ROWS // 2)})
        records = list(source.export_sessions())
    keep_plans(connection)
    repo = SessionRepository(connection)

    def write_and_delete() -> None:
        repo.import_sessions(records)
        repo.delete_session("one")

    assert gone_through(connection, write_and_delete) < ROWS * ROWS // 2


@pytest.mark.slow
def test_without_statistics_check_reads_its_pages_by_indexes(connection: Connection) -> None:
    fill(connection)

    read = gone_through(connection, SessionRepository(connection).check)

    # there are 60,000 rows in pages of a few hundred
    assert read < ROWS * ROWS
