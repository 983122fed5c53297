"""What differs between databases: one file for each, one base that says what may."""

from __future__ import annotations

from snakestore.errors import StoreError
from snakestore.storage.dialects.base import Backend
from snakestore.storage.dialects.postgresql import PostgreSQL
from snakestore.storage.dialects.sqlite import SQLite

__all__ = ["Backend", "backend_for"]

_BACKENDS: dict[str, Backend] = {"sqlite": SQLite(), "postgresql": PostgreSQL()}


def backend_for(dialect_name: str) -> Backend:
    """The backend of a SQLAlchemy dialect.

    Raises:
        StoreError: snakestore does not run on it.
    """
    backend = _BACKENDS.get(dialect_name)
    if backend is None:
        message = f"snakestore runs on SQLite and PostgreSQL; {dialect_name} is out of scope"
        raise StoreError(message)
    return backend
