"""Datasette's database: connections to the file that change nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from datasette.app import Datasette
from datasette.database import Database
from sqlalchemy import URL

from snakestore.errors import StoreReadOnlyError
from snakestore.storage.dialects import backend_of
from snakestore.storage.schema.overviews import Overview
from snakestore.storage.schema.views import variable_history_overview

T = TypeVar("T")

NAME = "store"
SHOWN_CHARACTERS = 2000
"""How much of a value a list shows."""
BUSY_TIMEOUT = 5.0
_CUT = frozenset(
    {"value", "program", "newest_entry", "metadata", "constraints", "reason", "documentation"}
)
_EXPENSIVE = {"session_overview": {"size_bytes"}, "log_overview": {"size_bytes"}}
"""Columns that read everything that a session or a log holds."""
_COUNT = "select count(*) from "
_COUNT_MILLISECONDS = 300


class StoreDatabase(Database):
    """A store. Each piece of work has a connection of its own, which is closed after it.

    So nothing stays open between requests: writers close the file as if no inspector were there.
    """

    def __init__(self, datasette: Datasette, url: URL) -> None:
        self._backend, self._url = backend_of(url), url
        super().__init__(datasette, path=self._backend.file_path(url))

    def connect(self, write: bool = False) -> Any:  # noqa: FBT001, FBT002 - Datasette's signature
        """A connection that reads.

        Raises:
            StoreReadOnlyError: ``write`` was asked for.
        """
        if write:
            message = "the inspector does not write: use the command line"
            raise StoreReadOnlyError(message)
        connection = self._backend.open_unchanged(self._url, BUSY_TIMEOUT)
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA query_only = OFF")  # for views of this connection alone
        for statement in SHORTENED_VIEWS:
            connection.execute(statement)
        connection.execute("PRAGMA query_only = ON")
        return connection

    async def execute(
        self,
        sql: str,
        params: Any = None,
        truncate: bool = False,  # noqa: FBT001, FBT002 - likewise
        custom_time_limit: int | None = None,
        page_size: int | None = None,
        log_sql_errors: bool = False,  # noqa: FBT001, FBT002 - errors are on the page
    ) -> Any:
        """Run a query. Datasette's own count of a page's rows is given up if it takes long."""
        if sql.startswith(_COUNT) and not truncate:
            custom_time_limit = _COUNT_MILLISECONDS
        return await super().execute(
            sql, params, truncate, custom_time_limit, page_size, log_sql_errors
        )

    async def execute_fn(self, fn: Callable[[Any], T]) -> T:
        """What ``fn`` returns for a new connection, in a thread of Datasette's."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.ds.executor, self._called, fn)

    def _called(self, fn: Callable[[Any], T]) -> T:
        """What ``fn`` returns for a connection that is opened for it, and closed after it."""
        connection = self.connect()
        try:
            self.ds._prepare_connection(connection, self.name)  # noqa: SLF001 - as the class above does
            return fn(connection)
        finally:
            connection.close()


def _shortened(name: str, columns: list[str]) -> str:
    """A view of one connection that hides the store's view of that name."""
    shown = ", ".join(_cut(column) if column in _CUT else column for column in columns)
    return f"CREATE TEMP VIEW {name} AS SELECT {shown} FROM {_SOURCES.get(name, f'main.{name}')}"  # noqa: S608 - names of the schema


def _unordered_history() -> str:
    """The history without its order, for which SQLite would sort all before the first row."""
    history = variable_history_overview().order_by(None)
    return f"({history.compile(compile_kwargs={'literal_binds': True})})"


_SOURCES = {"variable_history_overview": _unordered_history()}


def _cut(column: str) -> str:
    return (
        f"CASE WHEN length({column}) > {SHOWN_CHARACTERS}"
        f" THEN substr({column}, 1, {SHOWN_CHARACTERS}) || '…' ELSE {column} END AS {column}"
    )


SHORTENED_VIEWS: tuple[str, ...] = tuple(
    _shortened(
        name,
        [
            column.name
            for column in table.columns
            if column.name not in _EXPENSIVE.get(name, frozenset())
        ],
    )
    for name, table in Overview.metadata.tables.items()
)
"""Statements that cut long values, so that a page of rows is small, however long its values are."""
