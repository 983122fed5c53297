"""Methods about programs: JSON documents under an id."""

from __future__ import annotations

from typing import Any, TypeVar, overload

from snakestore import types
from snakestore.errors import ProgramNotFoundError, SessionNotFoundError
from snakestore.names import checked_name, identifier_text
from snakestore.repository.arguments import NOT_GIVEN, NotGiven, check_size, look_up_text
from snakestore.repository.base import RepositoryBase
from snakestore.repository.name_ranges import list_names
from snakestore.repository.session_access import (
    check_access,
    load_session,
    lock_session,
    lookup_key,
    record_write,
)
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.programs import (
    ids_from,
    program_beside,
    program_id_beside,
    programs_from,
)
from snakestore.storage.queries import programs as sql
from snakestore.storage.queries.statement import Row

D = TypeVar("D")


class ProgramMethods(RepositoryBase):
    """Methods about programs."""

    def put_program(self, sid: str, program_id: str, program: Any) -> None:
        """Store a program, replacing one of the same id.

        Args:
            program: any JSON value, including None, False and 0.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            InvalidNameError: if the id is not a valid name.
            ValidationError: if the program is not JSON (``.path`` says where) or too large.
        """
        self._runner.write(_put, sid, program_id, program)

    @overload
    def get_program(self, sid: str, program_id: str) -> Any: ...

    @overload
    def get_program(self, sid: str, program_id: str, default: D) -> Any | D: ...

    def get_program(self, sid: str, program_id: str, default: Any = NOT_GIVEN) -> Any:
        """Return the program with this id. Counts as an access (updates ``last_accessed``).

        Args:
            default: what to return if there is no such program. A missing session still raises.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            ProgramNotFoundError: if there is no such program and no default.
            CorruptStoreError: if the stored program is not JSON.
        """
        return self._runner.lookup(_get, sid, program_id, default)

    def list_programs(self, sid: str) -> list[Any]:
        """Return the session's programs, ordered by id (by code point).

        Counts as an access (updates ``last_accessed``).

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        """
        return list(self._runner.read(_all, sid).values())

    def get_programs(self, sid: str) -> dict[str, Any]:
        """Return the session's programs by id. Counts as an access (updates ``last_accessed``).

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        """
        return self._runner.read(_all, sid)

    def program_ids(
        self,
        sid: str,
        pattern: str | None = None,
        *,
        prefix: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[str]:
        """Return the ids of the session's programs, ordered by code point.

        A listing with a ``prefix``, ``after`` or ``limit`` reads only its part of an index. Counts
        as an access (updates ``last_accessed``).

        Args:
            pattern: only ids that match (``*`` matches any run of characters, all else is literal).
            prefix: only ids that start with this text, in which ``*`` is literal too.
            after: only ids after this one, in the order of the listing: the last id of the previous
                page.
            limit: the maximum number of ids; None: no limit.
            reverse: in descending order.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            InvalidNameError: if ``pattern``, ``prefix`` or ``after`` is neither str nor Enum.
            ValidationError: if ``limit`` is neither None nor an int >= 0.
        """
        return self._runner.read(
            list_names,
            sid,
            sql.SELECT_IDS,
            ids_from,
            pattern,
            prefix=prefix,
            after=after,
            limit=limit,
            reverse=reverse,
        )

    def has_program(self, sid: str, program_id: str) -> bool:
        """Return whether there is such a program. Does not update ``last_accessed``.

        False for a missing or expired session.

        Raises:
            InvalidNameError: if the session id or the program id is neither str nor Enum.
        """
        return self._runner.lookup(_has, sid, program_id)

    def delete_program(self, sid: str, program_id: str) -> bool:
        """Delete a program. Counts as an access if there was one.

        Returns:
            Whether a program was deleted.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        """
        return self._runner.write(_delete, sid, program_id)


def _look_up(
    tx: TransactionContext, sid: object, program_id: object, *, touch: bool = True
) -> tuple[str, Row]:
    """The session's id, and ACCESS_COLUMNS with PROGRAM_COLUMNS."""
    session, pid = lookup_key(tx, sid, program_id, "program id")
    row = tx.fetch_first(sql.SELECT_PROGRAM, sid=session, pid=pid)
    return session, check_access(tx, session, row, touch=touch)


def _get(
    tx: TransactionContext, sid: object, program_id: object, default: object | NotGiven
) -> object:
    session, row = _look_up(tx, sid, program_id)
    program = program_beside(session, row, default)
    if program is NOT_GIVEN:
        raise ProgramNotFoundError(session, identifier_text(program_id))
    return program


def _has(tx: TransactionContext, sid: object, program_id: object) -> bool:
    identifier_text(sid, "session id")
    identifier_text(program_id, "program id")
    try:
        _, row = _look_up(tx, sid, program_id, touch=False)
    except SessionNotFoundError:
        return False
    return program_id_beside(row) is not None


def _all(tx: TransactionContext, sid: object) -> dict[str, Any]:
    session = load_session(tx, sid)
    return programs_from(session, tx.fetch_all(sql.SELECT_PROGRAMS, sid=session))


def _put(tx: TransactionContext, sid: object, program_id: object, program: object) -> None:
    locked = lock_session(tx, sid)
    pid = checked_name(program_id, "program id")
    text = types.dumps(types.checked_document(program, "program"))
    check_size("program", text, None, tx.max_value_bytes)
    replaced = tx.execute(
        sql.UPDATE, sid=locked.sid, pid=pid, new_program=text, new_last_updated_at=tx.now
    )
    if not replaced:
        tx.execute(
            sql.INSERT,
            session_id=locked.sid,
            id=pid,
            program=text,
            created_at=tx.now,
            last_updated_at=tx.now,
        )
    record_write(tx, locked, programs=1 - replaced)


def _delete(tx: TransactionContext, sid: object, program_id: object) -> bool:
    locked = lock_session(tx, sid)
    pid = look_up_text(program_id, "program id")
    if pid is None or not tx.execute(sql.DELETE, sid=locked.sid, pid=pid):
        return False
    record_write(tx, locked, programs=-1)
    return True
