"""Translates the errors of drivers and SQLAlchemy into snakestore's."""

from __future__ import annotations

from types import TracebackType

from sqlalchemy import exc

from snakestore.errors import SnakeStoreError, StoreBusyError, StoreError
from snakestore.storage import descriptors
from snakestore.storage.dialects import (
    backend_of_error,
    driver_error_types,
    interrupted_driver,
    interrupts_driver,
)
from snakestore.storage.dialects.messages import CONNECTION_LOST


def driver_error(error: BaseException) -> BaseException | None:
    """The driver's own exception inside ``error``, or ``error`` if it is one, or None."""
    if isinstance(error, exc.DBAPIError):
        return error.orig
    return error if isinstance(error, driver_error_types()) else None


def is_driver_error(error: BaseException) -> bool:
    """Whether ``error`` is a driver's or SQLAlchemy's. Any other is raised unchanged."""
    return isinstance(error, exc.SQLAlchemyError) or driver_error(error) is not None


def masked_by(error: BaseException) -> BaseException | None:
    """The exception from outside that an error of the driver's code replaced, or None.

    psycopg raises an error of its own where it cannot clean up after an interruption, SQLAlchemy
    where one comes before it calls the driver.
    """
    if type(error) is exc.StatementError and not is_driver_error(error.orig or error):
        return error.orig
    found: BaseException | None = None
    if is_driver_error(error) or interrupts_driver(error):
        each = driver_error(error) or error
        while each.__context__ is not None:
            each, replacement = each.__context__, each
            if not is_driver_error(each) and interrupted_driver(each, replacement):
                found = each
    return found


def is_busy(error: BaseException) -> bool:
    """Whether the transaction may succeed when run again: busy, or a serialization failure."""
    cause = driver_error(error)
    return cause is not None and backend_of_error(cause).is_busy(cause)


def is_duplicate(error: BaseException) -> bool:
    """Whether another transaction inserted the same key, which only a server lets happen."""
    cause = driver_error(error)
    return cause is not None and backend_of_error(cause).is_duplicate(cause)


def violates_check(error: BaseException) -> bool:
    """Whether a row was refused by a CHECK or NOT NULL of its table."""
    cause = driver_error(error)
    return cause is not None and backend_of_error(cause).violates_check(cause)


def is_connection_loss(error: BaseException) -> bool:
    """Whether the error reports a lost connection, also one behind the server."""
    cause = driver_error(error)
    return cause is not None and backend_of_error(cause).is_connection_loss(cause)


def aborts_commit(error: BaseException) -> bool:
    """Whether an error of COMMIT says for certain that nothing was committed."""
    cause = driver_error(error)
    return cause is None or backend_of_error(cause).aborts_commit(cause)


def is_out_of_reach(error: BaseException) -> bool:
    """Whether an error while connecting says that the server cannot be reached."""
    return isinstance(error, exc.DBAPIError | OSError) or driver_error(error) is not None


def _of_no_driver(error: BaseException) -> SnakeStoreError:
    if descriptors.says_exhausted(error):
        return StoreError(f"{descriptors.EXHAUSTED} ({error})")
    if isinstance(error, exc.TimeoutError):
        return StoreBusyError(
            "others used all connections of the engine's pool for too long; nothing was changed,"
            f" try again ({error})"
        )
    reason = (
        CONNECTION_LOST
        if isinstance(error, OSError)
        else f"the database layer refused: {type(error).__name__}"
    )
    return StoreError(f"{reason} ({error})")


def translate(error: BaseException) -> SnakeStoreError:
    """The snakestore error for one of a driver or SQLAlchemy, which the caller chains as cause."""
    cause = driver_error(error)
    if cause is None:
        return _of_no_driver(error)
    problem = backend_of_error(cause).translate(cause)
    if type(problem) is StoreError and descriptors.exhausted():
        return StoreError(f"{descriptors.EXHAUSTED} ({cause})")
    return problem


class _ErrorTranslation:
    """Translates errors that leave a ``with`` block. A generator would take five times as long."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not isinstance(error, Exception):
            return
        original = masked_by(error)
        if original is not None:
            raise original
        if is_driver_error(error) or descriptors.says_exhausted(error):
            raise translate(error) from error


_translation = _ErrorTranslation()


def translate_errors() -> _ErrorTranslation:
    """Translate a driver's error that leaves the block, the original chained as the cause."""
    return _translation
