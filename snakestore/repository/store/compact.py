"""The method that returns free space to the disk."""

from collections.abc import Callable

from snakestore.errors import StoreError
from snakestore.repository.base import RepositoryBase
from snakestore.repository.space import YIELD_SECONDS, WriterYield, incremental_vacuum
from snakestore.repository.store.stats import sizes
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.retry import pause

MAX_TRUNCATIONS = 100
"""How often the log is tried to be emptied while others read or write."""


class CompactMethods(RepositoryBase):
    """The method that returns free space to the disk."""

    def compact(self, *, progress: Callable[[int, int], None] | None = None) -> int:
        """Return free space to the disk, and empty the write-ahead log (SQLite).

        Works in small transactions that let other writers in. The log is not emptied while another
        process reads an old snapshot. A file that snakestore did not create may lack incremental
        vacuum: then only the log is emptied, and SQLite's own ``VACUUM`` does the rest while nobody
        uses the file. On PostgreSQL, where the server reuses free space by itself, and in memory
        nothing is done. Does not update ``last_accessed``.

        Args:
            progress: called after each transaction with the bytes returned so far, and the bytes
                that were free or in the log at the beginning.

        Returns:
            By how many bytes the file and its log are smaller than before. 0 if others made them
            grow meanwhile.

        Raises:
            StoreError: in a transaction, where no space can be returned.
            StoreReadOnlyError: if there is space to return, and the store is read-only.
        """
        runner = self._runner
        if not runner.commits:
            message = (
                "compact() cannot return space inside a transaction. Call it on a repository that"
                " is opened by a path, a URL or an Engine, outside of transaction()."
            )
            raise StoreError(message)
        before, free, log = runner.lookup(sizes)  # raises first if the repository is closed
        yielding = WriterYield(runner)
        if not yielding.shared:
            return 0

        def returned() -> int:
            """How many bytes the file and its write-ahead log have shrunk by."""
            size, _, log_now = runner.lookup(sizes)
            return max(0, before + log - size - log_now)

        def report() -> None:
            """Report the bytes returned, of those that were free at the start."""
            if progress is not None:
                progress(returned(), free + log)

        incremental_vacuum(runner, yielding, report)
        for _ in range(MAX_TRUNCATIONS):
            if runner.lookup(_truncate_log):
                break
            pause(YIELD_SECONDS)
        report()
        return returned()


def _truncate_log(tx: TransactionContext) -> bool:
    return tx.backend.truncate_log(tx.driver_connection)
