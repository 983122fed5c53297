"""Many values in one parameter, where the database has arrays, and in a list where it has none."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text, any_, bindparam, cast
from sqlalchemy.types import ARRAY, TypeEngine

from snakestore.storage.queries.by_database import ByDatabase
from snakestore.storage.queries.statement import EACH, IN_PARAMETERS, MAX_LISTED


def array_of(name: str, type_: TypeEngine[Any]) -> ColumnElement[Any]:
    """A parameter that is an array, in a statement for a database that has them."""
    # some drivers do not say which type the elements of an array have
    return cast(bindparam(name, type_=ARRAY(type_)), ARRAY(type_))


def each(column: ColumnElement[str], size: int) -> ColumnElement[bool]:
    """``column IN (:each_0, :each_1, ...)``, for an expanding statement.

    On PostgreSQL, ``column = ANY (:each)`` of many.
    """
    names = IN_PARAMETERS[:size]
    listed = column.in_([bindparam(name, type_=column.type) for name in names])
    # PostgreSQL hashes an array where it reads the whole table, as it may by statistics that are
    # outdated, and parses one parameter, not 256
    in_array = column == any_(array_of(EACH, Text())) if size > MAX_LISTED else listed
    return ByDatabase(listed, postgresql=in_array)
