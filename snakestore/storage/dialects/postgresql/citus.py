"""Citus, which distributes tables over several servers of PostgreSQL.

Every table is distributed by the session, and all are colocated, so a statement that names a
session goes to one server. Each server knows the distributed tables and can be connected to; only
the coordinator creates them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Text, TextualSelect, column, text

from snakestore.errors import StoreError
from snakestore.storage.dialects.postgresql.partitions import KEYS
from snakestore.storage.dialects.protocols import StatementRunner
from snakestore.storage.queries.statement import Statement
from snakestore.storage.schema.copied import copied_sessions
from snakestore.storage.schema.revisions import VERSION_TABLE

BEGIN_SETTING = "SET LOCAL citus.propagate_set_commands = 'local'"
"""What follows BEGIN, so that later ``SET LOCAL`` statements also reach the workers."""
IS_INSTALLED = "to_regclass('pg_catalog.pg_dist_node') IS NOT NULL"
"""Whether the database has the extension."""

_DISTRIBUTED_BY = {**KEYS, copied_sessions.name: "session_id"}


def _asking(sql: str) -> Statement:
    return Statement(lambda: text(sql).columns(column("answer", Boolean())))


def _calling(sql: str) -> Statement:
    return Statement(lambda: text(sql).columns(column("result", Text())))


_IS_INSTALLED = _asking(f"SELECT {IS_INSTALLED}")
_IS_DISTRIBUTED = _asking(
    "SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = to_regclass('sessions')"
    " AND partmethod = 'h')"
)
_IS_PARTITIONED = _asking("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('sessions')")
_IS_LOCAL = _asking(
    "SELECT to_regclass(:name) IS NOT NULL AND NOT EXISTS (SELECT FROM pg_dist_partition WHERE"
    " logicalrelid = to_regclass(:name))"
)
_REPLICATE = _calling("SELECT create_reference_table(to_regclass(:name))")
_DISTRIBUTE = _calling(
    "SELECT create_distributed_table(to_regclass(:name), :key, colocate_with => :beside)"
)
_REMOVE_LOCAL_ROWS = _calling(
    "SELECT truncate_local_data_after_distributing_table(to_regclass(:name))"
)


def _size() -> TextualSelect:
    sizes = " + ".join(f"citus_total_relation_size('{name}')" for name in KEYS)
    return text(f"SELECT {sizes}, 0").columns(
        column("size", BigInteger()), column("free", BigInteger())
    )


SIZE = Statement(_size)
# the same from every node, unlike the time at which a server was started
WHEREABOUTS = Statement(
    lambda: text(
        "SELECT (SELECT string_agg(concat_ws(':', nodename, nodeport), ' ' ORDER BY nodename,"
        " nodeport) FROM pg_dist_node), current_database(), current_schema()"
    ).columns(column("nodes", Text()), column("database", Text()), column("schema", Text()))
)


def is_distributed(run: StatementRunner) -> bool:
    """Whether the sessions are distributed."""
    return bool(run.fetch_scalar(_IS_INSTALLED)) and bool(run.fetch_scalar(_IS_DISTRIBUTED))


def distribute(run: StatementRunner) -> None:
    """Distribute each table that is not yet distributed, with its rows.

    The version table is copied to each node, so that each can be connected to.

    Raises:
        StoreError: the database does not have the extension, or its tables are partitioned.
    """
    if not run.fetch_scalar(_IS_INSTALLED):
        message = (
            "the database does not have the extension citus: CREATE EXTENSION citus on each node"
            " and add the workers with citus_add_node, or leave distribute out"
        )
        raise StoreError(message)
    if run.fetch_scalar(_IS_PARTITIONED):
        message = (
            "Citus does not distribute tables that are partitioned by hash: create a new database"
            " with distribute, and snakestore.copy this one into it"
        )
        raise StoreError(message)
    new = [name for name in (VERSION_TABLE, *_DISTRIBUTED_BY) if _distribute_table(run, name)]
    for name in reversed(new):  # tables that refer to others first
        run.fetch_scalar(_REMOVE_LOCAL_ROWS, name=name)


def complete(run: StatementRunner) -> None:
    """Where the sessions are distributed, distribute the tables that were added to them."""
    if is_distributed(run):
        distribute(run)


def _distribute_table(run: StatementRunner, name: str) -> bool:
    """Distribute a table. Returns False if it is distributed already, or does not exist."""
    if not run.fetch_scalar(_IS_LOCAL, name=name):
        return False
    key = _DISTRIBUTED_BY.get(name)
    if key is None:
        run.fetch_scalar(_REPLICATE, name=name)
    else:
        # shards of one hash range are on one node
        beside = "default" if name == "sessions" else "sessions"
        run.fetch_scalar(_DISTRIBUTE, name=name, key=key, beside=beside)
    return True
