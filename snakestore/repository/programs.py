"""Methods about programs: versioned JSON documents under an id."""

from collections.abc import Mapping
from typing import Any, TypeVar, overload

from snakestore import types
from snakestore.errors import ProgramNotFoundError, SessionNotFoundError
from snakestore.names import checked_name, identifier_text
from snakestore.program import Program, unchecked_program
from snakestore.repository.arguments import (
    NOT_GIVEN,
    NotGiven,
    check_size,
    checked_metadata,
    look_up_text,
)
from snakestore.repository.base import RepositoryBase
from snakestore.repository.name_ranges import list_names
from snakestore.repository.program_history import (
    check_expected,
    get_stored_program,
    lock_program,
    replace_document,
)
from snakestore.repository.session_access import (
    check_access,
    load_session,
    lock_session,
    lookup_key,
    record_write,
)
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.programs import (
    document_beside,
    documents_from,
    ids_from,
    program_beside,
    program_id_beside,
)
from snakestore.storage.mapping.sessions import LockedSession
from snakestore.storage.queries import programs as sql
from snakestore.storage.queries.history import OF_PROGRAMS
from snakestore.storage.queries.statement import Row, Statement

D = TypeVar("D")


class ProgramMethods(RepositoryBase):
    """Methods about programs."""

    def put_program(
        self,
        sid: str,
        program_id: str,
        program: Any,
        *,
        expected_version: int | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Program:
        """Store a program, replacing one of the same id. The old document moves into the history.

        A new program starts at version 0. Another document adds one; its metadata is the given
        metadata. The same document (the same stored text) leaves the version, and the metadata
        unless one is given. Counts as an access (updates ``last_accessed``).

        Args:
            program: any JSON value, including None, False and 0.
            expected_version: refuse to write if the program is at another version.
            metadata: a JSON object; it is not merged with the present metadata.

        Returns:
            The program as stored.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VersionConflictError: if the program is not at ``expected_version`` (``.actual`` None:
                there is no such program). Nothing is changed, and no access is recorded.
            InvalidNameError: if the id is not a valid name.
            ValidationError: if the program or the metadata is not JSON (``.path`` says where), or
                the program is too large.
        """
        return self._runner.write(_put, sid, program_id, program, expected_version, metadata)

    @overload
    def get_program(self, sid: str, program_id: str) -> Any: ...

    @overload
    def get_program(self, sid: str, program_id: str, default: D) -> Any | D: ...

    def get_program(self, sid: str, program_id: str, default: Any = NOT_GIVEN) -> Any:
        """Return the document of a program. Counts as an access (updates ``last_accessed``).

        Args:
            default: what to return if there is no such program. A missing session still raises.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            ProgramNotFoundError: if there is no such program and no default.
            CorruptStoreError: if the stored program is not JSON.
        """
        return self._runner.lookup(_get, sid, program_id, default)

    def get_program_record(self, sid: str, program_id: str) -> Program:
        """Return a program with its version, metadata and times.

        Counts as an access (updates ``last_accessed``).

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            ProgramNotFoundError: if there is no such program.
            CorruptStoreError: if the stored program is damaged.
        """
        return self._runner.lookup(_get_record, sid, program_id)

    def list_programs(self, sid: str) -> list[Any]:
        """Return the documents of the session's programs, ordered by id (by code point).

        Counts as an access (updates ``last_accessed``).

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        """
        return list(self._runner.read(_all, sid).values())

    def get_programs(self, sid: str) -> dict[str, Any]:
        """Return the documents of the session's programs by id, ordered by id.

        Counts as an access (updates ``last_accessed``).

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
        """Delete a program with its history. Counts as an access if there was one.

        Returns:
            Whether a program was deleted.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        """
        return self._runner.write(_delete, sid, program_id)


def _look_up(
    tx: TransactionContext,
    statement: Statement,
    sid: object,
    program_id: object,
    *,
    touch: bool = True,
) -> tuple[str, Row]:
    """The session's id, and the row of a statement that selects ACCESS_COLUMNS and others."""
    session, pid = lookup_key(tx, sid, program_id, "program id")
    row = tx.fetch_first(statement, sid=session, pid=pid)
    return session, check_access(tx, session, row, touch=touch)


def _get(
    tx: TransactionContext, sid: object, program_id: object, default: object | NotGiven
) -> object:
    session, row = _look_up(tx, sql.SELECT_DOCUMENT, sid, program_id)
    document = document_beside(session, row, default)
    if document is NOT_GIVEN:
        raise ProgramNotFoundError(session, identifier_text(program_id))
    return document


def _get_record(tx: TransactionContext, sid: object, program_id: object) -> Program:
    session, row = _look_up(tx, sql.SELECT_PROGRAM, sid, program_id)
    program = program_beside(session, row)
    if program is None:
        raise ProgramNotFoundError(session, identifier_text(program_id))
    return program


def _has(tx: TransactionContext, sid: object, program_id: object) -> bool:
    identifier_text(sid, "session id")
    identifier_text(program_id, "program id")
    try:
        _, row = _look_up(tx, sql.SELECT_DOCUMENT, sid, program_id, touch=False)
    except SessionNotFoundError:
        return False
    return program_id_beside(row) is not None


def _all(tx: TransactionContext, sid: object) -> dict[str, Any]:
    session = load_session(tx, sid)
    return documents_from(session, tx.fetch_all(sql.SELECT_DOCUMENTS, sid=session))


def _put(
    tx: TransactionContext,
    sid: object,
    program_id: object,
    document: object,
    expected_version: object,
    metadata: object,
) -> Program:
    locked, stored = lock_program(tx, sid, program_id, for_put=True)
    check_expected(locked, program_id, stored, expected_version)
    pid = checked_name(program_id, "program id") if stored is None else stored.id
    copied = types.checked_document(document, "program")
    text = types.dumps(copied)
    check_size("program", text, None, tx.max_value_bytes)
    given = {} if metadata is None else checked_metadata(metadata)
    if stored is None:
        _insert(tx, locked, pid, text, given)
        return unchecked_program(pid, copied, 0, tx.now, tx.now, given)
    if stored.text == text:
        return _keep(tx, locked, stored.id, None if metadata is None else given)
    return replace_document(tx, locked, stored, copied, text, given)


def _insert(
    tx: TransactionContext, locked: LockedSession, pid: str, text: str, metadata: dict[str, Any]
) -> None:
    tx.send(
        sql.INSERT,
        session_id=locked.sid,
        id=pid,
        program=text,
        metadata=types.dumps(metadata),
        version=0,
        created_at=tx.now,
        last_updated_at=tx.now,
    )
    record_write(tx, locked, programs=1)


def _keep(
    tx: TransactionContext, locked: LockedSession, pid: str, metadata: dict[str, Any] | None
) -> Program:
    """Leave the document and its version, and replace the metadata if one is given."""
    if metadata is not None:
        tx.send(sql.UPDATE_METADATA, sid=locked.sid, pid=pid, new_metadata=types.dumps(metadata))
    record_write(tx, locked)
    return get_stored_program(tx, locked.sid, pid).program()


def _delete(tx: TransactionContext, sid: object, program_id: object) -> bool:
    locked = lock_session(tx, sid)
    pid = look_up_text(program_id, "program id")
    if pid is None:
        return False
    # history first: that works where foreign keys are off
    tx.send(OF_PROGRAMS.delete, sid=locked.sid, pid=pid)
    if not tx.execute(sql.DELETE, sid=locked.sid, pid=pid):
        return False
    record_write(tx, locked, programs=-1)
    return True
