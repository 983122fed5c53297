"""Copies a store to another database exactly as it is stored: SQLite, PostgreSQL, or the same.

copying   one copy in progress, and its report
sessions  copying sessions
checksum  the checksum of a session
records   the checksums that are kept at the target
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from sqlalchemy import URL, Engine

from snakestore.errors import SchemaOutdatedError, ValidationError
from snakestore.repository import SessionRepository
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import translate_errors
from snakestore.storage.execution.runner import Runner
from snakestore.storage.migrate.binds import parse_url_of
from snakestore.storage.migrate.inspection import (
    check_not_newer,
    check_unaltered,
    check_up_to_date,
    inspect_connection,
)
from snakestore.storage.migrate.upgrade import exists, upgrade
from snakestore.storage.schema.revisions import HEAD
from snakestore.storage.url import describe
from snakestore.transfer.copying import Copying, CopyReport, Progress

__all__ = ["CopyReport", "copy"]

Place = str | os.PathLike[str] | URL | Engine


def copy(source: Place, target: Place, *, progress: Progress | None = None) -> CopyReport:
    """Copy every session, with all that it holds, exactly as it is stored.

    Texts, bytes, times, versions and counters are the same at the target, also of expired sessions.
    Nothing counts as an access. A missing or outdated target is created or migrated first. Its
    other sessions stay. Copying again skips sessions that are equal at the target and replaces
    those that the source has changed since, unless they are no longer as they were copied. For this
    the target has a table of checksums, ``snakestore_copied_sessions``. So an interrupted copy can
    continue, and a store in use is moved by a long copy, then a short one after its users stopped.
    Memory stays bounded.

    Args:
        source: a path, URL or Engine with the present schema. Each session is read from one
            snapshot; nothing is changed.
        target: a path, URL or Engine.
        progress: called after each small transaction with the number of sessions done and the
            number of all sessions.

    Raises:
        ValidationError: if source and target are the same database.
        SessionExistsError: if the target has another session of the same id, or that session was
            used at the target since it was copied, or it is not known that it was copied.
        SchemaError: if the source does not have the present schema, or the target has tables that
            are not snakestore's.
        CorruptStoreError: if sessions are damaged. All others were copied.
        StoreError: if a database cannot be reached, or the target does not return what was written,
            or its role may not create the table of checksums.
    """
    with ExitStack() as stack:
        reader = _opened(stack, source)
        writer = _opened(stack, target, migrate=True)
        if source is target or _identity(reader) == _identity(writer):
            message = "source and target are the same database. Nothing was copied."
            raise ValidationError(message)
        return Copying(_runner(reader), _runner(writer), progress).run()


def _opened(stack: ExitStack, place: Place, *, migrate: bool = False) -> SessionRepository:
    """A repository on a place that has the present schema."""
    if not isinstance(place, Engine):
        if not migrate and not exists(place):
            message = f"{describe(parse_url_of(place))} does not exist: there is nothing to copy"
            raise SchemaOutdatedError(message, current=None, head=HEAD)
        return stack.enter_context(SessionRepository.open(place, migrate=migrate))
    if migrate:
        upgrade(place)
    else:
        with translate_errors(), place.connect() as connection:
            found, where = inspect_connection(connection), describe(place.url)
        check_unaltered(found, where)
        check_not_newer(found, where)
        check_up_to_date(found, where)
    return stack.enter_context(SessionRepository(place))


def _runner(repository: SessionRepository) -> Runner:
    return repository._runner  # noqa: SLF001 - methods return values, not rows


def _identity(repository: SessionRepository) -> object:
    """What identifies a database, however it was opened."""

    def _ask(tx: TransactionContext) -> object:
        return tx.backend.identity(tx)

    return _runner(repository).lookup(_ask)
