"""The repository: the Session API, every verb once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakestore.reports import VariableBatch
from snakestore.repository.programs import ProgramMethods
from snakestore.repository.sessions import SessionMethods
from snakestore.repository.store.backup import BackupMethods
from snakestore.repository.store.check import CheckMethods
from snakestore.repository.store.expiry import ExpiryMethods
from snakestore.repository.variables.batches import BatchMethods
from snakestore.repository.variables.history import History
from snakestore.repository.variables.leases import LeaseMethods
from snakestore.repository.variables.reads import VariableReadMethods
from snakestore.repository.variables.registration import RegistrationMethods
from snakestore.repository.variables.writes import VariableWriteMethods

if TYPE_CHECKING:
    from snakestore.view import SessionView

__all__ = ["SessionRepository", "VariableBatch"]


class SessionRepository(
    SessionMethods,
    VariableReadMethods,
    RegistrationMethods,
    VariableWriteMethods,
    BatchMethods,
    LeaseMethods,
    History,
    ProgramMethods,
    ExpiryMethods,
    CheckMethods,
    BackupMethods,
):
    """Sessions, variables and programs in a database, shared by threads, processes and machines.

    Open one with ``SessionRepository.open(path_or_url)``, or bind one to an Engine, a Connection or
    an ``orm.Session`` of yours. On an Engine it may be shared by threads; on a Connection or
    ``orm.Session`` it is as single-threaded as that.
    """

    def session(self, sid: str, *, strict: bool = False) -> SessionView:
        """The session as a mapping of name to value. Making the view touches nothing.

        Args:
            strict: assigning to a name that no variable has raises VariableNotFoundError instead of
                registering one.

        Raises:
            InvalidNameError: the id is neither str nor Enum.
        """
        from snakestore.view import SessionView  # noqa: PLC0415 - a view's methods are the verbs of this class

        return SessionView(self, sid, strict=strict)
