"""What Alembic knows of the revisions, and how a database differs from the newest one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from snakestore.storage.execution.driver_errors import translate_errors
from snakestore.storage.migrate.alembic_runner import configure_options, new_config
from snakestore.storage.migrate.binds import connected, engine_for
from snakestore.storage.schema.tables import Base
from snakestore.storage.url import PathOrUrl


def summaries() -> dict[str, str]:
    """The revisions with the first line of their scripts, oldest first."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - slow to import, rarely used

    scripts = ScriptDirectory.from_config(new_config())
    newest_first = [(script.revision, script.doc) for script in scripts.walk_revisions()]
    return dict(reversed(newest_first))


def differences(path_or_url: PathOrUrl) -> list[str]:
    """What Alembic would have to change so that the tables are as this release has them.

    Other tables are not compared. Nothing is changed.

    Raises:
        CorruptStoreError: it is not a database.
        StoreError: the database is out of reach.
    """
    with translate_errors(), engine_for(path_or_url) as engine, connected(engine) as connection:
        return [_text(each) for each in _compared(connection)]


def _compared(connection: Connection) -> list[Any]:
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - slow, rarely used
    from alembic.migration import MigrationContext  # noqa: PLC0415 - likewise

    context = MigrationContext.configure(connection, opts=configure_options())
    found: list[Any] = compare_metadata(context, Base.metadata)
    return found


def _text(difference: Any) -> str:
    """A difference in one line; changes of a column come as a list."""
    if isinstance(difference, list):
        return "; ".join(map(_text, difference))
    operation, *subject = difference
    named = [getattr(each, "name", each) for each in subject]
    return " ".join([operation, *(str(each) for each in named if isinstance(each, str))])
