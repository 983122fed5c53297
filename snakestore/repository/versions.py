"""What versioned items share, variables and programs: their version numbers and their history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from snakestore.errors import ValidationError, VersionConflictError, VersionNotFoundError
from snakestore.repository.arguments import checked_count
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.identities import keys_from
from snakestore.storage.mapping.sessions import LockedSession
from snakestore.storage.queries.history import EVERY_HISTORY, HistoryStatements
from snakestore.storage.queries.statement import Row, Statement

PAGE = 500
"""Items whose history is pruned at once."""
MAX_NUMBERED = 100
"""Of longer histories, a server does not read all versions to find the oldest."""
LARGE_VERSION = 512
"""Bytes of a version that shares its page of the history with few others."""


class Stored(Protocol):
    """A variable or program as it is stored."""

    kind: ClassVar[str]
    """What errors call it."""

    @property
    def sid(self) -> str:
        """The session's id."""

    @property
    def id(self) -> str:
        """The item's id."""

    @property
    def identifier(self) -> str:
        """How the caller names it."""

    @property
    def version(self) -> int:
        """The present version."""

    @property
    def address(self) -> int | None:
        """Where the row is, for the present transaction; None if that is not known."""

    @property
    def size(self) -> int:
        """About how many bytes the present version has; 0 if that is not known."""


def check_version(stored: Stored, expected: int | None) -> None:
    """Check that an item is at the expected version; None: at any.

    Raises:
        VersionConflictError: if it is at another version.
    """
    if expected is not None and expected != stored.version:
        raise VersionConflictError(
            stored.sid, stored.identifier, expected, stored.version, kind=stored.kind
        )


def checked_version_number(version: object) -> int:
    """The number of a version to look up: any int.

    Raises:
        ValidationError: if it is not an int.
    """
    if isinstance(version, bool) or not isinstance(version, int):
        message = f"version must be an int, not {type(version).__name__}"
        raise ValidationError(message, value=version)
    return int(version)


def archive_versions(
    tx: TransactionContext,
    locked: LockedSession,
    history: HistoryStatements,
    replaced: Sequence[Stored],
) -> None:
    """Copy versions that are about to be replaced into the history, as far as its limit allows.

    Where that is cheaper, a full history's oldest version is overwritten by the newest. An item
    with fewer versions than the limit has none to prune.
    """
    limit, sid = locked.history_limit, locked.sid
    if limit == 0:
        return
    tx.replan(len(replaced))
    if limit is not None:
        full = [stored for stored in replaced if stored.version >= limit]
        if tx.backend.updates_in_place:
            done = _overwrite(tx, history, full, limit)
            if len(done) == len(replaced):
                return
            if done:
                full = [stored for stored in full if stored.id not in done]
                replaced = [stored for stored in replaced if stored.id not in done]
        # before the others are added, so that SQLite reuses their pages at once
        prune(tx, history, sid, [each.id for each in full], keep=limit - 1)
    # a row each: for an INSERT of many, SQLite would first copy each page that it changes
    if all(each.address is not None for each in replaced):
        _send_rows(tx, history.archive_at_address, "address", [each.address for each in replaced])
        return
    ids = [each.id for each in replaced]
    if tx.uses_arrays(len(ids)):
        tx.send_in(history.archive_several, ids, sid=sid)
    else:
        _send_rows(tx, history.archive, history.parameter, ids, sid=sid)


def prune(
    tx: TransactionContext, history: HistoryStatements, sid: str, ids: Sequence[str], *, keep: int
) -> None:
    """Delete all but the newest ``keep`` past versions of items of one session."""
    if tx.uses_arrays(len(ids)) and keep <= MAX_NUMBERED:
        tx.send_in(history.prune_several, ids, sid=sid, keep=keep)
    else:
        _send_rows(tx, history.prune, history.parameter, ids, sid=sid, keep=keep)


def _send_rows(
    tx: TransactionContext,
    statement: Statement,
    name: str,
    values: Sequence[object],
    **shared: object,
) -> None:
    """Send a change for each value of the parameter ``name``."""
    if len(values) == 1:
        tx.send(statement, **{name: values[0]}, **shared)
    elif values:
        tx.send_rows(statement, (name,), [(each,) for each in values], **shared)


def _overwrite(
    tx: TransactionContext, history: HistoryStatements, full: Sequence[Stored], limit: int
) -> set[str]:
    """Overwrite the oldest past versions by the present ones. Returns the ids where that was right.

    It is not where the history has more or fewer versions than ``limit``: a put skips numbers.
    """
    # the small versions of a batch are left out: added one after another, they share pages
    chosen = full if len(full) == 1 else [each for each in full if each.size >= LARGE_VERSION]
    keys = [{**history.key(each.sid, each.id), "keep": limit - 1} for each in chosen]
    counts = tx.execute_each(history.overwrite, keys)
    return {each.id for each, count in zip(chosen, counts, strict=True) if count}


def past_rows(
    tx: TransactionContext, history: HistoryStatements, stored: Stored, limit: object
) -> list[Row]:
    """The past versions of an item, newest first.

    Raises:
        ValidationError: if ``limit`` is neither None nor an int >= 0.
    """
    count = checked_count(limit, "limit")
    key = history.key(stored.sid, stored.id)
    if count is None:
        return tx.fetch_all(history.select, **key)
    return tx.fetch_all(history.select_limited, **key, limit=count)


def version_row(
    tx: TransactionContext, history: HistoryStatements, stored: Stored, version: int
) -> Row:
    """The past version of a number.

    Raises:
        VersionNotFoundError: if that version never existed or has been pruned.
    """
    row = (
        tx.fetch_first(
            history.select_version, **history.key(stored.sid, stored.id), version=version
        )
        if 0 <= version < stored.version
        else None
    )
    if row is None:
        raise VersionNotFoundError(stored.sid, stored.identifier, version, kind=stored.kind)
    return row


def rollback_metadata(version: int, reason: object) -> dict[str, Any]:
    """What a rollback adds to the present metadata, besides its source."""
    details: dict[str, Any] = {"rolled_back_to": version}
    if reason is not None:
        details["reason"] = reason
    return details


def prune_session(tx: TransactionContext, sid: str, keep: int) -> None:
    """Delete past versions beyond a smaller history, an item at a time: one index probe each."""
    for history in EVERY_HISTORY:
        after = ""
        while page := keys_from(
            tx.fetch_all(history.select_owners_in_session, **history.key(sid, after), limit=PAGE)
        ):
            prune(tx, history, sid, [key.vid for key in page], keep=keep)
            after = page[-1].vid
