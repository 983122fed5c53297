"""The variable that a write is about: found, free to be written, at the version expected; and how its value is replaced."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from snakestore import types
from snakestore.errors import (
    SessionNotFoundError,
    UnknownTypeError,
    VariableLockedError,
    VariableNotFoundError,
    VersionConflictError,
)
from snakestore.lease import NOT_OPTIMIZING, OptimizationStatus
from snakestore.names import identifier_text, is_simple_name
from snakestore.repository.arguments import check_size, checked_metadata, look_up_text
from snakestore.repository.session_access import (
    LockedSession,
    check_alive,
    lock_session,
    session_text,
)
from snakestore.storage import mapping
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.queries import history as history_sql
from snakestore.storage.queries import sessions as sessions_sql
from snakestore.storage.queries import variables as sql
from snakestore.storage.queries.statement import Row
from snakestore.variable import Variable, unchecked_variable
from snakestore.versioning import merged_metadata, next_version


class StoredVariable:
    """A variable's row (VARIABLE_COLUMNS), under the lock of its session."""

    __slots__ = ("id", "identifier", "row", "sid", "type")

    def __init__(self, sid: str, identifier: str, row: Row) -> None:
        self.sid = sid
        self.identifier = identifier
        self.row = row
        self.id: str = row[0]
        self.type: str = row[2]

    @property
    def version(self) -> int:
        """The version that is stored."""
        return int(self.row[7])

    def value(self) -> Any:
        """The stored value, read anew, so that it is the caller's."""
        return mapping.value_from(self.sid, self.identifier, self.row[2], self.row[3], self.row[4])

    def constraints(self) -> dict[str, Any]:
        """The stored constraints."""
        return self._object(5, "constraints")

    def metadata(self) -> dict[str, Any]:
        """The stored metadata."""
        return self._object(6, "metadata")

    def _object(self, index: int, column: str) -> dict[str, Any]:
        try:
            return mapping.object_of(self.row[index])
        except (ValueError, TypeError):
            told: dict[str, Any] = mapping.decoded(
                self.row[index],
                f"the {column} column of variable {self.row[1]!r} of session {self.sid!r}",
            )
            return told

    def variable(self, now: datetime) -> Variable:
        """The variable as it is stored."""
        return mapping.variable_from(self.sid, self.row, now)


def find(tx: TransactionContext, sid: str, identifier: object) -> StoredVariable:
    """The variable of this id or name.

    Raises:
        VariableNotFoundError: there is none.
        InvalidNameError: the identifier is neither str nor Enum.
    """
    text = look_up_text(identifier, "identifier")
    row = (
        None if text is None else tx.fetch_first(sql.SELECT_BY_IDENTIFIER, sid=sid, identifier=text)
    )
    if row is None or text is None:
        raise VariableNotFoundError(sid, identifier_text(identifier))
    return StoredVariable(sid, text, row)


def lock_variable(
    tx: TransactionContext, sid: object, identifier: object, *, with_value: bool = True
) -> tuple[LockedSession, StoredVariable]:
    """The session is there and alive, its row ours until the transaction ends, and the variable in it: one look at both.

    ``with_value`` False leaves the present value unread, which is about to be replaced.

    Raises:
        SessionNotFoundError, SessionExpiredError, VariableNotFoundError: nothing there.
        InvalidNameError: the identifier is neither str nor Enum.
    """
    if not is_simple_name(identifier):
        locked = lock_session(tx, sid)
        return locked, find(tx, locked.sid, identifier)
    locked, found = lock_session_and_variable(tx, sid, identifier, with_value=with_value)
    if found[0] is None:
        raise VariableNotFoundError(locked.sid, identifier)
    return locked, StoredVariable(locked.sid, identifier, found)


def lock_session_and_variable(
    tx: TransactionContext, sid: object, identifier: str, *, with_value: bool
) -> tuple[LockedSession, Row]:
    """The session, as ``lock_session`` has it, and in the same look the variable of this id or name: NULLs where there is none.

    Raises:
        SessionNotFoundError, SessionExpiredError: there is no such session.
    """
    session = session_text(sid)
    if tx.backend.locks_rows:
        tx.fetch_first(sessions_sql.LOCK_SESSION, sid=session)
    row = tx.fetch_first(
        sql.SELECT_FOR_UPDATE if with_value else sql.SELECT_FOR_OVERWRITE,
        sid=session,
        identifier=identifier,
    )
    if row is None:
        raise SessionNotFoundError(session)
    accessed, ttl, expires_at, history_limit, server_now = row[:5]
    if server_now is not None:
        tx.set_server_time(server_now)
    check_alive(session, accessed, ttl, tx.now)
    return LockedSession(session, accessed, ttl, expires_at, history_limit), row[5:]


def check_may_write(stored: StoredVariable, optimizer_id: object, now: datetime) -> None:
    """While a variable is being optimised only the holder writes; and who names an optimizer_id must be the holder.

    Raises:
        VariableLockedError: somebody else holds it, or nobody does and an ``optimizer_id`` was
            named.
        InvalidNameError: the ``optimizer_id`` is neither str nor Enum.
    """
    if optimizer_id is None and stored.row[10] is None:
        return  # nearly always: nobody holds it, nobody claims to
    check_holder(
        stored.sid, stored.identifier, mapping.status_from(stored.row[10:14], now), optimizer_id
    )


def check_holder(
    sid: str, identifier: str, status: OptimizationStatus, optimizer_id: object
) -> None:
    """``check_may_write`` for a variable whose status alone was read.

    Raises:
        VariableLockedError, InvalidNameError: as there.
    """
    writer = None if optimizer_id is None else identifier_text(optimizer_id, "optimizer_id")
    if writer != status.optimizer_id:
        raise VariableLockedError(sid, identifier, status.optimizer_id, status.expires_at)


def check_version(stored: StoredVariable, expected: int | None) -> None:
    """The variable is at the version that the caller saw.

    Raises:
        VersionConflictError: it is not.
    """
    if expected is not None and expected != stored.version:
        raise VersionConflictError(stored.sid, stored.identifier, expected, stored.version)


class NewValue(NamedTuple):
    """What a variable is about to hold, checked and in its stored form."""

    value: Any
    text: str | None
    blob: bytes | None
    metadata: dict[str, Any]
    constraints: dict[str, Any]
    version: int
    written: datetime

    @property
    def parameters(self) -> dict[str, Any]:
        """For the statement UPDATE, but for whose value it is."""
        return {
            "new_value": self.text,
            "new_blob": self.blob,
            "new_metadata": types.dumps(self.metadata),
            "written": self.written,
        }


def packed(
    stored: StoredVariable, value: object, constraints: dict[str, Any], like: bytes | None = None
) -> tuple[Any, str | None, bytes | None]:
    """A value checked against the variable's type and ``constraints``, in its stored form.

    Raises:
        UnknownTypeError: nobody registered the type; says which variable needs it.
        ValidationError: the value may not be.
    """
    try:
        return types.encode_value(stored.type, value, constraints, like)
    except UnknownTypeError as problem:
        where = f"variable {stored.identifier!r} of session {stored.sid!r}"
        raise UnknownTypeError(stored.type, known=types.supported_types(), where=where) from problem


def prepare(
    stored: StoredVariable,
    value: object,
    metadata: Mapping[str, Any] | None,
    source: object,
    now: datetime,
    *,
    max_value_bytes: int | None,
    like: bytes | None = None,
) -> NewValue:
    """Check a new value and its metadata, before anything is changed; ``like`` is the form that the value was read in, if it was.

    Raises:
        UnknownTypeError, ValidationError: the value or the metadata may not be.
    """
    constraints = stored.constraints()
    normal, text, blob = packed(stored, value, constraints, like)
    check_size(stored.type, text, blob, max_value_bytes)
    merged = merged_metadata(stored.metadata(), checked_metadata(metadata), source, now)
    return NewValue(normal, text, blob, merged, constraints, next_version(stored.version), now)


def apply(
    tx: TransactionContext, locked: LockedSession, stored: StoredVariable, new: NewValue
) -> Variable:
    """Replace the value in one transaction with its move into the history; the version rises by one, in SQL."""
    keep_history(tx, locked, [stored])
    tx.execute(sql.UPDATE, sid=locked.sid, vid=stored.id, **new.parameters)
    return written(stored, new)


def written(stored: StoredVariable, new: NewValue) -> Variable:
    """The variable as it is stored now."""
    row = stored.row
    rules = (
        ()
        if row[14] == "[]"
        else tuple(
            mapping.decoded(row[14], f"the access_rules column of variable {row[1]!r}", list)
        )
    )
    status = NOT_OPTIMIZING if row[10] is None else mapping.status_from(row[10:14], new.written)
    return unchecked_variable(
        blob=new.blob,
        id=row[0],
        name=row[1],
        type=row[2],
        value=new.value,
        created_at=row[8],
        constraints=new.constraints,
        metadata=new.metadata,
        version=new.version,
        last_updated_at=new.written,
        optimization_status=status,
        access_rules=rules,
    )


def keep_history(
    tx: TransactionContext, locked: LockedSession, targets: list[StoredVariable]
) -> None:
    """Move values that are about to be replaced into the history, by SQL, where the session keeps one.

    What its history_limit has no room for is forgotten first: the pages that this frees are used
    again at once. Variables of fewer versions than that have room.
    """
    limit = locked.history_limit
    if limit == 0:
        return
    if limit is not None:
        tx.execute_many(
            history_sql.PRUNE_HISTORY,
            [
                {"sid": locked.sid, "vid": stored.id, "keep": limit - 1}
                for stored in targets
                if stored.version >= limit
            ],
        )
    tx.execute_many(
        history_sql.ARCHIVE_VERSION, [{"sid": locked.sid, "vid": stored.id} for stored in targets]
    )
