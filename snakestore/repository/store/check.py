"""The verb that checks a whole store; what it takes to do so is loaded with its first call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakestore.repository.base import RepositoryBase

if TYPE_CHECKING:
    from snakestore.reports import CheckReport


class CheckMethods(RepositoryBase):
    """The part of a repository that tells whether the store is sound."""

    def check(self, *, repair: bool = False) -> CheckReport:
        """Go through the whole store: is it what the library would have written? It takes time in proportion to it; no access.

        Checked are the database's own integrity and foreign keys (SQLite), triggers of others on
        our tables (SQLite), the schema, the counts of each session against a recount, every value,
        past value, program and document, names and ids, constraints, versions against the history,
        and recorded expiries. A type that is not registered here is a note, and so is a lease that
        ran out. Nobody waits for a check.

        Args:
            repair: mend the counts of sessions, each in a small transaction; nothing else is ever
                changed.

        Raises:
            StoreReadOnlyError: counts are to be mended and the store may only be read.
            StoreError: the store is out of reach.
        """
        from snakestore.repository.store.check_store import check_store  # noqa: PLC0415 - loaded on use

        return check_store(self._runner, repair=repair)
