"""snakestore: a durable home for the state of LLM programs, on SQLite and PostgreSQL."""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from snakestore.errors import (
    BatchError,
    CommitUnknownError,
    ConflictError,
    ConstraintError,
    CorruptStoreError,
    InvalidNameError,
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
from snakestore.repository import SessionRepository, VariableBatch
from snakestore.repository.options import RepositoryOptions
from snakestore.session import Session, SessionStats
from snakestore.storage.engine import create_engine
from snakestore.storage.migrate.upgrade import current, downgrade, upgrade
from snakestore.types import VariableType, register_type, supported_types, validate
from snakestore.variable import Variable, create_variable

if TYPE_CHECKING:
    from snakestore.aio import AsyncSessionRepository
    from snakestore.reports import CheckReport, Finding, StoreStats
    from snakestore.transfer import CopyReport, copy
    from snakestore.view import SessionView

__all__ = [
    "AsyncSessionRepository",
    "BatchError",
    "CheckReport",
    "CommitUnknownError",
    "ConflictError",
    "ConstraintError",
    "CopyReport",
    "CorruptStoreError",
    "Finding",
    "InvalidNameError",
    "MissingFieldsError",
    "NetworkFileSystemWarning",
    "NotFoundError",
    "OptimizationStatus",
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


# without a handler of the application's, warnings would go to stderr
logging.getLogger(__name__).addHandler(logging.NullHandler())

# what a start can do without: asyncio and SQLAlchemy's side of it, the moving and the checking of
# whole stores
_LOADED_ON_USE = {
    "AsyncSessionRepository": "snakestore.aio",
    "CheckReport": "snakestore.reports",
    "CopyReport": "snakestore.transfer",
    "Finding": "snakestore.reports",
    "SessionView": "snakestore.view",
    "StoreStats": "snakestore.reports",
    "copy": "snakestore.transfer",
}


def __getattr__(name: str) -> Any:
    if name in _LOADED_ON_USE:
        return getattr(import_module(_LOADED_ON_USE[name]), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
