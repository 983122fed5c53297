"""Verbs about sessions: make, look, change, touch, delete."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from snakestore import types
from snakestore.errors import SessionExistsError, SessionNotFoundError
from snakestore.names import checked_name
from snakestore.patterns import Pattern
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
    LockedSession,
    check_alive,
    check_read,
    has_expired,
    lock_session,
    ping,
    record,
    session_state,
    session_text,
)
from snakestore.session import Session, SessionStats, expiry
from snakestore.storage import mapping
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.queries import history as history_sql
from snakestore.storage.queries import sessions as sql

PAGE = 500


class SessionMethods(RepositoryBase):
    """The part of a repository that is about sessions."""

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
        """Make a session. One that expired under the same id goes first, with all it held.

        Args:
            session_id: its id; a fresh unique one where None.
            ttl: seconds or timedelta that it may be idle; None: never expires; not given: the
                repository's ``default_ttl``.
            metadata: a JSON object.
            worker_id: who makes it, kept as ``last_worker_id``.
            history: how many replaced values each variable keeps; None all, 0 none; not given: the
                repository's ``history``.
            exist_ok: return a live session as it is, as an access; ttl, metadata and history are
                then not applied, worker_id is.

        Raises:
            SessionExistsError: a live session has the id, and not ``exist_ok``.
            InvalidNameError, ValidationError: an argument may not be.
        """
        sid = f"session_{uuid.uuid4().hex}" if session_id is None else session_id
        given = {
            "ttl": self._options.default_ttl if ttl is NOT_GIVEN else ttl,
            "worker": worker_id,
            "history": self._options.history if history is NOT_GIVEN else history,
            "metadata": metadata,
        }
        return self._runner.write(_create, sid, given, exist_ok=exist_ok)

    def get_session(self, sid: str) -> Session:
        """The session, as recorded after this access. To look without touching use get_stats or list_sessions.

        Raises:
            SessionNotFoundError, SessionExpiredError: there is none.
        """
        tx, session = self._runner.lookup(_get, sid)
        if tx.recorded_access is None:
            return session
        last_accessed, _ = tx.recorded_access
        stats = replace(
            session.stats, time_since_access=max(0.0, (tx.now - last_accessed).total_seconds())
        )
        return replace(
            session,
            last_accessed=last_accessed,
            expires_at=expiry(last_accessed, session.ttl),
            stats=stats,
        )

    def session_exists(self, sid: str) -> bool:
        """Whether there is a live session of this id; no access.

        Raises:
            InvalidNameError: the id is neither str nor Enum.
        """
        return self._runner.lookup(_exists, sid)

    def list_sessions(
        self,
        pattern: str | None = None,
        *,
        limit: int | None = None,
        after: str | None = None,
        include_expired: bool = False,
    ) -> list[Session]:
        """Sessions by id, by code point; no access.

        Args:
            pattern: only ids that it describes (``*`` any run of characters, all else literal).
            limit: at most so many.
            after: only ids beyond this one, for pages: give the last id of the page before.
            include_expired: also those that expired and were not swept yet.

        Raises:
            InvalidNameError: pattern or after is neither str nor Enum.
            ValidationError: the limit may not be.
        """
        wanted = Pattern.parse("*" if pattern is None else pattern)
        most = checked_count(limit, "limit")
        beyond = None if after is None else look_up_after(after)
        if not wanted.possible or most == 0:
            self._runner.lookup(ping)
            return []
        return self._runner.read(_list, wanted, most, beyond, include_expired=include_expired)

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
        """Change a session; what is not given stays. Metadata is merged one level deep, or replaced. An access.

        A smaller ``history`` forgets at once what it no longer holds.

        Raises:
            SessionNotFoundError, SessionExpiredError: there is none.
            InvalidNameError, ValidationError: an argument may not be.
        """
        given = {"ttl": ttl, "worker": worker_id, "history": history, "metadata": metadata}
        return self._runner.write(_update, sid, given, replace_metadata=replace_metadata)

    def touch(self, sid: str, *, worker_id: str | None = None) -> Session:
        """Record an access, and who made it where ``worker_id`` is given.

        Raises:
            SessionNotFoundError, SessionExpiredError: there is none.
            InvalidNameError: the worker_id may not be.
        """
        return self._runner.write(_update, sid, {} if worker_id is None else {"worker": worker_id})

    def expired(self, sid: str) -> bool:
        """Whether the session has expired and was not swept yet; no access.

        Raises:
            SessionNotFoundError: there is none, swept ones among them.
        """
        return self._runner.lookup(_expired, sid)

    def delete_session(self, sid: str) -> bool:
        """Delete a session, expired or not, with its variables, their history and its programs; whether there was one.

        Raises:
            InvalidNameError: the id is neither str nor Enum.
        """
        return self._runner.write(_delete, sid)

    def get_stats(self, sid: str) -> SessionStats:
        """What the session holds, in numbers; no access.

        Raises:
            SessionNotFoundError, SessionExpiredError: there is none.
        """
        return self._runner.lookup(_look, sid).stats


def look_up_after(after: object) -> str:
    """The id that a page starts beyond; any text will do, but what no database takes is cut where it stops being one."""
    text = Pattern.parse(after)
    whole = "*".join(text.pieces)
    return whole.split("\0", 1)[0].encode("utf-8", "ignore").decode("utf-8")


def _look(tx: TransactionContext, sid: str) -> Session:
    text = session_text(sid)
    row = tx.fetch_first(sql.SELECT_SESSION, sid=text)
    if row is None:
        raise SessionNotFoundError(text)
    tx.set_server_time(row[9])
    check_alive(text, row[2], row[3], tx.now)
    return mapping.session_from(row, tx.now)


def _get(tx: TransactionContext, sid: str) -> tuple[TransactionContext, Session]:
    session = _look(tx, sid)
    check_read(tx, session.id, session.last_accessed, session.ttl)
    return tx, session


def _exists(tx: TransactionContext, sid: str) -> bool:
    text = look_up_text(sid, "session id")
    row = None if text is None else session_state(tx, sql.SELECT_SESSION_STATE, text)
    return row is not None and text is not None and not has_expired(text, row[0], row[1], tx.now)


def _expired(tx: TransactionContext, sid: str) -> bool:
    text = session_text(sid)
    row = session_state(tx, sql.SELECT_SESSION_STATE, text)
    if row is None:
        raise SessionNotFoundError(text)
    return has_expired(text, row[0], row[1], tx.now)


def _list(
    tx: TransactionContext,
    pattern: Pattern,
    most: int | None,
    after: str | None,
    *,
    include_expired: bool,
) -> list[Session]:
    """Pages of the index range, until enough of them are wanted and alive."""
    found: list[Session] = []
    upper = pattern.upper
    beyond = after is not None and after >= pattern.lower
    lower = after if beyond and after is not None else pattern.lower
    while True:
        bounds = {"lower": lower} | ({} if upper is None else {"upper": upper})
        page = tx.fetch_all(
            sql.SELECT_SESSIONS.variant(after=beyond, bounded=upper is not None, limited=True),
            most=PAGE,
            **bounds,
        )
        for row in page:
            if (include_expired or not has_expired(row[0], row[2], row[3], tx.now)) and (
                pattern.only_a_prefix or pattern.matches(row[0])
            ):
                found.append(mapping.session_from(row, tx.now))
                if len(found) == most:
                    return found
        if len(page) < PAGE:
            return found
        lower, beyond = page[-1][0], True


def _create(
    tx: TransactionContext, session_id: object, given: dict[str, Any], *, exist_ok: bool
) -> Session:
    sid = checked_name(session_id, "session id")
    row = session_state(tx, sql.SELECT_SESSION_STATE_FOR_UPDATE, sid)
    if row is not None and not has_expired(sid, row[0], row[1], tx.now):
        if not exist_ok:
            raise SessionExistsError(sid)
        worker = given["worker"]
        return _update(tx, sid, {} if worker is None else {"worker": worker})
    wanted = _checked_changes(given)
    if row is not None:
        delete_sessions(tx, [sid])
    tx.execute(
        sql.INSERT,
        id=sid,
        metadata=types.dumps(wanted["metadata"]),
        created_at=tx.now,
        last_accessed=tx.now,
        ttl=wanted["ttl"],
        expires_at=expiry(tx.now, wanted["ttl"]),
        last_worker_id=wanted["worker"],
        history_limit=wanted["history"],
        **dict.fromkeys(("variable_count", "program_count", "total_variable_updates"), 0),
    )
    return _look(tx, sid)


def _update(
    tx: TransactionContext, sid: str, given: dict[str, Any], *, replace_metadata: bool = False
) -> Session:
    locked = lock_session(tx, sid)
    changes = _checked_changes(given)
    row = tx.fetch_one(sql.SELECT_SESSION, sid=locked.sid)
    if changes or replace_metadata:
        old = (
            {}
            if replace_metadata
            else mapping.decoded(row[5], f"the metadata of session {locked.sid!r}")
        )
        metadata = types.dumps(old | changes.pop("metadata", {}))
        new = {"ttl": locked.ttl, "worker": row[4], "history": locked.history_limit} | changes
        accessed = max(locked.last_accessed, tx.now)
        # ttl and expires_at change together, or the CHECK that ties them would refuse
        expires = expiry(accessed, new["ttl"])
        tx.execute(
            sql.UPDATE_SESSION,
            sid=locked.sid,
            new_metadata=metadata,
            new_ttl=new["ttl"],
            expires=expires,
            worker=new["worker"],
            history=new["history"],
        )
        if changes.get("history") is not None:
            _prune(tx, locked.sid, new["history"])
        locked = LockedSession(locked.sid, locked.last_accessed, new["ttl"], None, new["history"])
    record(tx, locked)
    return _look(tx, locked.sid)


def _checked_changes(given: dict[str, Any]) -> dict[str, Any]:
    """Those of the changes that were given, each checked."""
    checks: dict[str, Callable[[Any], Any]] = {
        "ttl": checked_ttl,
        "worker": lambda worker: checked_optional_name(worker, "a worker_id"),
        "history": lambda history: checked_count(history, "history"),
        "metadata": checked_metadata,
    }
    return {name: checks[name](value) for name, value in given.items() if value is not NOT_GIVEN}


def _prune(tx: TransactionContext, sid: str, keep: int) -> None:
    """Forget what a smaller history no longer holds, a variable at a time: each costs an index probe."""
    after = ""
    while page := tx.fetch_all(
        history_sql.SELECT_WITH_HISTORY_IN_SESSION, sid=sid, vid=after, most=PAGE
    ):
        tx.execute_many(
            history_sql.PRUNE_HISTORY, [{"sid": sid, "vid": vid, "keep": keep} for _, vid in page]
        )
        after = page[-1][1]


def _delete(tx: TransactionContext, sid: str) -> bool:
    text = look_up_text(sid, "session id")
    if text is None or tx.fetch_first(sql.LOCK_SESSION, sid=text) is None:
        return False
    delete_sessions(tx, [text])
    return True


def delete_sessions(tx: TransactionContext, ids: list[str]) -> None:
    """Delete sessions with all they hold, children first: quicker than a cascade, and right where foreign keys are off."""
    for statement in sql.DELETE_SESSIONS:
        tx.execute_in(statement, ids)
