"""What differs between databases: one folder for each, behind one interface.

Read base.py first (``Backend``: all that may differ, with its parts connection_methods.py and
schema_methods.py), then sqlite/dialect.py and postgresql/dialect.py, which point to the other
modules of their folders. protocols.py has what a ``Backend`` hands out, access_lag.py and
messages.py what all databases share. Nothing outside this folder compares a dialect's name or
imports one of its folders; a test enforces that.

A new database takes a folder with a ``Backend``, a line in ``_backend_named`` below, and, for each
SQL function of ``schema/`` and ``queries/`` that it spells differently, a ``@compiles`` there.
"""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import URL, Connection, Engine, MetaData, event

from snakestore.errors import StoreError
from snakestore.storage.dialects.base import Backend
from snakestore.storage.dialects.sqlite.dialect import SQLite
from snakestore.storage.dialects.sqlite.url import parse_path as _parse_sqlite_path
from snakestore.storage.schema.tables import Base

__all__ = [
    "Backend",
    "backend_of",
    "backend_of_error",
    "driver_error_types",
    "parse_path",
]

_SQLITE = SQLite()
_loaded: dict[str, Backend] = {_SQLITE.name: _SQLITE}


def backend_of(bind: Engine | Connection | URL) -> Backend:
    """The backend for the database of an engine, connection or URL.

    Raises:
        StoreError: snakestore does not run on it.
    """
    return _backend_named(bind.get_backend_name() if isinstance(bind, URL) else bind.dialect.name)


@event.listens_for(Base.metadata, "before_create")
def _complete_metadata(metadata: MetaData, connection: Connection, **_: Any) -> None:
    backend_of(connection).complete_metadata(metadata)


def parse_path(path: str | os.PathLike[str]) -> URL:
    """The URL of what is given without a scheme: the path of a SQLite file, or its URI filename.

    Raises:
        ValidationError: it is empty or malformed.
    """
    return _parse_sqlite_path(path)


def driver_error_types() -> tuple[type[BaseException], ...]:
    """What the drivers of the databases in use raise outside of SQLAlchemy."""
    return tuple(
        error for backend in list(_loaded.values()) for error in backend.driver_error_types()
    )


def interrupts_driver(error: BaseException) -> bool:
    """Whether an exception of others came out of the code of a driver that is in use."""
    return any(backend.interrupts_driver(error) for backend in list(_loaded.values()))


def interrupted_driver(error: BaseException, replacement: BaseException) -> bool:
    """Whether a driver has replaced an exception from outside by an error of its own."""
    backends = list(_loaded.values())
    return any(backend.interrupted_driver(error, replacement) for backend in backends)


def backend_of_error(error: BaseException) -> Backend:
    """The backend that knows a driver's error.

    PostgreSQL has several drivers, so every error that is not SQLite's is read by its SQLSTATE.
    """
    if isinstance(error, _SQLITE.driver_error_types()):
        return _SQLITE
    return _backend_named("postgresql")


def _backend_named(name: str) -> Backend:
    backend = _loaded.get(name)
    if backend is not None:
        return backend
    if name == "postgresql":
        from snakestore.storage.dialects.postgresql.dialect import (  # noqa: PLC0415 - on first use
            PostgreSQL,
        )

        return _loaded.setdefault(name, PostgreSQL())
    hint = " (write postgresql://)" if name == "postgres" else ""
    message = f"snakestore runs on SQLite and PostgreSQL; {name!r} is out of scope{hint}"
    raise StoreError(message)
