"""snakestore: a durable home for the state of LLM programs, on SQLite and PostgreSQL."""

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
    ValidationError,
    VariableExistsError,
    VariableLockedError,
    VariableNotFoundError,
    VersionConflictError,
    VersionNotFoundError,
)
from snakestore.optimization import OptimizationStatus
from snakestore.repository import CheckReport, Finding, SessionRepository, StoreStats, VariableBatch
from snakestore.session import Session, SessionStats
from snakestore.storage.engine import create_engine
from snakestore.storage.schema import current, downgrade, upgrade
from snakestore.types import VariableType, register_type, supported_types, validate
from snakestore.variable import Variable, create_variable
from snakestore.view import SessionView

if TYPE_CHECKING:
    from snakestore.aio import AsyncSessionRepository
    from snakestore.copying import CopyReport, copy

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


def __getattr__(name: str) -> Any:
    # asyncio and SQLAlchemy's side of it, and the moving of whole stores, are loaded by those who use them
    if name == "AsyncSessionRepository":
        from snakestore.aio import AsyncSessionRepository  # noqa: PLC0415 - that is the point

        return AsyncSessionRepository
    if name in {"copy", "CopyReport"}:
        from snakestore import copying  # noqa: PLC0415 - that is the point

        return getattr(copying, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
