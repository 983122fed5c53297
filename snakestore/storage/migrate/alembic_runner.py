"""Run Alembic in process, and configure it for both this and ``migrations/env.py``.

Alembic is imported only when something has to be migrated.
"""

from __future__ import annotations

import io
import os
import re
from importlib.resources import files
from typing import Any, Literal

from sqlalchemy import Connection

from snakestore.errors import ValidationError, shorten
from snakestore.storage.dialects import backend_of
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.sqlalchemy_connection import SqlAlchemyConnection
from snakestore.storage.fork import ForkSafeLock
from snakestore.storage.schema.revisions import REVISIONS, VERSION_TABLE
from snakestore.storage.schema.tables import Base

Direction = Literal["upgrade", "downgrade"]
_STEPS = r"[+-][0-9]{1,4}"
_REVISIONS = f"revisions are base, {', '.join(REVISIONS)} and head"

# Alembic keeps the running migration in module globals: one at a time in a process. Taken after the
# database's lock, so that no thread waits for the database while others wait for this.
_alembic = ForkSafeLock()


def lock_database(connection: Connection) -> None:
    """Keep others from migrating until the connection's transaction ends.

    A transaction is begun if none is open.

    Raises:
        StoreError: snakestore does not run on the database, or a Connection to a server is in
            AUTOCOMMIT, which has no transaction.
    """
    backend_of(connection).lock_for_migration(connection)


def complete_tables(connection: Connection) -> None:
    """Partition or distribute what was created, if the sessions are."""
    backend = backend_of(connection)
    backend.complete_tables(connection, statements_on(connection))


def statements_on(connection: Connection) -> TransactionContext:
    """Runs statements in the transaction of a Connection."""
    return TransactionContext(SqlAlchemyConnection(connection, backend_of(connection)), None)


def configure_options() -> dict[str, Any]:
    """The options of a migration context, besides its database."""
    return {
        "target_metadata": Base.metadata,
        "version_table": VERSION_TABLE,
        # SQLite rolls DDL back like any statement if the driver begins nothing by itself
        "transactional_ddl": True,
        "include_name": _include_name,
        "compare_type": True,
        "compare_server_default": True,
        "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
    }


def _include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Compare only snakestore's tables: users keep their own beside them."""
    return kind != "table" or name in Base.metadata.tables


def check_revision(revision: object) -> None:
    """Check a revision before a database is opened or created for it.

    Raises:
        ValidationError: it is neither a revision's name nor a number of steps ("+1", "-1").
    """
    if not isinstance(revision, str) or (
        revision not in {"base", "head", "heads", *REVISIONS}
        and re.fullmatch(_STEPS, revision) is None
    ):
        message = f"unknown revision {shorten(revision)}: {_REVISIONS}"
        raise ValidationError(message, value=revision)


def new_config() -> Any:
    """A configuration of Alembic with the scripts that are shipped."""
    from alembic.config import Config  # noqa: PLC0415 - slow to import, rarely used

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", _script_folder().replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _script_folder() -> str:
    """The folder of the scripts: in the installed package, and beside the package in a clone.

    Python imports the package of the clone when a script in the folder of the clone is run.
    """
    try:
        return str(files("snakestore.migrations"))
    except ModuleNotFoundError:
        return os.path.join(os.path.dirname(str(files("snakestore"))), "migrations")


def migrate(connection: Connection, direction: Direction, revision: str) -> None:
    """Run Alembic's upgrade or downgrade in the connection's transaction; it is not committed.

    Alembic prints nothing and does not configure logging.

    Raises:
        ValidationError: there is no such revision in that direction.
    """
    from alembic import command  # noqa: PLC0415 - slow to import, rarely used
    from alembic.util import CommandError  # noqa: PLC0415 - likewise

    config = new_config()
    config.attributes["connection"] = connection
    run = command.upgrade if direction == "upgrade" else command.downgrade
    try:
        with _alembic.held():
            run(config, revision)
    except CommandError as error:
        message = f"cannot {direction} to {shorten(revision)}: {error}; {_REVISIONS}"
        raise ValidationError(message, value=revision) from error
