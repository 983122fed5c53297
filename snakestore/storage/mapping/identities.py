"""Ids and names of variables from rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from snakestore.storage.mapping.cells import text_from, variable_label
from snakestore.storage.queries import columns as at
from snakestore.storage.queries.statement import Row

_AFTER_STATE = len(at.STATE_COLUMNS)
"""Where IDENTITY_COLUMNS begin in rows that join them to the session's."""


def names_from(sid: str, rows: Iterable[Row]) -> list[str]:
    """Variable names from rows of one column.

    Raises:
        CorruptStoreError: if one is not text.
    """
    names = [name for (name,) in rows]
    try:
        "".join(names)  # the fastest check that all are text
    except TypeError:
        for name in names:
            text_from(name, "name", variable_label, sid, name)
        raise
    return names


class Identity(NamedTuple):
    """A variable's id and name."""

    id: str
    name: str


def identities_from(rows: Iterable[Row]) -> list[Identity]:
    """Ids and names from rows of IDENTITY_COLUMNS, unchecked."""
    return [Identity(row[at.IDENTITY_ID], row[at.IDENTITY_NAME]) for row in rows]


def identity_beside(row: Row) -> Identity | None:
    """The id and the name after STATE_COLUMNS, unchecked; None if there is no such variable."""
    vid, name = row[_AFTER_STATE:]
    return None if vid is None else Identity(vid, name)


def identity_of(row: Row) -> Identity:
    """The id and the name in VARIABLE_COLUMNS, unchecked."""
    return Identity(row[at.VARIABLE_ID], row[at.VARIABLE_NAME])


def checked_identities_from(sid: str, rows: Iterable[Row]) -> list[Identity]:
    """Ids and names from rows of IDENTITY_COLUMNS.

    Raises:
        CorruptStoreError: if one is not text.
    """
    found = identities_from(rows)
    for each in found:
        for column, cell in zip(Identity._fields, each, strict=True):
            text_from(cell, column, variable_label, sid, each.name)
    return found


class VariableKey(NamedTuple):
    """A variable's session and id."""

    sid: str
    vid: str


def keys_from(rows: Iterable[Row]) -> list[VariableKey]:
    """Keys from rows of KEY_COLUMNS, unchecked."""
    return [VariableKey(row[at.KEY_SESSION_ID], row[at.KEY_ID]) for row in rows]
