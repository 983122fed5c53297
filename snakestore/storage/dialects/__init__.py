"""What differs between databases: one folder for each, behind one interface.

Read base.py first (``Backend``: everything that may differ), then sqlite/dialect.py and
postgresql/dialect.py, which name the other modules of their folders. Nothing outside this folder
compares a dialect's name or imports one of its folders; a test enforces that. PostgreSQL's folder
is imported on first use.
"""

from __future__ import annotations

from snakestore.errors import StoreError
from snakestore.storage.dialects.base import Backend
from snakestore.storage.dialects.sqlite.dialect import SQLite

__all__ = ["Backend", "backend_for", "backend_of_error", "driver_error_types"]

_loaded: dict[str, Backend] = {"sqlite": SQLite()}


def backend_for(dialect_name: str) -> Backend:
    """The backend of a SQLAlchemy dialect.

    Raises:
        StoreError: snakestore does not run on it.
    """
    backend = _loaded.get(dialect_name)
    if backend is not None:
        return backend
    if dialect_name == "postgresql":
        from snakestore.storage.dialects.postgresql.dialect import (  # noqa: PLC0415 - loaded on use
            PostgreSQL,
        )

        return _loaded.setdefault(dialect_name, PostgreSQL())
    message = f"snakestore runs on SQLite and PostgreSQL; {dialect_name} is out of scope"
    raise StoreError(message)


def driver_error_types() -> tuple[type[BaseException], ...]:
    """What the drivers of the backends in use raise outside of SQLAlchemy."""
    return tuple(
        error for backend in list(_loaded.values()) for error in backend.driver_error_types()
    )


def backend_of_error(error: BaseException) -> Backend:
    """The backend that knows a driver's error.

    PostgreSQL has several drivers; what is not SQLite's is read by its SQLSTATE.
    """
    sqlite = _loaded["sqlite"]
    return sqlite if isinstance(error, sqlite.driver_error_types()) else backend_for("postgresql")
