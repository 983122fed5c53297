"""The method ``check()``; the modules that it needs are loaded on first use."""

from collections.abc import Callable

import snakestore
from snakestore.repository.base import RepositoryBase


class CheckMethods(RepositoryBase):
    """The method that checks the store."""

    def check(
        self, *, repair: bool = False, progress: Callable[[int], None] | None = None
    ) -> "snakestore.CheckReport":
        """Check whether the whole store is what the library would have written.

        It checks the database's own integrity and foreign keys (SQLite), the schema and what others
        altered of it, the counts of each session, the length and next position of each log, every
        value, past value, program, log entry and document, names and ids, constraints, versions
        against the history, and recorded expiries. An unregistered type and an expired lease are
        notes, not problems. It takes time in proportion to the store; nobody waits for it. Does not
        update ``last_accessed``.

        Args:
            repair: recount the sessions and logs whose counts are wrong, each in a small
                transaction. Nothing else is ever changed.
            progress: called now and then with the number of rows checked so far.

        Raises:
            StoreReadOnlyError: if counts are to be repaired and the store is read-only.
            StoreError: if the database cannot be reached.
        """
        from snakestore.repository.store.check_store import check_store  # noqa: PLC0415 - on use

        return check_store(self._runner, repair=repair, progress=progress)
