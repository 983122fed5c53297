"""Variables, values and names from rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NoReturn

from snakestore import types
from snakestore.errors import (
    CorruptStoreError,
    SnakeStoreError,
    UnknownTypeError,
    ValidationError,
    shorten,
)
from snakestore.lease import NOT_OPTIMIZING, OptimizationStatus
from snakestore.storage.mapping.cells import (
    array_from,
    damaged,
    object_from,
    text_from,
    unexpected,
    variable_label,
)
from snakestore.storage.mapping.leases import lease_status
from snakestore.storage.queries import columns as at
from snakestore.storage.queries.statement import Row
from snakestore.storage.schema.column_types import read_time
from snakestore.variable import Variable, unchecked_variable

_AFTER_ACCESS, _AFTER_QUIET = len(at.ACCESS_COLUMNS), len(at.QUIET_COLUMNS)
"""Where the variable's columns begin in rows that join them to the session's."""


def value_from(sid: object, name: object, type_name: Any, text: Any, blob: Any) -> Any:
    """The value that a type stored as ``text`` and ``blob``.

    Raises:
        UnknownTypeError: if the type is not registered.
        CorruptStoreError: if the type cannot have written this.
    """
    try:
        return types.get(type_name).decode(text, blob)
    except Exception as error:  # noqa: BLE001 - raised again, as it is or as what it means
        _raise_decode_error(error, sid, name, type_name, text, blob)


def _raise_decode_error(
    error: Exception, sid: object, name: object, type_name: Any, text: Any, blob: Any
) -> NoReturn:
    if isinstance(error, UnknownTypeError):
        where = f"variable {shorten(name)} of session {shorten(sid)}"
        raise UnknownTypeError(type_name, known=types.supported_types(), where=where) from error
    if isinstance(error, MemoryError | RecursionError):
        raise error
    if isinstance(error, SnakeStoreError) and not isinstance(error, ValidationError):
        raise error
    misfit = not (isinstance(text, str | None) and isinstance(blob, bytes | None))
    if not isinstance(error, ValueError) and not misfit and is_library_type(type_name):
        raise error
    column = (
        "value" if text is not None else "value_blob" if blob is not None else "value, value_blob"
    )
    reason = f"not a valid {type_name} ({error})"
    raise damaged(reason, column, variable_label, sid, name) from error


def is_library_type(type_name: str) -> bool:
    """Whether a registered type is the library's, not a user's.

    On a damaged cell the library's types raise ValueError. A user's may raise anything.
    """
    return type(types.get(type_name)).__module__.startswith("snakestore.")


def variable_from(sid: str, row: Row, now: datetime) -> Variable:
    """A variable from VARIABLE_COLUMNS, with its lease as of ``now``.

    Raises:
        UnknownTypeError: if its type is not registered.
        CorruptStoreError: if a column is damaged.
    """
    name, rules = row[at.VARIABLE_NAME], row[at.VARIABLE_ACCESS_RULES]
    constraints, metadata = row[at.VARIABLE_CONSTRAINTS], row[at.VARIABLE_METADATA]
    return _variable_from(
        sid,
        row,
        {}
        if constraints == "{}"
        else object_from(constraints, "constraints", variable_label, sid, name),
        {} if metadata == "{}" else object_from(metadata, "metadata", variable_label, sid, name),
        () if rules == "[]" else array_from(rules, "access_rules", variable_label, sid, name),
        now,
    )


def variables_from(sid: str, rows: list[Row], now: datetime) -> list[Variable]:
    """Variables from rows of VARIABLE_COLUMNS; the documents of all are decoded at once.

    Raises:
        UnknownTypeError, CorruptStoreError: as ``variable_from``.
    """
    try:
        documents = [
            types.loads_each([row[position] for row in rows])
            for position in (
                at.VARIABLE_CONSTRAINTS,
                at.VARIABLE_METADATA,
                at.VARIABLE_ACCESS_RULES,
            )
        ]
    except ValueError:
        return [variable_from(sid, row, now) for row in rows]  # raises for the damaged one
    return [
        _variable_from(sid, row, constraints, metadata, tuple(rules), now)
        if type(constraints) is type(metadata) is dict and type(rules) is list
        else variable_from(sid, row, now)
        for row, constraints, metadata, rules in zip(rows, *documents, strict=True)
    ]


def _variable_from(
    sid: str,
    row: Row,
    constraints: dict[str, Any],
    metadata: dict[str, Any],
    rules: tuple[Any, ...],
    now: datetime,
) -> Variable:
    """A variable whose documents were decoded."""
    (
        vid,
        name,
        type_name,
        text,
        blob,
        _,
        _,
        version,
        created_at,
        updated_at,
        optimizer,
        pid,
        started_at,
        expires_at,
        _,
    ) = row
    if not (
        type(vid) is str
        and type(name) is str
        and type(version) is int
        and version >= 0
        and created_at
        and updated_at
    ):
        raise damaged_variable(sid, row)
    status = (
        NOT_OPTIMIZING
        if optimizer is None
        else lease_status(sid, name, optimizer, pid, started_at, expires_at, now)
    )
    return unchecked_variable(
        blob,
        vid,
        name,
        type_name,
        value_from(sid, name, type_name, text, blob),
        created_at,
        constraints,
        metadata,
        version,
        updated_at,
        status,
        rules,
    )


def variable_with(  # noqa: PLR0913, PLR0917 - what differs between versions, by position for speed
    sid: str,
    row: Row,
    type_name: str,
    value: Any,
    blob: bytes | None,
    constraints: dict[str, Any],
    metadata: dict[str, Any],
    version: int,
    when: datetime,
    status: OptimizationStatus,
) -> Variable:
    """Another version of the variable in VARIABLE_COLUMNS, of which the names were checked.

    Raises:
        CorruptStoreError: if the access rules are damaged.
    """
    name, rules = row[at.VARIABLE_NAME], row[at.VARIABLE_ACCESS_RULES]
    return unchecked_variable(
        blob,
        row[at.VARIABLE_ID],
        name,
        type_name,
        value,
        row[at.VARIABLE_CREATED_AT],
        constraints,
        metadata,
        version,
        when,
        status,
        () if rules == "[]" else array_from(rules, "access_rules", variable_label, sid, name),
    )


def damaged_variable(sid: str, row: Row) -> CorruptStoreError:
    """The error of the first damaged cell among a variable's names, version and times."""
    return damaged_cells(
        sid,
        row[at.VARIABLE_ID],
        row[at.VARIABLE_NAME],
        row[at.VARIABLE_VERSION],
        row[at.VARIABLE_CREATED_AT],
    )


def damaged_cells(
    sid: str, vid: object, name: object, version: object, created_at: object
) -> CorruptStoreError:
    """The error of the first of these that is damaged, or else of ``last_updated_at``."""
    for column, cell in (("id", vid), ("name", name)):
        if type(cell) is not str:
            return unexpected(cell, "text", column, variable_label, sid, name)
    if type(version) is not int or version < 0:
        return unexpected(version, "a version", "version", variable_label, sid, name)
    column = "created_at" if created_at is None else "last_updated_at"
    return unexpected(None, "a time", column, variable_label, sid, name)


def damaged_version(sid: str, identifier: str, row: Row) -> CorruptStoreError:
    """The error of the first damaged cell among the version and time in VERSION_COLUMNS."""
    version = row[at.VERSION_VERSION]
    if type(version) is not int or version < 0:
        return unexpected(version, "a version", "version", variable_label, sid, identifier)
    return unexpected(None, "a time", "created_at", variable_label, sid, identifier)


def variable_beside(sid: str, row: Row, now: datetime, default: Any) -> Any:
    """A variable from ACCESS_COLUMNS and VARIABLE_COLUMNS; ``default`` if there is none.

    Raises:
        UnknownTypeError, CorruptStoreError: as ``variable_from``.
    """
    found = row[_AFTER_ACCESS:]
    return default if found[at.VARIABLE_ID] is None else variable_from(sid, found, now)


def value_beside(sid: str, row: Row, default: Any) -> Any:
    """A value from ACCESS_COLUMNS and VALUE_COLUMNS; ``default`` if there is no such variable.

    Raises:
        UnknownTypeError, CorruptStoreError: as ``value_from``.
    """
    name, type_name, text, blob = row[_AFTER_ACCESS:]
    return default if name is None else value_from(sid, name, type_name, text, blob)


def value_at_hand(sid: str, identifier: str, row: Row, default: Any) -> Any:
    """A value from QUIET_COLUMNS and ENCODED_COLUMNS; ``default`` if there is no such variable.

    Raises:
        UnknownTypeError, CorruptStoreError: as ``value_from``.
    """
    _, _, type_name, text, blob = row
    if type_name is None:
        return default
    try:  # as value_from, which would be one more call
        return types.get(type_name).decode(text, blob)
    except Exception as error:  # noqa: BLE001 - raised again, as it is or as what it means
        _raise_decode_error(error, sid, identifier, type_name, text, blob)


def variable_at_hand(sid: str, row: Row, clock: Callable[[], Any], default: Any) -> Any:
    """A variable from QUIET_COLUMNS and VARIABLE_COLUMNS; ``default`` if there is none.

    The times are as the driver returned them. ``clock`` is read if the variable has a lease, which
    may have expired.

    Raises:
        UnknownTypeError, CorruptStoreError: as ``variable_from``.
    """
    found = list(row[_AFTER_QUIET:])
    if found[at.VARIABLE_ID] is None:
        return default
    now: Any = None  # which matters to a lease alone
    created_at, updated_at = found[at.VARIABLE_CREATED_AT], found[at.VARIABLE_LAST_UPDATED_AT]
    found[at.VARIABLE_CREATED_AT] = created = read_time(created_at)
    # the same until the first update
    updated = created if updated_at == created_at else read_time(updated_at)
    found[at.VARIABLE_LAST_UPDATED_AT] = updated
    if (
        found[at.VARIABLE_OPTIMIZER_ID] is not None
        or found[at.VARIABLE_OPTIMIZATION_EXPIRES_AT] is not None
        or found[at.VARIABLE_OPTIMIZATION_STARTED_AT] is not None
    ):
        now = clock()
        for column in (at.VARIABLE_OPTIMIZATION_STARTED_AT, at.VARIABLE_OPTIMIZATION_EXPIRES_AT):
            found[column] = read_time(found[column])
    return variable_from(sid, tuple(found), now)


def name_beside(row: Row) -> object:
    """A variable's name after ACCESS_COLUMNS, unchecked; None if there is no such variable."""
    return row[_AFTER_ACCESS + at.VALUE_NAME]


def values_from(sid: str, rows: Iterable[Row]) -> dict[str, Any]:
    """Values by name from rows of VALUE_COLUMNS.

    Raises:
        UnknownTypeError, CorruptStoreError: as ``value_from``.
    """
    return {
        text_from(name, "name", variable_label, sid, name): value_from(
            sid, name, type_name, text, blob
        )
        for name, type_name, text, blob in rows
    }


def by_id(rows: Iterable[Row]) -> dict[str, Row]:
    """Rows of VARIABLE_COLUMNS by id."""
    return {row[at.VARIABLE_ID]: row for row in rows}


def by_name(rows: Iterable[Row]) -> dict[str, Row]:
    """Rows of VARIABLE_COLUMNS by name."""
    return {row[at.VARIABLE_NAME]: row for row in rows}


def in_order(sid: str, rows: list[Row]) -> list[Row]:
    """Rows of VARIABLE_COLUMNS by ``created_at``, ties by id.

    Raises:
        CorruptStoreError: if a column that they are ordered by is damaged.
    """
    for row in rows:
        if row[at.VARIABLE_CREATED_AT] is None or type(row[at.VARIABLE_ID]) is not str:
            raise damaged_variable(sid, row)
    return sorted(rows, key=lambda row: (row[at.VARIABLE_CREATED_AT], row[at.VARIABLE_ID]))
