"""All methods of a repository but ``session()``, which returns a view made of them."""

from __future__ import annotations

from snakestore.repository.logs.methods import LogMethods
from snakestore.repository.program_history import ProgramHistoryMethods
from snakestore.repository.programs import ProgramMethods
from snakestore.repository.records.methods import RecordMethods
from snakestore.repository.sessions.reads import SessionReadMethods
from snakestore.repository.sessions.writes import SessionWriteMethods
from snakestore.repository.store.backup import BackupMethods
from snakestore.repository.store.check import CheckMethods
from snakestore.repository.store.compact import CompactMethods
from snakestore.repository.store.expiry import ExpiryMethods
from snakestore.repository.store.pruning import PruningMethods
from snakestore.repository.store.stats import StatsMethods
from snakestore.repository.variables.batches import BatchMethods
from snakestore.repository.variables.history import HistoryMethods
from snakestore.repository.variables.leases import LeaseMethods
from snakestore.repository.variables.listings import VariableListMethods
from snakestore.repository.variables.reads import VariableReadMethods
from snakestore.repository.variables.registration import RegistrationMethods
from snakestore.repository.variables.upserts import UpsertMethods
from snakestore.repository.variables.writes import VariableWriteMethods


class RepositoryMethods(
    SessionWriteMethods,
    SessionReadMethods,
    VariableReadMethods,
    VariableListMethods,
    RegistrationMethods,
    UpsertMethods,
    VariableWriteMethods,
    BatchMethods,
    LeaseMethods,
    HistoryMethods,
    ProgramMethods,
    ProgramHistoryMethods,
    LogMethods,
    ExpiryMethods,
    PruningMethods,
    StatsMethods,
    CheckMethods,
    BackupMethods,
    CompactMethods,
    RecordMethods,
):
    """Every method that takes a session id or concerns the whole store."""
