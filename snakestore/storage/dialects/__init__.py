"""What differs between databases: one file for each, one base that says what may."""

from __future__ import annotations

from functools import cache

from snakestore.errors import StoreError
from snakestore.storage.dialects.base import Backend
from snakestore.storage.dialects.sqlite.dialect import SQLite

__all__ = ["Backend", "backend_for"]


@cache
def backend_for(dialect_name: str) -> Backend:
    """The backend of a SQLAlchemy dialect.

    Raises:
        StoreError: snakestore does not run on it.
    """
    if dialect_name == "sqlite":
        return SQLite()
    if dialect_name == "postgresql":
        from snakestore.storage.dialects.postgresql.dialect import PostgreSQL  # noqa: PLC0415 - for those who outgrew one machine

        return PostgreSQL()
    message = f"snakestore runs on SQLite and PostgreSQL; {dialect_name} is out of scope"
    raise StoreError(message)
