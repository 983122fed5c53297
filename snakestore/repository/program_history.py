"""Methods about past versions of programs, and what every write of a program shares with them."""

from snakestore import types
from snakestore.errors import ProgramNotFoundError, VersionConflictError
from snakestore.names import identifier_text, is_simple_name
from snakestore.program import Program
from snakestore.repository.arguments import (
    check_size,
    checked_expected_version,
    checked_metadata,
    look_up_text,
)
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import (
    load_session,
    lock_session,
    lock_session_beside,
    record_write,
    session_text,
)
from snakestore.repository.versions import (
    archive_versions,
    check_version,
    checked_version_number,
    past_rows,
    rollback_metadata,
    version_row,
)
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.programs import (
    StoredProgram,
    stored_program_beside,
    stored_program_from,
)
from snakestore.storage.mapping.sessions import LockedSession
from snakestore.storage.queries import programs as sql
from snakestore.storage.queries.history import OF_PROGRAMS
from snakestore.versioning import merged_metadata, next_version


class ProgramHistoryMethods(RepositoryBase):
    """Methods about past versions of programs."""

    def program_history(
        self, sid: str, program_id: str, *, limit: int | None = None
    ) -> list[Program]:
        """Return the past versions of a program that the history has, newest first.

        A past Program has the document, metadata and version of that time, and today's id and
        ``created_at``. Its ``last_updated_at`` is when that version was written. Counts as an
        access (updates ``last_accessed``).

        Args:
            limit: the maximum number of versions; None: no limit.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            ProgramNotFoundError: if there is no such program.
            ValidationError: if ``limit`` is neither None nor an int >= 0.
            CorruptStoreError: if a stored version is damaged.
        """
        return self._runner.read(_history, sid, program_id, limit)

    def get_program_version(self, sid: str, program_id: str, version: int) -> Program:
        """Return the program as it was at ``version``, which may be the current one.

        Counts as an access (updates ``last_accessed``).

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            ProgramNotFoundError: if there is no such program.
            VersionNotFoundError: if that version never existed or has been pruned.
            ValidationError: if ``version`` is not an int.
        """
        return self._runner.read(_get_version, sid, program_id, version)

    def rollback_program(
        self,
        sid: str,
        program_id: str,
        version: int,
        *,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Program:
        """Store the document of an earlier version as a new version.

        The metadata is the present metadata with ``rolled_back_to``, ``reason`` if it is given,
        source "rollback" and ``updated_at``. Counts as an access (updates ``last_accessed``).

        Args:
            version: the version whose document is stored again.
            expected_version: refuse to write if the program is at another version.
            reason: recorded in the metadata.

        Returns:
            The program as stored.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            ProgramNotFoundError: if there is no such program.
            VersionConflictError: if the program is not at ``expected_version``. Nothing is changed,
                and no access is recorded.
            VersionNotFoundError: if ``version`` never existed or has been pruned.
            ValidationError: if ``version`` is not an int, the reason is not JSON, or the document
                is larger than ``max_value_bytes`` allows today.
        """
        return self._runner.write(_roll_back, sid, program_id, version, expected_version, reason)


# --- what every write of a program does


def lock_program(
    tx: TransactionContext, sid: object, program_id: object, *, for_put: bool = False
) -> tuple[LockedSession, StoredProgram | None]:
    """Lock a session and read a program in it, with one statement if possible.

    ``for_put`` leaves out its metadata and ``last_updated_at``, which are about to be replaced.
    Returns None for the program if there is none.

    Raises:
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        InvalidNameError: if the id is neither str nor Enum.
    """
    if is_simple_name(program_id):
        session = session_text(sid)
        statement = sql.SELECT_FOR_PUT if for_put else sql.SELECT_FOR_UPDATE
        locked, row = lock_session_beside(tx, session, statement, pid=program_id)
        return locked, stored_program_beside(session, row)
    locked = lock_session(tx, sid)
    return locked, _find(tx, locked.sid, program_id)


def check_expected(
    locked: LockedSession, program_id: object, stored: StoredProgram | None, expected: object
) -> None:
    """Check that a program is at the expected version; None: at any, or missing.

    Raises:
        VersionConflictError: if it is at another version, or missing.
        ValidationError: if ``expected`` is neither an int nor None.
    """
    version = checked_expected_version(expected)
    if stored is not None:
        check_version(stored, version)
    elif version is not None:
        pid = identifier_text(program_id, "program id")
        raise VersionConflictError(locked.sid, pid, version, None, kind=StoredProgram.kind)


def replace_document(
    tx: TransactionContext,
    locked: LockedSession,
    stored: StoredProgram,
    document: object,
    text: str,
    metadata: dict[str, object],
) -> Program:
    """Move the present version into the history, and store ``document`` as the next one.

    ``text`` is the document, encoded.
    """
    version = next_version(stored.version)
    archive_versions(tx, locked, OF_PROGRAMS, [stored])
    tx.send(
        sql.UPDATE,
        sid=locked.sid,
        pid=stored.id,
        new_program=text,
        new_metadata=types.dumps(metadata),
        new_last_updated_at=tx.now,
    )
    record_write(tx, locked)
    return stored.with_document(document, version, tx.now, metadata)


# --- reading and rolling back


def get_stored_program(tx: TransactionContext, sid: str, program_id: object) -> StoredProgram:
    """Read the program with this id.

    Raises:
        ProgramNotFoundError: if there is none.
        InvalidNameError: if the id is neither str nor Enum.
    """
    return _existing(sid, program_id, _find(tx, sid, program_id))


def _find(tx: TransactionContext, sid: str, program_id: object) -> StoredProgram | None:
    pid = look_up_text(program_id, "program id")
    row = None if pid is None else tx.fetch_first(sql.SELECT_BY_ID, sid=sid, pid=pid)
    return None if row is None else stored_program_from(sid, row)


def _existing(sid: str, program_id: object, stored: StoredProgram | None) -> StoredProgram:
    if stored is None:
        raise ProgramNotFoundError(sid, identifier_text(program_id, "program id"))
    return stored


def _history(
    tx: TransactionContext, sid: object, program_id: object, limit: object
) -> list[Program]:
    stored = get_stored_program(tx, load_session(tx, sid), program_id)
    return [stored.past(row) for row in past_rows(tx, OF_PROGRAMS, stored, limit)]


def _get_version(
    tx: TransactionContext, sid: object, program_id: object, number: object
) -> Program:
    return _at(
        tx,
        get_stored_program(tx, load_session(tx, sid), program_id),
        checked_version_number(number),
    )


def _at(tx: TransactionContext, stored: StoredProgram, version: int) -> Program:
    if version == stored.version:
        return stored.program()
    return stored.past(version_row(tx, OF_PROGRAMS, stored, version))


def _roll_back(
    tx: TransactionContext,
    sid: object,
    program_id: object,
    version: object,
    expected_version: object,
    reason: object,
) -> Program:
    locked, found = lock_program(tx, sid, program_id)
    stored = _existing(locked.sid, program_id, found)
    check_expected(locked, program_id, stored, expected_version)
    number = checked_version_number(version)
    document = _at(tx, stored, number).document
    text = types.dumps(document)
    check_size("program", text, None, tx.max_value_bytes)
    details = checked_metadata(rollback_metadata(number, reason))
    metadata = merged_metadata(stored.metadata(), details, "rollback", tx.now)
    return replace_document(tx, locked, stored, document, text, metadata)
