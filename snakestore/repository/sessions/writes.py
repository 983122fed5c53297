"""Methods that create, change and delete sessions."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from snakestore import types
from snakestore.errors import SessionExistsError, SessionNotFoundError
from snakestore.names import checked_name
from snakestore.repository.arguments import (
    NOT_GIVEN,
    NotGiven,
    checked_count,
    checked_metadata,
    checked_optional_name,
    checked_ttl,
    look_up_text,
)
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import (
    has_expired,
    lock_session,
    record_write,
    session_text,
)
from snakestore.repository.sessions.reads import read_session
from snakestore.repository.space import delete_from
from snakestore.repository.versions import prune_session
from snakestore.session import Session, SessionStats, expiry
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.sessions import (
    LockedSession,
    deleted_session_from,
    empty_tables_from,
    is_taken,
    last_worker_id_from,
    locked_session_from,
    metadata_from,
    server_now_from,
)
from snakestore.storage.queries import sessions as sql


class SessionWriteMethods(RepositoryBase):
    """Methods that create, change and delete sessions."""

    def create_session(
        self,
        session_id: str | None = None,
        *,
        ttl: float | timedelta | NotGiven | None = NOT_GIVEN,
        metadata: dict[str, Any] | None = None,
        worker_id: str | None = None,
        history: int | NotGiven | None = NOT_GIVEN,
        exist_ok: bool = False,
    ) -> Session:
        """Create a session. An expired session of the same id is deleted first, with its contents.

        Args:
            session_id: the id; None: a new unique id.
            ttl: how long the session may be idle, in seconds or as a timedelta; None: it never
                expires; not given: the repository's ``default_ttl``, by default an hour (3600).
            metadata: a JSON object.
            worker_id: stored as ``last_worker_id``.
            history: how many past versions each variable and each program keeps; None: all; 0:
                none; not given: the repository's ``history``.
            exist_ok: return an existing live session. This counts as an access and applies
                ``worker_id``, but not ``ttl``, ``metadata`` or ``history``.

        Raises:
            SessionExistsError: if a live session has this id and ``exist_ok`` is False.
            InvalidNameError, ValidationError: if an argument is invalid.
        """
        sid = f"session_{uuid.uuid4().hex}" if session_id is None else session_id
        given = {
            "ttl": self._options.default_ttl if ttl is NOT_GIVEN else ttl,
            "worker": worker_id,
            "history": self._options.history if history is NOT_GIVEN else history,
            "metadata": metadata,
        }
        return self._runner.write(_create, sid, given, exist_ok=exist_ok)

    def update_session(
        self,
        sid: str,
        *,
        metadata: dict[str, Any] | NotGiven | None = NOT_GIVEN,
        replace_metadata: bool = False,
        ttl: float | timedelta | NotGiven | None = NOT_GIVEN,
        worker_id: str | NotGiven | None = NOT_GIVEN,
        history: int | NotGiven | None = NOT_GIVEN,
    ) -> Session:
        """Change a session. Arguments that are not given stay as they are.

        Counts as an access (updates ``last_accessed``).

        Args:
            metadata: merged one level deep into the present metadata.
            replace_metadata: replace the present metadata instead.
            ttl: as in ``create_session``.
            worker_id: stored as ``last_worker_id``.
            history: as in ``create_session``. Past versions beyond a smaller limit are deleted.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            InvalidNameError, ValidationError: if an argument is invalid.
        """
        given = {"ttl": ttl, "worker": worker_id, "history": history, "metadata": metadata}
        return self._runner.write(_update, sid, given, replace_metadata=replace_metadata)

    def touch(self, sid: str, *, worker_id: str | None = None) -> Session:
        """Record an access (update ``last_accessed``), and ``last_worker_id`` if it is given.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            InvalidNameError: if ``worker_id`` is not a valid name.
        """
        return self._runner.write(_update, sid, {} if worker_id is None else {"worker": worker_id})

    def revive_session(
        self, sid: str, *, ttl: float | timedelta | NotGiven | None = NOT_GIVEN
    ) -> Session:
        """Bring back an expired session that no sweep has removed, with all that it holds.

        An expired session is never revived by anything else. A live session is returned as it is,
        with the ``ttl`` if it is given. Counts as an access (updates ``last_accessed``), so the
        idle time starts again.

        Args:
            ttl: as in ``create_session``; not given: the ttl stays.

        Raises:
            SessionNotFoundError: if the session does not exist, or was deleted since it expired.
            ValidationError: if ``ttl`` is out of range.
        """
        return self._runner.write(_revive, sid, {"ttl": ttl})

    def delete_session(self, sid: str) -> bool:
        """Delete a session, expired or not, with its variables, history, programs and logs.

        Returns:
            Whether a session was deleted.

        Raises:
            InvalidNameError: if the id is neither str nor Enum.
        """
        return delete_from(self._runner, _delete, sid)


def _create(
    tx: TransactionContext, session_id: object, given: dict[str, Any], *, exist_ok: bool
) -> Session:
    sid = checked_name(session_id, "session id")
    if tx.backend.locks_rows:
        tx.send(sql.LOCK_SESSION, sid=sid)
    row = tx.fetch_one(sql.SELECT_TAKEN, sid=sid)
    tx.set_server_time(server_now_from(row))
    if is_taken(row) and not has_expired(tx, sid, row):
        if not exist_ok:
            raise SessionExistsError(sid)
        worker = given["worker"]
        return _update(tx, sid, {} if worker is None else {"worker": worker})
    checked = _checked_changes(given)
    if is_taken(row):
        delete_sessions(tx, [sid])
    return _insert(tx, sid, checked)


def _insert(tx: TransactionContext, sid: str, checked: dict[str, Any]) -> Session:
    """Insert a session; it is not read back where the INSERT is sent along with COMMIT."""
    metadata = types.dumps(checked["metadata"])
    new = {
        "id": sid,
        "created_at": tx.now,
        "last_accessed": tx.now,
        "ttl": checked["ttl"],
        "expires_at": expiry(tx.now, checked["ttl"]),
        "last_worker_id": checked["worker"],
    }
    counts = dict.fromkeys(("variable_count", "program_count", "total_variable_updates"), 0)
    tx.send(sql.INSERT, **new, **counts, metadata=metadata, history_limit=checked["history"])
    if not tx.alone:  # a later method must not meet the error of this INSERT
        return read_session(tx, sid)
    stats = SessionStats(**counts, age=0.0, time_since_access=0.0, total_items=0)
    return Session(**new, metadata=types.loads(metadata), stats=stats)


def _update(
    tx: TransactionContext, sid: str, given: dict[str, Any], *, replace_metadata: bool = False
) -> Session:
    return _change(tx, lock_session(tx, sid), given, replace_metadata=replace_metadata)


def _revive(tx: TransactionContext, sid: str, given: dict[str, Any]) -> Session:
    text = session_text(sid)
    row = tx.fetch_first(sql.SELECT_SESSION_STATE_FOR_UPDATE, sid=text)
    if row is None:
        raise SessionNotFoundError(text)
    has_expired(tx, text, row)  # takes the server's time, and checks what the expiry depends on
    return _change(tx, locked_session_from(text, row), given)


def _change(
    tx: TransactionContext,
    locked: LockedSession,
    given: dict[str, Any],
    *,
    replace_metadata: bool = False,
) -> Session:
    """Change a locked session and record the access."""
    changes = _checked_changes(given)
    if changes or replace_metadata:
        row = tx.fetch_one(sql.SELECT_SESSION, sid=locked.sid)
        old = {} if replace_metadata else metadata_from(row)
        metadata = types.dumps(old | changes.pop("metadata", {}))
        stored = {
            "ttl": locked.ttl,
            "worker": last_worker_id_from(row),
            "history": locked.history_limit,
        }
        new = stored | changes
        accessed = max(locked.last_accessed, tx.now)
        # ttl and expires_at change together, as their CHECK demands
        tx.send(
            sql.UPDATE_SESSION,
            sid=locked.sid,
            new_metadata=metadata,
            new_ttl=new["ttl"],
            expires=expiry(accessed, new["ttl"]),
            worker=new["worker"],
            history=new["history"],
        )
        if changes.get("history") is not None:
            prune_session(tx, locked.sid, new["history"])
        locked = LockedSession(locked.sid, locked.last_accessed, new["ttl"], None, new["history"])
    record_write(tx, locked)
    return read_session(tx, locked.sid)


def _checked_changes(given: dict[str, Any]) -> dict[str, Any]:
    """The changes that were given, each checked."""
    checks: dict[str, Callable[[Any], Any]] = {
        "ttl": checked_ttl,
        "worker": lambda worker: checked_optional_name(worker, "worker_id"),
        "history": lambda history: checked_count(history, "history"),
        "metadata": checked_metadata,
    }
    return {name: checks[name](value) for name, value in given.items() if value is not NOT_GIVEN}


def _delete(tx: TransactionContext, sid: str) -> bool:
    text = look_up_text(sid, "session id")
    row = None if text is None else tx.fetch_first(sql.LOCK_TO_DELETE, sid=text)
    if row is None:
        return False
    session = deleted_session_from(row)
    delete_sessions(tx, [session.id], variables=session.variables)
    return True


def delete_sessions(
    tx: TransactionContext,
    ids: list[str],
    empty: frozenset[str] = frozenset(),
    *,
    variables: int = 0,
) -> None:
    """Delete sessions with all that they hold.

    Children first: that is faster than a cascade, and works where foreign keys are off.

    Args:
        ids: the ids of the sessions.
        empty: tables known to be empty, which are left out.
        variables: how many variables they have, if that is known.
    """
    tx.replan(variables)
    for table, statement in sql.DELETE_SESSIONS.items():
        if table not in empty:
            tx.send_in(statement, ids)


def empty_tables(tx: TransactionContext) -> frozenset[str]:
    """Tables that are known to be empty; none on a server, where the query is a round trip.

    For many sessions, the query costs less than to search an empty table for each of them.
    """
    if tx.backend.remote:
        return frozenset()
    return empty_tables_from(tx.fetch_one(sql.SELECT_OFTEN_EMPTY))
