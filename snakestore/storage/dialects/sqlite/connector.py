"""Opens a file for a repository, which has a pool of its own and needs no engine.

An engine's pool, events and first connection take longer than SQLite takes to open a file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Dialect, Engine

from snakestore.storage import fork
from snakestore.storage.dialects.sqlite import connect, files, opening
from snakestore.storage.dialects.sqlite import url as sqlite_url
from snakestore.storage.dialects.sqlite.introspection import SQLiteSchemaReader
from snakestore.storage.dialects.sqlite.url import SQLiteAddress
from snakestore.storage.settings import Settings

if TYPE_CHECKING:
    from snakestore.storage.dialects.protocols import SchemaReader

_kind: Any = URL.create("sqlite").get_dialect()
_DIALECT: Dialect = _kind(dbapi=_kind.import_dbapi())
_set_up = _DIALECT.on_connect()
"""What SQLAlchemy does to each new connection."""


class FileConnector:
    """Opens the connections of one repository to a file. A ``Connector``."""

    engine = None

    def __init__(self, url: URL, path: str, address: SQLiteAddress, settings: Settings) -> None:
        self.url = url
        self._settings = settings
        self._opener = opening.FileOpener(path, address, settings)

    @property
    def dialect(self) -> Dialect:
        """The dialect that engines on SQLite have; one for all files."""
        return _DIALECT

    @property
    def has_opened(self) -> bool:
        """Whether an inspection or migration has left its connection to ``connect``."""
        return self._opener.keeps_connection

    def connect(self) -> tuple[sqlite3.Connection, dict[Any, Any]]:
        """Open a connection as an engine of ``create_engine`` does. Returns its info too."""
        info: dict[Any, Any] = {}
        connection = self._opener.open(info)
        try:
            if _set_up is not None:
                _set_up(connection)
        except BaseException:
            connection.close()
            raise
        return connection, info

    @contextmanager
    def open_schema_reader(self) -> Iterator[SchemaReader | None]:
        """Over a connection that only reads until then, and that ``connect`` returns if it can."""
        with inspect_file(self._opener, self._settings.busy_timeout, keep=True) as reader:
            yield reader

    @contextmanager
    def migration_engine(self) -> Iterator[Engine]:
        """An engine on the file, for the time of the block. ``connect`` gets its connection."""
        engine = connect.create_engine(self.url, self._settings, self._opener)
        fork.register_engine(engine)
        try:
            yield engine
            proxied = engine.raw_connection()
            connection: Any = proxied.driver_connection
            proxied.detach()
            self._opener.keep(connection)
        finally:
            engine.dispose()

    def close(self) -> None:
        """Close the connection of an inspection that nobody got."""
        self._opener.close_kept()


def file_connector(url: URL, settings: Settings) -> FileConnector | None:
    """What opens the file of a URL; None in memory.

    Raises:
        StoreError: Python's SQLite is too old.
    """
    address = sqlite_url.address_of(url)
    if address.path is None:
        return None
    connect.check_version()
    return FileConnector(url, address.path, address, settings)


@contextmanager
def inspect_file(
    opener: opening.FileOpener, busy_timeout: float, *, keep: bool
) -> Iterator[SchemaReader | None]:
    """A reader of a file's schema over a connection that only reads; None if it is missing.

    ``keep`` says whether the opener returns that connection as its next one, if it can.

    Raises:
        StoreError: it is not a file, or must not be read.
        CorruptStoreError: it is not a database.
    """
    path = opener.path
    if not files.exists(path):
        yield None
        return
    files.check_readable(path)
    opener.begin_inspection()
    if files.size(path) == 0:
        # opening the file would delete a log beside it
        with closing(sqlite3.connect(sqlite_url.MEMORY)) as nothing:
            yield SQLiteSchemaReader(nothing.execute)
        return
    with opening.explain_errors(path):
        connection = opening.open_for_inspection(path, busy_timeout)
        try:
            connection.execute("BEGIN")
            yield SQLiteSchemaReader(connection.execute)
            connection.rollback()
        except BaseException:
            connection.close()
            raise
        if keep:
            opener.keep(connection)
        else:
            connection.close()
