"""snakestore: a durable store for the state of LLM programs, on SQLite and PostgreSQL.

Names are imported when they are first used. ``import snakestore`` alone loads neither SQLAlchemy
nor anything else that takes time.
"""

import os
import sys
from importlib import import_module

TYPE_CHECKING: bool = False  # as in typing, which takes longer to import than this module

if TYPE_CHECKING:
    from snakestore import aio as aio
    from snakestore import errors as errors
    from snakestore import tables as tables
    from snakestore import types as types
    from snakestore.aio import AsyncLease, AsyncSessionRepository
    from snakestore.errors import (
        BatchError,
        CommitUnknownError,
        ConflictError,
        ConstraintError,
        CorruptStoreError,
        InvalidNameError,
        LeaseLostError,
        LogNotFoundError,
        MissingFieldsError,
        NetworkFileSystemWarning,
        NotFoundError,
        ProgramNotFoundError,
        SchemaError,
        SchemaOutdatedError,
        SchemaTooNewError,
        SessionExistsError,
        SessionExpiredError,
        SessionNotFoundError,
        SnakeStoreError,
        StoreBusyError,
        StoreError,
        StoreFullError,
        StoreReadOnlyError,
        UnknownTypeError,
        UnsafeFileWarning,
        ValidationError,
        VariableExistsError,
        VariableLockedError,
        VariableNotFoundError,
        VersionConflictError,
        VersionNotFoundError,
    )
    from snakestore.lease import OptimizationStatus
    from snakestore.log import LogEntry
    from snakestore.new_variable import create_variable
    from snakestore.program import Program
    from snakestore.reports import CheckReport, Finding, ImportReport, StoreStats
    from snakestore.repository import SessionRepository
    from snakestore.repository.logs.sequence import LogView
    from snakestore.repository.options import RepositoryOptions
    from snakestore.repository.variables.held_lease import Lease
    from snakestore.session import Session, SessionStats
    from snakestore.storage.engine import create_engine
    from snakestore.storage.migrate.upgrade import current, downgrade, upgrade
    from snakestore.transfer import CopyReport, copy
    from snakestore.types import UNCHANGED, VariableType, register_type, supported_types, validate
    from snakestore.variable import Variable, VariableBatch
    from snakestore.view import SessionView

if not hasattr(os, "register_at_fork"):  # Windows, and Python in a browser
    _message = (
        f"snakestore runs on Linux and macOS. Python on {sys.platform} has no os.register_at_fork,"
        " without which a fork could lose acknowledged writes. On Windows, use WSL or a container."
    )
    raise ImportError(_message)
del os, sys

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022 - in the order of sorted()
    "AsyncLease",
    "AsyncSessionRepository",
    "BatchError",
    "CheckReport",
    "CommitUnknownError",
    "ConflictError",
    "ConstraintError",
    "CopyReport",
    "CorruptStoreError",
    "Finding",
    "ImportReport",
    "InvalidNameError",
    "Lease",
    "LeaseLostError",
    "LogEntry",
    "LogNotFoundError",
    "LogView",
    "MissingFieldsError",
    "NetworkFileSystemWarning",
    "NotFoundError",
    "OptimizationStatus",
    "Program",
    "ProgramNotFoundError",
    "RepositoryOptions",
    "SchemaError",
    "SchemaOutdatedError",
    "SchemaTooNewError",
    "Session",
    "SessionExistsError",
    "SessionExpiredError",
    "SessionNotFoundError",
    "SessionRepository",
    "SessionStats",
    "SessionView",
    "SnakeStoreError",
    "StoreBusyError",
    "StoreError",
    "StoreFullError",
    "StoreReadOnlyError",
    "StoreStats",
    "UNCHANGED",
    "UnknownTypeError",
    "UnsafeFileWarning",
    "ValidationError",
    "Variable",
    "VariableBatch",
    "VariableExistsError",
    "VariableLockedError",
    "VariableNotFoundError",
    "VariableType",
    "VersionConflictError",
    "VersionNotFoundError",
    "copy",
    "create_engine",
    "create_variable",
    "current",
    "downgrade",
    "register_type",
    "supported_types",
    "upgrade",
    "validate",
]

# the module of each name in ``__all__``
_MODULES = {
    "AsyncLease": "aio",
    "AsyncSessionRepository": "aio",
    "BatchError": "errors",
    "CheckReport": "reports",
    "CommitUnknownError": "errors",
    "ConflictError": "errors",
    "ConstraintError": "errors",
    "CopyReport": "transfer",
    "CorruptStoreError": "errors",
    "Finding": "reports",
    "ImportReport": "reports",
    "InvalidNameError": "errors",
    "Lease": "repository.variables.held_lease",
    "LeaseLostError": "errors",
    "LogEntry": "log",
    "LogNotFoundError": "errors",
    "LogView": "repository.logs.sequence",
    "MissingFieldsError": "errors",
    "NetworkFileSystemWarning": "errors",
    "NotFoundError": "errors",
    "OptimizationStatus": "lease",
    "Program": "program",
    "ProgramNotFoundError": "errors",
    "RepositoryOptions": "repository.options",
    "SchemaError": "errors",
    "SchemaOutdatedError": "errors",
    "SchemaTooNewError": "errors",
    "Session": "session",
    "SessionExistsError": "errors",
    "SessionExpiredError": "errors",
    "SessionNotFoundError": "errors",
    "SessionRepository": "repository",
    "SessionStats": "session",
    "SessionView": "view",
    "SnakeStoreError": "errors",
    "StoreBusyError": "errors",
    "StoreError": "errors",
    "StoreFullError": "errors",
    "StoreReadOnlyError": "errors",
    "StoreStats": "reports",
    "UNCHANGED": "types",
    "UnknownTypeError": "errors",
    "UnsafeFileWarning": "errors",
    "ValidationError": "errors",
    "Variable": "variable",
    "VariableBatch": "variable",
    "VariableExistsError": "errors",
    "VariableLockedError": "errors",
    "VariableNotFoundError": "errors",
    "VariableType": "types",
    "VersionConflictError": "errors",
    "VersionNotFoundError": "errors",
    "copy": "transfer",
    "create_engine": "storage.engine",
    "create_variable": "new_variable",
    "current": "storage.migrate.upgrade",
    "downgrade": "storage.migrate.upgrade",
    "register_type": "types",
    "supported_types": "types",
    "upgrade": "storage.migrate.upgrade",
    "validate": "types",
}
# modules that are attributes without being imported first
_SUBMODULES = ("aio", "errors", "tables", "types")

if not TYPE_CHECKING:  # type checkers see the imports above, and report unknown names

    def __getattr__(name: str) -> object:
        if name in _MODULES:
            value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
            globals()[name] = value
            return value
        if name in _SUBMODULES:
            return import_module(f"{__name__}.{name}")
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)


def __dir__() -> list[str]:
    special = [name for name in globals() if name.startswith("__")]
    return sorted([*special, *__all__, *_SUBMODULES])
