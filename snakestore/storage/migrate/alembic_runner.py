"""Running Alembic in process: one lock on the database, one on Alembic, and what both env.py and we tell it.

Alembic itself is imported only when something has to be migrated.
"""

from __future__ import annotations

import io
import os
import re
import threading
from importlib.resources import files
from typing import Any, Literal

from sqlalchemy import BigInteger, Connection, cast, func, select

from snakestore.errors import ValidationError, shorten
from snakestore.storage.dialects import backend_for
from snakestore.storage.schema.revisions import REVISIONS, VERSION_TABLE
from snakestore.storage.schema.tables import Base

Direction = Literal["upgrade", "downgrade"]
_STEPS = re.compile(r"[+-][0-9]{1,4}")
_KNOWN = f"revisions are base, {', '.join(REVISIONS)} and head"

ADVISORY_LOCK = int.from_bytes(b"snakedb")
"""The number that stands for our schema among a PostgreSQL server's advisory locks."""

# Alembic keeps the migration at work in module globals: one at a time in a process. Taken after the
# database's lock, so that nobody waits for the database while others wait for this.
_alembic = threading.Lock()


def _unlocked_in_child() -> None:
    global _alembic  # noqa: PLW0603 - the parent's other threads, one of which may hold it, are not in the child
    _alembic = threading.Lock()


os.register_at_fork(after_in_child=_unlocked_in_child)


def locked(connection: Connection) -> None:
    """Keep everybody else from migrating until the connection's transaction ends, which it begins where none is open.

    Raises:
        StoreError: not a database that snakestore runs on, or a Connection in AUTOCOMMIT on a
            server, which has no transaction.
    """
    backend = backend_for(connection.dialect.name)
    if not connection.in_transaction():
        connection.begin()
    backend.begin_on(connection, write=True, own=False)
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(cast(ADVISORY_LOCK, BigInteger))))


def configure_options() -> dict[str, Any]:
    """What a migration context of ours is configured with, besides its database."""
    return {
        "target_metadata": Base.metadata,
        "version_table": VERSION_TABLE,
        # SQLite rolls DDL back as any other statement, with a driver that begins nothing by itself
        "transactional_ddl": True,
        "include_name": _is_ours,
        "compare_type": True,
        "compare_server_default": True,
        "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
    }


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Whether a table found in the database is ours to compare: users keep their own beside them."""
    return kind != "table" or name in Base.metadata.tables


def check_revision(revision: object) -> None:
    """Refuse what Alembic would stumble over, before a database is opened or made.

    Raises:
        ValidationError: it is no revision's name, nor a number of steps ("+1", "-1").
    """
    if not isinstance(revision, str) or (
        revision not in {"base", "head", "heads", *REVISIONS} and _STEPS.fullmatch(revision) is None
    ):
        message = f"there is no revision {shorten(revision)}: {_KNOWN}"
        raise ValidationError(message, value=revision)


def migrate(connection: Connection, direction: Direction, revision: str) -> None:
    """Run Alembic's upgrade or downgrade in the connection's transaction; it is not committed.

    Alembic prints nothing and leaves the configuration of logging alone.

    Raises:
        ValidationError: there is no such revision, or it does not lie in that direction.
    """
    from alembic import command  # noqa: PLC0415 - slow to import; a warm start does not need it
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config(stdout=io.StringIO())
    config.set_main_option(
        "script_location", str(files("snakestore.migrations")).replace("%", "%%")
    )
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    run = command.upgrade if direction == "upgrade" else command.downgrade
    try:
        with _alembic:
            run(config, revision)
    except CommandError as error:
        message = f"cannot {direction} to {shorten(revision)}: {error}; {_KNOWN}"
        raise ValidationError(message, value=revision) from error
