"""Verbs about programs: any JSON document under an id."""

from __future__ import annotations

from typing import Any, TypeVar, overload

from snakestore import types
from snakestore.errors import ProgramNotFoundError, SessionNotFoundError
from snakestore.names import checked_name, identifier_text
from snakestore.repository.arguments import NOT_GIVEN, NotGiven, check_size, look_up_text
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import (
    check_read,
    load_session,
    lock_session,
    record,
    session_text,
)
from snakestore.storage import mapping
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.queries import programs as sql
from snakestore.storage.queries.statement import Row

D = TypeVar("D")


class ProgramMethods(RepositoryBase):
    """The part of a repository that is about programs."""

    def put_program(self, sid: str, program_id: str, program: Any) -> None:
        """Store a program: any JSON value, None, False and 0 included; one of the same id is replaced.

        Raises:
            SessionNotFoundError, SessionExpiredError: there is no such session.
            InvalidNameError: the id may not be.
            ValidationError: the program holds what JSON cannot say; ``.path`` says where.
        """
        self._runner.write(
            _put, sid, program_id, program, max_value_bytes=self._options.max_value_bytes
        )

    @overload
    def get_program(self, sid: str, program_id: str) -> Any: ...

    @overload
    def get_program(self, sid: str, program_id: str, default: D) -> Any | D: ...

    def get_program(self, sid: str, program_id: str, default: Any = NOT_GIVEN) -> Any:
        """The program of this id. An access.

        Args:
            default: what to return where there is no such program; it never stands in for a missing
                session.

        Raises:
            SessionNotFoundError, SessionExpiredError: there is no such session.
            ProgramNotFoundError: no such program, and no default.
            CorruptStoreError: what is stored is no JSON.
        """
        return self._runner.lookup(_get, sid, program_id, default)

    def list_programs(self, sid: str) -> list[Any]:
        """The session's programs, by id, by code point. An access.

        Raises:
            SessionNotFoundError, SessionExpiredError: there is no such session.
        """
        return list(self._runner.read(_all, sid).values())

    def get_programs(self, sid: str) -> dict[str, Any]:
        """The session's programs by their ids. An access.

        Raises:
            SessionNotFoundError, SessionExpiredError: there is no such session.
        """
        return self._runner.read(_all, sid)

    def program_ids(self, sid: str) -> list[str]:
        """The ids of the session's programs, by code point. An access.

        Raises:
            SessionNotFoundError, SessionExpiredError: there is no such session.
        """
        return self._runner.read(_ids, sid)

    def has_program(self, sid: str, program_id: str) -> bool:
        """Whether there is such a program; False also for a missing or expired session. No access.

        Raises:
            InvalidNameError: the session id or the program id is neither str nor Enum.
        """
        return self._runner.lookup(_has, sid, program_id)

    def delete_program(self, sid: str, program_id: str) -> bool:
        """Delete a program; whether there was one (if not, it is no access).

        Raises:
            SessionNotFoundError, SessionExpiredError: there is no such session.
        """
        return self._runner.write(_delete, sid, program_id)


def _looked_up(tx: TransactionContext, sid: object, program_id: object) -> tuple[str, str, Row]:
    session = session_text(sid)
    # no program is called "", so an id that none can have finds nothing
    wanted = (look_up_text(program_id, "program id") or "") if isinstance(program_id, str) else None
    if wanted is None:
        load_session(tx, session)  # the session comes first in the order of refusals
        wanted = look_up_text(program_id, "program id") or ""
    row = tx.fetch_first(sql.SELECT_PROGRAM, sid=session, pid=wanted)
    if row is None:
        raise SessionNotFoundError(session)
    tx.set_server_time(row[2])
    check_read(tx, session, row[0], row[1])
    return session, identifier_text(program_id), row


def _get(
    tx: TransactionContext, sid: object, program_id: object, default: object | NotGiven
) -> object:
    session, text, row = _looked_up(tx, sid, program_id)
    if row[3] is not None:
        return mapping.program_from(session, text, row[4])
    if default is NOT_GIVEN:
        raise ProgramNotFoundError(session, text)
    return default


def _has(tx: TransactionContext, sid: object, program_id: object) -> bool:
    identifier_text(sid, "session id")
    identifier_text(program_id, "program id")
    try:
        _, _, row = _looked_up(tx, sid, program_id)
    except SessionNotFoundError:
        return False
    tx.access_due = None  # to ask whether is no access
    return row[3] is not None


def _all(tx: TransactionContext, sid: object) -> dict[str, Any]:
    session = load_session(tx, sid)
    return {
        pid: mapping.program_from(session, pid, text)
        for pid, text in tx.fetch_all(sql.SELECT_PROGRAMS, sid=session)
    }


def _ids(tx: TransactionContext, sid: object) -> list[str]:
    session = load_session(tx, sid)
    return [pid for (pid,) in tx.fetch_all(sql.SELECT_IDS, sid=session)]


def _put(
    tx: TransactionContext,
    sid: object,
    program_id: object,
    program: object,
    *,
    max_value_bytes: int | None,
) -> None:
    locked = lock_session(tx, sid)
    pid = checked_name(program_id, "program id")
    text = types.dumps(types.checked_document(program, "program"))
    check_size("a program", text, None, max_value_bytes)
    replaced = tx.execute(sql.UPDATE, sid=locked.sid, pid=pid, new_program=text, written=tx.now)
    if not replaced:
        tx.execute(
            sql.INSERT,
            session_id=locked.sid,
            id=pid,
            program=text,
            created_at=tx.now,
            last_updated_at=tx.now,
        )
    record(tx, locked, programs=1 - replaced)


def _delete(tx: TransactionContext, sid: object, program_id: object) -> bool:
    locked = lock_session(tx, sid)
    pid = look_up_text(program_id, "program id")
    if pid is None or not tx.execute(sql.DELETE, sid=locked.sid, pid=pid):
        return False
    record(tx, locked, programs=-1)
    return True
