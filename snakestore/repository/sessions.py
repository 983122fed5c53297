"""Verbs about sessions: make, look, change, touch, delete."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from snakestore import types
from snakestore.errors import SessionExistsError, SessionNotFoundError
from snakestore.names import Pattern, checked_name
from snakestore.repository.arguments import (
    NOT_GIVEN,
    NotGiven,
    checked_count,
    checked_metadata,
    checked_optional_name,
    checked_ttl,
    look_up_text,
)
from snakestore.repository.base import Bound
from snakestore.repository.session_access import (
    Gate,
    ask_nothing,
    check_alive,
    check_read,
    gate_row,
    has_expired,
    open_to_write,
    record,
    session_text,
)
from snakestore.session import Session, SessionStats, expiry
from snakestore.storage import mapping
from snakestore.storage.execution.connection import Work
from snakestore.storage.queries import sessions as sql
from snakestore.storage.queries import variables as variables_sql

PAGE = 500


class SessionVerbs(Bound):
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
        work, session = self._runner.lookup(_get, sid)
        if work.recorded is None:
            return session
        last_accessed, _ = work.recorded
        stats = replace(
            session.stats, time_since_access=max(0.0, (work.now - last_accessed).total_seconds())
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
            self._runner.lookup(ask_nothing)
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


def _look(work: Work, sid: str) -> Session:
    text = session_text(sid)
    row = work.first(sql.SESSION, sid=text)
    if row is None:
        raise SessionNotFoundError(text)
    work.know(row[9])
    check_alive(text, row[2], row[3], work.now)
    return mapping.session_from(row, work.now)


def _get(work: Work, sid: str) -> tuple[Work, Session]:
    session = _look(work, sid)
    check_read(work, session.id, session.last_accessed, session.ttl)
    return work, session


def _exists(work: Work, sid: str) -> bool:
    text = look_up_text(sid, "a session id")
    row = None if text is None else gate_row(work, sql.GATE, text)
    return row is not None and text is not None and not has_expired(text, row[0], row[1], work.now)


def _expired(work: Work, sid: str) -> bool:
    text = session_text(sid)
    row = gate_row(work, sql.GATE, text)
    if row is None:
        raise SessionNotFoundError(text)
    return has_expired(text, row[0], row[1], work.now)


def _list(
    work: Work, pattern: Pattern, most: int | None, after: str | None, *, include_expired: bool
) -> list[Session]:
    """Pages of the index range, until enough of them are wanted and alive."""
    found: list[Session] = []
    upper = pattern.upper
    beyond = after is not None and after >= pattern.lower
    lower = after if beyond and after is not None else pattern.lower
    while True:
        bounds = {"lower": lower} | ({} if upper is None else {"upper": upper})
        page = work.rows(
            sql.SESSION_LIST.form(after=beyond, bounded=upper is not None, limited=True),
            most=PAGE,
            **bounds,
        )
        for row in page:
            if (include_expired or not has_expired(row[0], row[2], row[3], work.now)) and (
                pattern.only_a_prefix or pattern.matches(row[0])
            ):
                found.append(mapping.session_from(row, work.now))
                if len(found) == most:
                    return found
        if len(page) < PAGE:
            return found
        lower, beyond = page[-1][0], True


def _create(work: Work, session_id: object, given: dict[str, Any], *, exist_ok: bool) -> Session:
    sid = checked_name(session_id, "a session id")
    row = gate_row(work, sql.GATE_LOCKED, sid)
    if row is not None and not has_expired(sid, row[0], row[1], work.now):
        if not exist_ok:
            raise SessionExistsError(sid)
        worker = given["worker"]
        return _update(work, sid, {} if worker is None else {"worker": worker})
    wanted = _checked_changes(given)
    if row is not None:
        delete_sessions(work, [sid])
    work.change(
        sql.INSERT,
        id=sid,
        metadata=types.dumps(wanted["metadata"]),
        created_at=work.now,
        last_accessed=work.now,
        ttl=wanted["ttl"],
        expires_at=expiry(work.now, wanted["ttl"]),
        last_worker_id=wanted["worker"],
        history_limit=wanted["history"],
        **dict.fromkeys(("variable_count", "program_count", "total_variable_updates"), 0),
    )
    return _look(work, sid)


def _update(
    work: Work, sid: str, given: dict[str, Any], *, replace_metadata: bool = False
) -> Session:
    gate = open_to_write(work, sid)
    changes = _checked_changes(given)
    row = work.one(sql.SESSION, sid=gate.sid)
    if changes or replace_metadata:
        old = (
            {}
            if replace_metadata
            else mapping.decoded(row[5], f"the metadata of session {gate.sid!r}")
        )
        metadata = types.dumps(old | changes.pop("metadata", {}))
        new = {"ttl": gate.ttl, "worker": row[4], "history": gate.history_limit} | changes
        accessed = max(gate.last_accessed, work.now)
        # ttl and expires_at change together, or the CHECK that ties them would refuse
        expires = expiry(accessed, new["ttl"])
        work.change(
            sql.CHANGE,
            sid=gate.sid,
            new_metadata=metadata,
            new_ttl=new["ttl"],
            expires=expires,
            worker=new["worker"],
            history=new["history"],
        )
        if changes.get("history") is not None:
            _prune(work, gate.sid, new["history"])
        gate = Gate(gate.sid, gate.last_accessed, new["ttl"], None, new["history"])
    record(work, gate)
    return _look(work, gate.sid)


def _checked_changes(given: dict[str, Any]) -> dict[str, Any]:
    """Those of the changes that were given, each checked."""
    checks: dict[str, Callable[[Any], Any]] = {
        "ttl": checked_ttl,
        "worker": lambda worker: checked_optional_name(worker, "a worker_id"),
        "history": lambda history: checked_count(history, "history"),
        "metadata": checked_metadata,
    }
    return {name: checks[name](value) for name, value in given.items() if value is not NOT_GIVEN}


def _prune(work: Work, sid: str, keep: int) -> None:
    """Forget what a smaller history no longer holds, a variable at a time: each costs an index probe."""
    after = ""
    while page := work.rows(variables_sql.WITH_PAST_OF, sid=sid, vid=after, most=PAGE):
        work.change_many(
            variables_sql.PRUNE, [{"sid": sid, "vid": vid, "keep": keep} for _, vid in page]
        )
        after = page[-1][1]


def _delete(work: Work, sid: str) -> bool:
    text = look_up_text(sid, "a session id")
    if text is None or work.first(sql.LOCKED, sid=text) is None:
        return False
    delete_sessions(work, [text])
    return True


def delete_sessions(work: Work, ids: list[str]) -> None:
    """Delete sessions with all they hold, children first: quicker than a cascade, and right where foreign keys are off."""
    for statement in sql.DELETE_WITH_ALL:
        work.change_in(statement, ids)
