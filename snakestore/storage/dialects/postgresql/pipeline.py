"""psycopg's pipeline mode: statements that are sent together, and answered together.

psycopg is imported by the functions, because engines of users may have other drivers.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from snakestore.storage.dialects.postgresql.connect import cancel

if TYPE_CHECKING:
    from psycopg import Connection

_PIPELINE_OFF = 0
"""libpq's PQ_PIPELINE_OFF."""


def is_supported(driver_connection: Any) -> bool:
    """Whether libpq has the mode: from version 14."""
    from psycopg import Connection, Pipeline  # noqa: PLC0415 - see above

    return isinstance(driver_connection, Connection) and Pipeline.is_supported()


def run_together(driver_connection: Connection[Any], calls: Sequence[Callable[[], object]]) -> None:
    """Send the statements that ``calls`` execute, then wait for the answers.

    Any other exception, such as that of a signal handler, closes the connection.

    Raises:
        psycopg.Error: the first statement that failed; those after it did not run.
    """
    from psycopg import Error  # noqa: PLC0415 - see above

    first: Error | None = None
    # an exception in psycopg's code may leave its lock held, which leaving the pipeline takes again
    driver_connection.lock = threading.RLock()  # type: ignore[assignment]
    try:
        with driver_connection.pipeline():
            try:
                for call in calls:
                    call()
            except Error as error:
                first = error
            except BaseException:
                _abandon(driver_connection)
                raise
    except Error as error:  # also that those after the first were not run
        first = first or error
        if not driver_connection.closed and is_stuck(driver_connection):
            _abandon(driver_connection)  # an exception came while it waited for the answers
    except BaseException:
        _abandon(driver_connection)
        raise
    if first is not None:
        # psycopg may believe that a statement is prepared whose preparation was not run
        driver_connection._prepared.clear()  # noqa: SLF001 - there is no public way
        raise first


def _abandon(driver_connection: Connection[Any]) -> None:
    """Close a connection, so that the pipeline is left at once.

    Leaving it would wait for the answers to a message that was sent in part.
    """
    cancel(driver_connection)
    driver_connection.close()


def may_be_lost(driver_connection: Connection[Any]) -> bool:
    """Whether the server has sent something unasked, as when it closes an idle connection."""
    if not hasattr(select, "poll"):  # Windows
        return True
    poll = select.poll()
    poll.register(driver_connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def is_stuck(driver_connection: Connection[Any]) -> bool:
    """Whether the connection is in pipeline mode, outside of ``run_together``."""
    return driver_connection.pgconn.pipeline_status != _PIPELINE_OFF
