"""All errors and warnings of snakestore.

Every error derives from ``SnakeStoreError``. Errors carry data (ids, versions, the holder of a
lease) as attributes, and their messages name the remedy. All can be pickled. The exception of a
database driver is chained as ``__cause__``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

MAX_REPR_LENGTH = 80
_MAX_BATCH_ERRORS_SHOWN = 3


def shorten(value: object) -> str:
    """``repr(value)``, cut to 80 characters; never raises."""
    if isinstance(value, str | bytes) and len(value) > MAX_REPR_LENGTH:
        value = value[:MAX_REPR_LENGTH]  # avoids building the repr of a large text
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a user's __repr__ may raise anything
        text = f"<{type(value).__name__} whose repr fails: {type(error).__name__}>"
    if len(text) > MAX_REPR_LENGTH:
        return text[: MAX_REPR_LENGTH - 3] + "..."
    return text


def _rebuild(
    cls: type[SnakeStoreError], args: tuple[Any, ...], state: dict[str, Any]
) -> SnakeStoreError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class SnakeStoreError(Exception):
    """Base class of all errors that snakestore raises."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))

    def __str__(self) -> str:
        # some subclasses are KeyErrors, whose __str__ would be the repr of the message
        text = str(self.args[0]) if self.args else type(self).__name__
        # a path that is not UTF-8 has lone surrogates, which cannot be printed
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


# --- not found


class NotFoundError(SnakeStoreError, LookupError):
    """A session, variable, program, log or version does not exist."""


class SessionNotFoundError(NotFoundError):
    """No session has this id. ``.session_id``."""

    def __init__(self, session_id: str) -> None:
        super().__init__(
            f"No session {shorten(session_id)}. Create it with create_session(), or list existing"
            " ones with list_sessions()."
        )
        self.session_id = session_id


class SessionExpiredError(SessionNotFoundError):
    """The session has been idle for longer than its ttl. ``.session_id``.

    It still exists in the database until a sweep removes it.
    """

    def __init__(
        self, session_id: str, *, expired_at: datetime | None = None, ttl: float | None = None
    ) -> None:
        super().__init__(session_id)
        when = "has expired" if expired_at is None else f"expired at {expired_at.isoformat()}"
        length = "" if ttl is None else f" of {ttl:g} s"
        message = (
            f"Session {shorten(session_id)} {when}; it was idle for longer than its ttl{length}"
            " (by default an hour). revive_session() brings it back until a sweep removes it."
            " create_session() creates a new, empty session with this id."
        )
        self.args = (message,)


class VariableNotFoundError(NotFoundError, KeyError):
    """The session has no variable of this id or name. ``.session_id`` ``.identifier``."""

    def __init__(self, session_id: str, identifier: str) -> None:
        super().__init__(
            f"Session {shorten(session_id)} has no variable with the id or name"
            f" {shorten(identifier)}. Create it with register_variable(), or list existing ones"
            " with variable_names().",
        )
        self.session_id = session_id
        self.identifier = identifier


class ProgramNotFoundError(NotFoundError, KeyError):
    """The session has no program of this id. ``.session_id`` ``.program_id``."""

    def __init__(self, session_id: str, program_id: str) -> None:
        super().__init__(
            f"Session {shorten(session_id)} has no program {shorten(program_id)}. Store it with"
            " put_program(), or list existing ones with program_ids().",
        )
        self.session_id = session_id
        self.program_id = program_id


class LogNotFoundError(NotFoundError, KeyError):
    """The session has no log of this name, or a log to pop from is empty.

    ``.session_id`` ``.log``.
    """

    def __init__(self, session_id: str, log: str, *, empty: bool = False) -> None:
        found = f"Log {shorten(log)} of session {shorten(session_id)} is empty"
        if not empty:
            found = f"Session {shorten(session_id)} has no log {shorten(log)}"
        super().__init__(
            f"{found}. Append to it with append_log(), or list existing ones with list_logs().",
        )
        self.session_id = session_id
        self.log = log


class VersionNotFoundError(NotFoundError):
    """The variable or program has no such version. ``.session_id`` ``.identifier`` ``.version``.

    The version never existed, or the history no longer contains it.
    """

    def __init__(
        self,
        session_id: str,
        identifier: str,
        version: int | None,
        *,
        at: datetime | None = None,
        kind: str = "variable",
    ) -> None:
        missing = f"version {shorten(version)}" if at is None else f"version at {at.isoformat()}"
        super().__init__(
            f"{kind.capitalize()} {shorten(identifier)} of session {shorten(session_id)} has no"
            f" {missing}: it never existed or has been pruned (see history_limit and"
            f" prune_history()). {kind}_history() lists the stored versions.",
        )
        self.session_id = session_id
        self.identifier = identifier
        self.version = version


# --- conflicts with concurrent writes


class ConflictError(SnakeStoreError):
    """A concurrent change: re-read and retry."""


class SessionExistsError(ConflictError):
    """A live session already has this id. ``.session_id``."""

    def __init__(self, session_id: str, *, advice: str | None = None) -> None:
        advice = advice or "Pass exist_ok=True to use it, or choose another id."
        super().__init__(f"Session {shorten(session_id)} already exists. {advice}")
        self.session_id = session_id


class VariableExistsError(ConflictError):
    """The name or id is already taken in the session. ``.session_id`` ``.name``."""

    def __init__(self, session_id: str, name: str, reason: str | None = None) -> None:
        detail = reason or "this name or id is already taken"
        super().__init__(
            f"Variable {shorten(name)} of session {shorten(session_id)}: {detail}. Choose another"
            " name, or update the existing variable."
        )
        self.session_id = session_id
        self.name = name


class VersionConflictError(ConflictError):
    """The variable or program is not at the expected version, or the log has another length.

    ``.session_id`` ``.identifier`` ``.expected`` ``.actual`` (None: there is no such variable,
    program or log).
    """

    def __init__(
        self,
        session_id: str,
        identifier: str,
        expected: int,
        actual: int | None,
        *,
        kind: str = "variable",
    ) -> None:
        found = f"no such {kind}" if actual is None else shorten(actual)
        remedy = ", or use modify_variable()" if kind == "variable" else ""
        super().__init__(
            f"{kind.capitalize()} {shorten(identifier)} of session {shorten(session_id)}: expected"
            f" version {shorten(expected)}, found {found}. Re-read the {kind} and retry{remedy}.",
        )
        self.session_id = session_id
        self.identifier = identifier
        self.expected = expected
        self.actual = actual

    @classmethod
    def of_log(
        cls, session_id: str, log: str, expected: int, actual: int | None
    ) -> VersionConflictError:
        """The error for a log that does not have the expected length."""
        error = cls(session_id, log, expected, actual)
        found = "no such log" if actual is None else shorten(actual)
        message = (
            f"Log {shorten(log)} of session {shorten(session_id)}: expected length"
            f" {shorten(expected)}, found {found}. Read the log again and retry."
        )
        error.args = (message,)
        return error


class VariableLockedError(ConflictError):
    """Another optimiser holds the variable, or the given optimizer_id does not hold it.

    ``.session_id`` ``.identifier`` ``.holder`` (None: the variable is free) ``.expires_at``.
    """

    def __init__(
        self, session_id: str, identifier: str, holder: str | None, expires_at: datetime | None
    ) -> None:
        subject = f"Variable {shorten(identifier)} of session {shorten(session_id)}"
        if holder is None:
            message = (
                f"{subject} is not being optimised: the lease has expired or was ended, and the"
                f" value may have changed. Nothing was written. {_START_AGAIN}"
            )
        else:
            message = (
                f"{subject} is being optimised by {shorten(holder)}{_until(expires_at)}. That"
                " optimiser writes with its optimizer_id. Others wait, and read the variable again"
                " before they write. end_optimization() frees it if that optimiser has died."
            )
        super().__init__(message)
        self.session_id = session_id
        self.identifier = identifier
        self.holder = holder
        self.expires_at = expires_at


class LeaseLostError(VariableLockedError):
    """The optimiser no longer holds the variable. Nothing was written.

    ``.session_id`` ``.identifier`` ``.holder`` (None: nobody holds the variable) ``.expires_at``.
    """

    def __init__(
        self,
        session_id: str,
        identifier: str,
        holder: str | None,
        expires_at: datetime | None,
        reason: str | None = None,
    ) -> None:
        super().__init__(session_id, identifier, holder, expires_at)
        if reason is None and holder is None:
            reason = "it has expired or was ended"
        elif reason is None:
            reason = f"{shorten(holder)} holds the variable{_until(expires_at)}"
        message = (
            f"The lease on variable {shorten(identifier)} of session {shorten(session_id)} is lost:"
            f" {reason}. Nothing was written. {_START_AGAIN}"
        )
        self.args = (message,)


_START_AGAIN = (
    "Start again with lease() or start_optimization(), re-read the variable, and decide again"
    " what to write."
)


def _until(expires_at: datetime | None) -> str:
    return "" if expires_at is None else f" until {expires_at.isoformat()}"


# --- invalid values


class ValidationError(SnakeStoreError, ValueError):
    """An invalid value, name, time or argument.

    ``.type`` (name of the variable type, or None) ``.value`` (shortened text) ``.path`` (JSON path
    inside a document, or None) ``.constraint`` (name of the constraint of a ConstraintError, else
    None).
    """

    constraint: str | None = None

    def __init__(
        self,
        message: str,
        *,
        type: str | None = None,  # noqa: A002 - named like the attribute
        value: object = None,
        path: str | None = None,
    ) -> None:
        super().__init__(message)
        self.type = type
        self.value = shorten(value)
        self.path = path


class UnknownTypeError(ValidationError):
    """No type of this name is registered. ``.type``."""

    def __init__(
        self,
        type: str,  # noqa: A002 - named like the attribute
        *,
        known: Iterable[str] = (),
        where: str | None = None,
        suggestion: str | None = None,
    ) -> None:
        used_by = f" (used by {where})" if where else ""
        advice = f" {suggestion}" if suggestion else ""
        super().__init__(
            f"Unknown variable type {shorten(type)}{used_by}.{advice} Registered types:"
            f" {', '.join(known) or 'none'}. Add your own with register_type().",
            type=type,
            value=type,
        )


class ConstraintError(ValidationError):
    """A value violates a constraint, or a constraint is invalid. ``.constraint`` (its name)."""

    constraint: str

    def __init__(
        self,
        message: str,
        *,
        constraint: str,
        type: str | None = None,  # noqa: A002 - named like the attribute
        value: object = None,
        path: str | None = None,
    ) -> None:
        super().__init__(message, type=type, value=value, path=path)
        self.constraint = constraint


class InvalidNameError(ValidationError):
    """An invalid name or id. ``.value``.

    It is empty, longer than 255 characters, contains NUL or a lone surrogate, or is neither a str
    nor an Enum member.
    """


class MissingFieldsError(ValidationError):
    """Required fields are missing. ``.fields`` (their names)."""

    def __init__(self, fields: Iterable[str]) -> None:
        missing = list(fields)
        super().__init__(f"Missing required fields: {missing!r}", value=missing)
        self.fields = missing


# --- batches


class BatchError(SnakeStoreError):
    """A batch was rejected and nothing was written. ``.errors`` (key -> error) ``.conflicts``."""

    def __init__(self, errors: Mapping[str, SnakeStoreError]) -> None:
        errors = dict(errors)
        count = len(errors)
        shown = [
            f"{shorten(key)}: {error}"
            for key, error in list(errors.items())[:_MAX_BATCH_ERRORS_SHOWN]
        ]
        if count > len(shown):
            shown.append(f"and {count - len(shown)} more")
        super().__init__(
            f"Batch rejected, nothing was written ({count} error{'' if count == 1 else 's'}):"
            f" {'; '.join(shown)}"
        )
        self.errors = errors

    @property
    def conflicts(self) -> dict[str, SnakeStoreError]:
        """The errors caused by concurrent changes, which a retry may resolve."""
        return {
            key: error for key, error in self.errors.items() if isinstance(error, ConflictError)
        }


# --- the store


class StoreError(SnakeStoreError):
    """The store cannot be used: it is closed, unreachable or used in an unsupported way."""


class StoreBusyError(StoreError):
    """The database stayed locked for longer than busy_timeout; nothing was written.

    Also raised when a transaction must be rolled back and run again.
    """


class CommitUnknownError(StoreError):
    """COMMIT failed in a way that leaves its outcome unknown.

    Either everything was committed or nothing. The write is not retried automatically, because
    that could write twice: re-read the data (a version, an id) to decide.
    """

    def __init__(
        self,
        message: str = (
            "the connection to the server was lost during COMMIT, so the outcome is unknown."
            " Re-read the data to decide whether to write again."
        ),
    ) -> None:
        super().__init__(message)


class StoreReadOnlyError(StoreError):
    """The database is read-only."""


class StoreFullError(StoreError):
    """The disk, a quota or the size limit of the database is exhausted; nothing was written."""


class CorruptStoreError(StoreError):
    """The file is not a database, or contains data that snakestore cannot have written."""


class SchemaError(StoreError):
    """The schema cannot be used. ``.current`` (None: no snakestore version table) ``.head``."""

    def __init__(self, message: str, *, current: str | None, head: str) -> None:
        super().__init__(message)
        self.current = current
        self.head = head


class SchemaOutdatedError(SchemaError):
    """The database is missing or its schema is older than the library: migrate it."""


class SchemaTooNewError(SchemaError):
    """The schema is newer than the library: upgrade snakestore."""


# --- warnings


class UnsafeFileWarning(UserWarning):
    """A SQLite file is in a place where locking or durability may fail."""


class NetworkFileSystemWarning(UnsafeFileWarning):
    """A SQLite file is on a network file system, where locks between machines do not work."""
