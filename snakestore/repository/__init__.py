"""``SessionRepository``: the public API, every method once. The modules, in reading order.

base                the bind and the options (options), opening, closing, copying (handle)
arguments           checks of what methods are given
session_access      loading and locking a session, recording accesses; every method starts there
space               small transactions; returning free space to the disk
sessions, programs  methods about sessions and about programs
variables/          methods about variables
logs/               methods about logs
store/              methods about the whole store
records/            exporting sessions as records, and importing them
methods             all of them in one class
notebook            what a notebook shows of a repository and a session
naming              their names in errors and in ``help()``
view                ``session()``: one session as a mapping
"""

from typing import TYPE_CHECKING

import snakestore
from snakestore.repository.methods import RepositoryMethods
from snakestore.repository.naming import public_class
from snakestore.variable import VariableBatch

if TYPE_CHECKING:
    import os
    from contextlib import AbstractContextManager
    from typing import Self, TypeVar, Unpack

    from sqlalchemy import URL

    from snakestore.repository.options import RepositoryOptions

    R = TypeVar("R", bound="SessionRepository")

__all__ = ["SessionRepository", "VariableBatch"]


@public_class
class SessionRepository(RepositoryMethods):
    """Sessions, variables, programs and logs in a database that threads and processes share.

    Open one with ``SessionRepository.open(path_or_url)``, or bind one to an Engine, Connection or
    ``orm.Session`` that you own. Threads may share it, except on a Connection or ``orm.Session``,
    which serve one thread. ``session(sid)`` returns one session as a mapping.
    """

    if TYPE_CHECKING:
        # as inherited; jedi (IPython, notebooks) takes Self for the class that names it, and does
        # not follow it into the type of a context manager

        @classmethod
        def open(
            cls,
            path_or_url: str | os.PathLike[str] | URL,
            *,
            migrate: bool | None = None,
            **options: Unpack[RepositoryOptions],
        ) -> Self:
            """Open a store. A missing SQLite file is created, an outdated one is migrated."""

        def __enter__(self) -> Self: ...

        def transaction(  # noqa: PYI019 - a type that jedi follows
            self: R, *, read_only: bool = False
        ) -> AbstractContextManager[R]:
            """A repository whose methods run in one transaction, committed at the block's end."""

    def _repr_html_(self) -> str:
        from snakestore.repository.notebook import repository_html  # noqa: PLC0415 - on use

        return repository_html(self._runner, repr(self).strip("<>"))

    def session(self, sid: str, *, strict: bool = False) -> "snakestore.SessionView":
        """Return the session as a mapping of name to value. Creating it touches nothing.

        Args:
            strict: assigning to a missing name raises VariableNotFoundError instead of registering
                a variable.

        Raises:
            InvalidNameError: if the id is neither str nor Enum.
        """
        from snakestore.repository.view import SessionView  # noqa: PLC0415 - loaded on first use

        return SessionView(self, sid, strict=strict)

    def log(self, sid: str, log: str) -> "snakestore.LogView":
        """Return a log as a sequence of its values. Creating it touches nothing.

        A missing log is an empty sequence; ``append`` creates it.

        Raises:
            InvalidNameError: if the id or the name is neither str nor Enum.
        """
        from snakestore.repository.logs.sequence import LogView  # noqa: PLC0415 - on first use

        return LogView(self, sid, log)
