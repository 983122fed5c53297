"""The runner of a repository on a Connection or orm.Session: it joins the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from snakestore.errors import StoreError
from snakestore.storage.execution.connection import ConnectionAdapter
from snakestore.storage.execution.joined import JoinedRunner
from snakestore.storage.execution.runner import RunnerSettings
from snakestore.storage.execution.running_functions import refuse_within_function
from snakestore.storage.execution.sqlalchemy_connection import SqlAlchemyConnection, check_file_of


class CallerTransactionRunner(JoinedRunner):
    """Joins the transaction of a Connection or orm.Session that the caller owns."""

    def __init__(self, connect: Callable[[], Any], settings: RunnerSettings) -> None:
        """Run operations on the connection that ``connect`` returns."""
        super().__init__(settings)
        self._connect = connect
        self._closed = False

    def _join(self, *, write: bool) -> tuple[ConnectionAdapter, bool]:
        if self._closed:
            message = "the repository is closed: create another one on your connection"
            raise StoreError(message)
        connection = SqlAlchemyConnection(self._connect(), self.backend)
        check_file_of(connection.connection.engine, self.backend)
        began = connection.join(write=write)
        if write:
            refuse_within_function(connection)
        return connection, began

    def _back_out(self, connection: ConnectionAdapter, *, began: bool, savepoint: str) -> None:
        if connection.in_transaction:  # SQLite rolls back by itself when the disk is full
            super()._back_out(connection, began=began, savepoint=savepoint)

    def close(self) -> None:
        """Run no more operations. The connection stays open."""
        self._closed = True
