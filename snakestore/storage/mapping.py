"""Rows to frozen values and back: rows never leave the storage, and what a row cannot say is said to be damaged."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from snakestore import types
from snakestore.clock import seconds_between
from snakestore.errors import CorruptStoreError, UnknownTypeError, ValidationError, shorten
from snakestore.lease import NOT_OPTIMIZING, OptimizationStatus
from snakestore.session import Session, SessionStats, expiry
from snakestore.storage.queries.statement import Row
from snakestore.variable import Variable, unchecked_variable


def decoded(text: Any, what: str, kind: type[dict[str, Any] | list[Any]] = dict) -> Any:
    """The JSON object (or list) that a column holds.

    Raises:
        CorruptStoreError: it holds none; ``what`` says which row.
    """
    try:
        value = types.loads(text)
    except (ValueError, TypeError) as problem:
        message = f"{what} is damaged: {problem}"
        raise CorruptStoreError(message) from problem
    if type(value) is not kind:
        message = f"{what} is damaged: it should be a JSON {'object' if kind is dict else 'array'}"
        raise CorruptStoreError(message)
    return value


def session_from(row: Row, now: datetime) -> Session:
    """A session from SESSION_COLUMNS, its stats as of ``now``."""
    sid, created_at, last_accessed, ttl, worker, metadata, variables, programs, updates = row[:9]
    if not all(isinstance(count, int) for count in (variables, programs, updates)):
        message = (
            f"the counts of session {sid!r} are damaged: {(variables, programs, updates)!r};"
            " repo.check(repair=True) counts anew"
        )
        raise CorruptStoreError(message)
    return Session(
        id=sid,
        created_at=created_at,
        last_accessed=last_accessed,
        ttl=ttl,
        expires_at=expiry(last_accessed, ttl),
        last_worker_id=worker,
        metadata=decoded(metadata, f"the metadata of session {sid!r}"),
        stats=SessionStats(
            variable_count=variables,
            program_count=programs,
            total_variable_updates=updates,
            age=seconds_between(created_at, now),
            time_since_access=seconds_between(last_accessed, now),
            total_items=variables + programs,
        ),
    )


def value_from(sid: str, identifier: str, type_name: str, text: Any, blob: Any) -> Any:
    """The value that a type, a text and a blob say.

    Raises:
        UnknownTypeError: nobody registered the type.
        CorruptStoreError: the type cannot have written this.
    """
    try:
        return types.get(type_name).decode(text, blob)
    except Exception:  # noqa: BLE001 - it is told below: a type of somebody else's may raise anything
        return _value_or_reason(sid, identifier, type_name, text, blob)


def _value_or_reason(sid: str, identifier: str, type_name: str, text: Any, blob: Any) -> Any:
    try:
        return types.decode_value(type_name, text, blob)
    except UnknownTypeError as problem:
        raise UnknownTypeError(
            type_name,
            known=types.supported_types(),
            where=f"variable {identifier!r} of session {sid!r}",
        ) from problem
    except (ValidationError, ValueError, TypeError) as problem:
        message = f"the value of variable {identifier!r} of session {sid!r} is damaged: {problem}"
        raise CorruptStoreError(message) from problem


def _pid_from(text: Any) -> Any:
    try:
        return types.loads(text)
    except (ValueError, TypeError) as problem:
        message = f"an optimizer_pid is damaged: {shorten(text)} is no JSON"
        raise CorruptStoreError(message) from problem


def status_from(row: Row, now: datetime) -> OptimizationStatus:
    """Who optimises, from the four optimisation columns; a lease that ran out is no lease."""
    optimizer, pid, started_at, expires_at = row
    if optimizer is None or (expires_at is not None and expires_at <= now):
        return NOT_OPTIMIZING
    return OptimizationStatus(
        optimizing=True,
        optimizer_id=optimizer,
        optimizer_pid=None if pid is None else _pid_from(pid),
        started_at=started_at,
        expires_at=expires_at,
    )


def variable_from(sid: str, row: Row, now: datetime) -> Variable:
    """A variable from VARIABLE_COLUMNS, as of ``now``.

    Raises:
        UnknownTypeError, CorruptStoreError: see ``value_from``; the metadata, constraints or rules
            are no JSON.
    """
    try:
        documents = [object_of(row[5]), object_of(row[6]), array_of(row[14])]
        return _variable(row, types.decode_value(row[2], row[3], row[4]), documents, now)
    except (ValueError, TypeError):  # damaged, or of a type that nobody registered: told at leisure
        return _variable_told(sid, row, now)


def variables_from(sid: str, found: list[Row], now: datetime) -> list[Variable]:
    """Variables from rows of VARIABLE_COLUMNS: as ``variable_from`` one by one, the documents of all decoded at once.

    Raises:
        UnknownTypeError, CorruptStoreError: as ``variable_from``.
    """
    try:
        columns = [types.loads_each([row[index] for row in found]) for index in (5, 6, 14)]
        if not all(
            type(each) is kind
            for kind, column in zip((dict, dict, list), columns, strict=True)
            for each in column
        ):
            return [_variable_told(sid, row, now) for row in found]
        return [
            _variable(row, types.decode_value(row[2], row[3], row[4]), documents, now)
            for row, *documents in zip(found, *columns, strict=True)
        ]
    except (ValueError, TypeError):
        return [_variable_told(sid, row, now) for row in found]


def object_of(text: Any) -> dict[str, Any]:
    """The JSON object that a column holds, quickly.

    Raises:
        ValueError, TypeError: it holds none; ``decoded`` says so in words.
    """
    document = {} if text == "{}" else types.loads(text)
    if type(document) is not dict:
        raise TypeError
    return document


def array_of(text: Any) -> list[Any]:
    """The JSON array that a column holds, quickly.

    Raises:
        ValueError, TypeError: it holds none; ``decoded`` says so in words.
    """
    document = [] if text == "[]" else types.loads(text)
    if type(document) is not list:
        raise TypeError
    return document


def _variable(row: Row, value: Any, documents: list[Any], now: datetime) -> Variable:
    """A variable whose parts were decoded; what SQLite lets anyone put into a column is looked at, no more."""
    vid, name, type_name, _, blob, _, _, version, created_at, updated_at, optimizer, *_ = row
    if not (
        type(version) is int
        and version >= 0
        and type(name) is str
        and type(vid) is str
        and created_at
        and updated_at
    ):
        raise TypeError
    status = NOT_OPTIMIZING if optimizer is None else status_from(row[10:14], now)
    constraints, metadata, rules = documents
    return unchecked_variable(
        blob,
        vid,
        name,
        type_name,
        value,
        created_at,
        constraints,
        metadata,
        version,
        updated_at,
        status,
        tuple(rules) if rules else (),
    )


def _variable_told(sid: str, row: Row, now: datetime) -> Variable:
    """A variable whose parts are checked one by one, so that an error says which is damaged."""
    vid, name, type_name, text, blob, constraints, metadata, version, created_at, updated_at = row[
        :10
    ]
    where = f"of variable {name!r} of session {sid!r}"
    try:
        return Variable(
            id=vid,
            name=name,
            type=type_name,
            value=value_from(sid, name, type_name, text, blob),
            constraints=decoded(constraints, f"the constraints column {where}"),
            metadata=decoded(metadata, f"the metadata column {where}"),
            version=version,
            created_at=created_at,
            last_updated_at=updated_at,
            optimization_status=status_from(row[10:14], now),
            access_rules=tuple(decoded(row[14], f"the access_rules column {where}", list)),
        )
    except UnknownTypeError:
        raise
    except ValidationError as problem:
        message = f"a column {where} is damaged: {problem}"
        raise CorruptStoreError(message) from problem


def past_variable_from(sid: str, today: Row, row: Row) -> Variable:
    """A past variable: identity, constraints and rules of today (VARIABLE_COLUMNS), the rest of then (VERSION_COLUMNS)."""
    version, type_name, text, blob, metadata, written_at = row
    then = (
        today[0],
        today[1],
        type_name,
        text,
        blob,
        today[5],
        metadata,
        version,
        today[8],
        written_at,
        None,
        None,
        None,
        None,
        today[14],
    )
    return variable_from(sid, then, written_at)


def program_from(sid: str, program_id: str, text: Any) -> Any:
    """A program from its JSON text.

    Raises:
        CorruptStoreError: it is no JSON.
    """
    try:
        return types.loads(text)
    except (ValueError, TypeError) as problem:
        message = f"program {program_id!r} of session {sid!r} is damaged: {problem}"
        raise CorruptStoreError(message) from problem
