"""Every error that leaves snakestore: one root, data as attributes, messages that name the cure.

The errors carry what a program needs to decide (ids, versions, the holder of a lock) as attributes,
and what a person needs to act as their text. All of them pickle, so that they cross process
boundaries whole. A driver's own exception is chained as ``__cause__`` and never reaches a user
bare.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

LONGEST_SHOWN = 80


def shorten(value: object) -> str:
    """Show ``value`` in at most about 80 characters, whatever its size and however broken its ``repr``."""
    if isinstance(value, str | bytes) and len(value) > LONGEST_SHOWN:
        value = value[:LONGEST_SHOWN]  # a repr of ten megabytes is work that nobody will read
    try:
        text = repr(value)
    except Exception as problem:  # noqa: BLE001 - somebody else's __repr__ may raise anything; an error must still be told
        text = f"<{type(value).__name__} whose repr fails: {type(problem).__name__}>"
    if len(text) > LONGEST_SHOWN:
        return text[: LONGEST_SHOWN - 3] + "..."
    return text


def _rebuild(
    cls: type[SnakeStoreError], args: tuple[Any, ...], state: dict[str, Any]
) -> SnakeStoreError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class SnakeStoreError(Exception):
    """The root: ``except SnakeStoreError`` catches whatever snakestore raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))

    def __str__(self) -> str:
        # KeyError shows the repr of its argument; ours show the message, whichever built-in they
        # also are.
        return str(self.args[0]) if self.args else type(self).__name__


# --- nothing there


class NotFoundError(SnakeStoreError, LookupError):
    """Something was asked for that is not there."""


class SessionNotFoundError(NotFoundError):
    """No session has this id. ``.session_id``."""

    def __init__(self, session_id: str) -> None:
        super().__init__(
            f"No session {shorten(session_id)}: create it with create_session, or list_sessions to"
            " see which there are"
        )
        self.session_id = session_id


class SessionExpiredError(SessionNotFoundError):
    """The session was idle for longer than its ttl, which is as good as gone. ``.session_id``."""

    def __init__(self, session_id: str) -> None:
        super().__init__(session_id)
        told = (
            "it was idle for longer than its ttl and cannot be revived; create_session makes it"
            " anew, empty"
        )
        self.args = (f"Session {shorten(session_id)} has expired: {told}",)


class VariableNotFoundError(NotFoundError, KeyError):
    """The session has no variable of this id or name. ``.session_id`` ``.identifier``."""

    def __init__(self, session_id: str, identifier: str) -> None:
        super().__init__(
            f"Session {shorten(session_id)} has no variable with the id or name"
            f" {shorten(identifier)}: register_variable makes one, variable_names lists those"
            " there are",
        )
        self.session_id = session_id
        self.identifier = identifier


class ProgramNotFoundError(NotFoundError, KeyError):
    """The session has no program of this id. ``.session_id`` ``.program_id``."""

    def __init__(self, session_id: str, program_id: str) -> None:
        super().__init__(
            f"Session {shorten(session_id)} has no program {shorten(program_id)}: put_program"
            " stores one, program_ids lists those there are",
        )
        self.session_id = session_id
        self.program_id = program_id


class VersionNotFoundError(NotFoundError):
    """The variable has no such version, or its history no longer holds it. ``.session_id`` ``.identifier`` ``.version``."""

    def __init__(
        self, session_id: str, identifier: str, version: int | None, *, at: datetime | None = None
    ) -> None:
        asked = (
            f"version {shorten(version)}" if at is None else f"a version known for {at.isoformat()}"
        )
        super().__init__(
            f"Variable {shorten(identifier)} of session {shorten(session_id)} has no"
            f" {asked.removeprefix('a ')}: it never was, or the history (the session's"
            " history_limit, prune_history) no longer holds it; variable_history lists what"
            " there is",
        )
        self.session_id = session_id
        self.identifier = identifier
        self.version = version


# --- somebody else was first


class ConflictError(SnakeStoreError):
    """The write met another's: look again, then decide."""


class SessionExistsError(ConflictError):
    """A live session has this id already. ``.session_id``."""

    def __init__(self, session_id: str) -> None:
        super().__init__(
            f"Session {shorten(session_id)} exists: use it as it is (exist_ok=True), or choose"
            " another id"
        )
        self.session_id = session_id


class VariableExistsError(ConflictError):
    """The name or id is taken within the session. ``.session_id`` ``.name``."""

    def __init__(self, session_id: str, name: str, reason: str | None = None) -> None:
        told = reason or "a variable has this name or id already"
        super().__init__(
            f"Variable {shorten(name)} of session {shorten(session_id)}: {told}; choose another"
            " name, or update the one there"
        )
        self.session_id = session_id
        self.name = name


class VersionConflictError(ConflictError):
    """The variable is not at the version that was expected. ``.session_id`` ``.identifier`` ``.expected`` ``.actual`` (None: no variable)."""

    def __init__(self, session_id: str, identifier: str, expected: int, actual: int | None) -> None:
        found = (
            "there is no such variable" if actual is None else f"it is at version {shorten(actual)}"
        )
        super().__init__(
            f"Variable {shorten(identifier)} of session {shorten(session_id)} was expected at"
            f" version {shorten(expected)}, but {found}: read it again and decide anew, or use"
            " modify_variable",
        )
        self.session_id = session_id
        self.identifier = identifier
        self.expected = expected
        self.actual = actual


class VariableLockedError(ConflictError):
    """The variable is being optimised by another, or not by the one named. ``.session_id`` ``.identifier`` ``.holder`` ``.expires_at``."""

    def __init__(
        self, session_id: str, identifier: str, holder: str | None, expires_at: datetime | None
    ) -> None:
        where = f"Variable {shorten(identifier)} of session {shorten(session_id)}"
        if holder is None:
            told = (
                f"{where} is optimised by nobody (a lease may have run out): start_optimization"
                " again before writing as an optimiser"
            )
        else:
            until = (
                "until it ends the optimisation"
                if expires_at is None
                else f"until {expires_at.isoformat()}"
            )
            told = (
                f"{where} is being optimised by {shorten(holder)} {until}: wait, write with its"
                " optimizer_id, or end_optimization"
            )
        super().__init__(told)
        self.session_id = session_id
        self.identifier = identifier
        self.holder = holder
        self.expires_at = expires_at


# --- a value that may not be


class ValidationError(SnakeStoreError, ValueError):
    """A value, name, time or argument that may not be. ``.type`` ``.value`` (shortened text) ``.path`` (in a document, or None)."""

    def __init__(
        self,
        message: str,
        *,
        type: str | None = None,  # noqa: A002 - the contract's name
        value: object = None,
        path: str | None = None,
    ) -> None:
        super().__init__(message)
        self.type = type
        self.value = shorten(value)
        self.path = path


class UnknownTypeError(ValidationError):
    """No type of this name is registered. ``.type``."""

    def __init__(self, type: str, *, known: Iterable[str] = (), where: str | None = None) -> None:  # noqa: A002 - the contract's attribute
        place = f" (needed by {where})" if where else ""
        super().__init__(
            f"Unknown variable type {shorten(type)}{place}: known are {', '.join(known) or 'none'};"
            " register_type adds your own",
            type=type,
            value=type,
        )


class ConstraintError(ValidationError):
    """The value breaks a constraint, or the constraint itself is unsound. ``.constraint`` names it."""

    def __init__(
        self,
        message: str,
        *,
        constraint: str,
        type: str | None = None,  # noqa: A002 - the contract's attribute
        value: object = None,
        path: str | None = None,
    ) -> None:
        super().__init__(message, type=type, value=value, path=path)
        self.constraint = constraint


class InvalidNameError(ValidationError):
    """A name or id that may not be: empty, over 255 characters, with NUL or a lone surrogate, or no text at all. ``.value``."""


class MissingFieldsError(ValidationError):
    """Required fields were not given. ``.fields`` lists them."""

    def __init__(self, fields: Iterable[str]) -> None:
        self_fields = list(fields)
        super().__init__(f"Missing required fields: {self_fields!r}", value=self_fields)
        self.fields = self_fields


# --- many at once


class BatchError(SnakeStoreError):
    """A batch was refused whole. ``.errors`` maps each refused key to its error; ``.conflicts`` are those that a retry may mend."""

    def __init__(self, errors: Mapping[str, SnakeStoreError]) -> None:
        listed = dict(errors)
        first = "; ".join(f"{shorten(key)}: {error}" for key, error in list(listed.items())[:3])
        more = f"; and {len(listed) - 3} more" if len(listed) > 3 else ""  # noqa: PLR2004 - three are shown
        super().__init__(f"Nothing was changed, {len(listed)} of the batch refused: {first}{more}")
        self.errors = listed

    @property
    def conflicts(self) -> dict[str, SnakeStoreError]:
        """The refusals that come from others' writes, which a retry on fresh reads may mend."""
        return {
            key: error for key, error in self.errors.items() if isinstance(error, ConflictError)
        }


# --- the store itself


class StoreError(SnakeStoreError):
    """The store cannot be used as asked: closed, out of reach, misused."""


class StoreBusyError(StoreError):
    """Others kept the database busy for longer than busy_timeout, or a transaction must be run again. Nothing was changed."""


class CommitUnknownError(StoreError):
    """The connection to the server was lost while it committed: all was kept or nothing, and nobody said which.

    It is never retried, for that could write twice. Read again (a version, an id) and decide.
    """

    def __init__(
        self,
        message: str = "the connection to the server was lost while it committed, all or nothing: read again to see which, then decide",
    ) -> None:
        super().__init__(message)


class StoreReadOnlyError(StoreError):
    """The database may be read but not written."""


class StoreFullError(StoreError):
    """The disk, the quota or the database's size limit is used up. Nothing was changed."""


class CorruptStoreError(StoreError):
    """The file is no database, or what it holds cannot be what snakestore wrote."""


class SchemaError(StoreError):
    """The database's schema is not ours to use. ``.current`` (None: no version table of ours) ``.head``."""

    def __init__(self, message: str, *, current: str | None, head: str) -> None:
        super().__init__(message)
        self.current = current
        self.head = head


class SchemaOutdatedError(SchemaError):
    """The database is missing or has an older schema: migrate it."""


class SchemaTooNewError(SchemaError):
    """The database was made by a newer snakestore: upgrade the library."""


class NetworkFileSystemWarning(UserWarning):
    """A SQLite file lies on a network file system, where its locks and its log do not hold between machines."""
