"""Looks up single rows in SQLite by a short path.

Most reads find their session alive, its access recorded lately, and nobody in the way. Such a read
needs one statement on an idle connection, and none of what ``AutocommitRunner`` keeps ready for
the others: no transaction context, no retry, no recorder. That takes a quarter less time.

The short path decides nothing else. Where anything is different it leaves no trace, and the method
runs its operation by ``lookup``, which waits, retries, records and raises.
"""

from __future__ import annotations

import time
from threading import get_ident
from typing import Any

from snakestore.clock import utc_now
from snakestore.errors import CorruptStoreError
from snakestore.storage.execution.connection import ConnectionAdapter
from snakestore.storage.execution.driver_errors import is_driver_error, masked_by
from snakestore.storage.execution.nesting import holds_connection
from snakestore.storage.execution.runner import present_of
from snakestore.storage.execution.turn_taking import TurnTakingRunner
from snakestore.storage.mapping.sessions import QuietSessions, has_expired_at
from snakestore.storage.queries.statement import Row, Statement
from snakestore.storage.queries.variables import LOOK_UP_ORDER


class DirectRunner(TurnTakingRunner):
    """An AutocommitRunner on snakestore's own driver connections to SQLite."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take the arguments of an AutocommitRunner."""
        super().__init__(*args, **options)
        clock = self.settings.clock or utc_now
        self._present = present_of(clock)
        self._has_system_clock = clock is utc_now
        self._texts: dict[Statement, str] = {}
        self._quiet = QuietSessions()

    def lookup_row(self, statement: Statement, sid: object, identifier: object) -> Row | None:
        """The row that a statement reads by session and identifier.

        It begins with QUIET_COLUMNS, as the driver returned them.

        None if the session is missing, has expired or is damaged, if its access is to be recorded,
        if the caller has an open block, or if the database reports an error.
        """
        if type(sid) is not str or type(identifier) is not str:
            return None
        if self.blocks and (self.sole or self.in_block()):
            return None
        connection: ConnectionAdapter | None = None
        try:
            connection = self._acquire()
            row = self._row(connection, statement, sid, identifier)
            self._connections.release(connection)
            return row  # noqa: TRY300 - an exception may also come here
        except BaseException as error:
            self.ensure_ended(connection, get_ident())
            original = masked_by(error)
            if original is not None:
                raise original from None
            # text with lone surrogates is no text for a database, so that nothing has that name
            if is_driver_error(error) or isinstance(error, CorruptStoreError | UnicodeEncodeError):
                return None
            raise

    def _row(
        self, connection: ConnectionAdapter, statement: Statement, sid: str, identifier: str
    ) -> Row | None:
        # _seconds without the call, and the driver's order without a dict
        seconds = time.time() if self._has_system_clock else self._present().timestamp()
        try:
            text = self._texts[statement]
        except KeyError:
            text = self._texts[statement] = _compiled(statement, connection)
        row: Row | None = connection.execute(text, (identifier, identifier, sid)).fetchone()
        if row is None or (seconds >= self._quiet.until(sid, row) and not self._is_all(row)):
            return None
        return row

    def _seconds(self) -> float:
        """The present time in seconds since 1970."""
        # the system's clock as a float takes half the time of a datetime
        return time.time() if self._has_system_clock else self._present().timestamp()

    def _is_all(self, row: Row) -> bool:
        """Whether a read of a session that is not quiet has no more to do than to return the row.

        Raises:
            CorruptStoreError: the session is damaged.
        """
        return not (has_expired_at(self._present(), row) or self._recorder.is_possible())


def _compiled(statement: Statement, connection: ConnectionAdapter) -> str:
    compiled = statement.compile_for(connection.dialect)
    assert compiled.order == LOOK_UP_ORDER  # noqa: S101 - the tests run both statements
    return compiled.sql


holds_connection(DirectRunner.lookup_row.__code__)
