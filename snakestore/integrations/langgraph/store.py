"""``SnakestoreStore``: LangGraph's long-term memory."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from langgraph.store.base import (
    BaseStore,
    GetOp,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchOp,
    TTLConfig,
)

from snakestore.aio import AsyncSessionRepository
from snakestore.errors import ValidationError
from snakestore.integrations.langgraph.items import Items
from snakestore.integrations.langgraph.runners import AwaitingRunner, CallingRunner, Runner
from snakestore.integrations.langgraph.steps import Steps
from snakestore.integrations.opening import Adapter, AsyncHandle, Handle, Store

logger = logging.getLogger("snakestore.integrations.langgraph")


class SnakestoreStore(Adapter, BaseStore):
    """A ``BaseStore``. Each item is a session, whose ttl is that of the item.

    An item that has expired no longer exists; ``delete_expired`` removes its row. Values are JSON
    objects: what would come back changed, such as a tuple, is refused.

    There is no vector search. As in LangGraph's own stores without an index, ``index`` and
    ``query`` have no effect: a search returns items by namespace and filter, whose ``score`` is
    None. The first query of a store is logged as a warning.
    """

    supports_ttl = True

    def __init__(
        self,
        repo: Store | AsyncSessionRepository,
        *,
        ttl: TTLConfig | None = None,
        prefix: str = "langgraph-store:",
    ) -> None:
        """Use a repository, or open one.

        Args:
            repo: a repository, or a path or URL to open. With an AsyncSessionRepository the awaited
                methods wait on the event loop; otherwise they run in a worker thread.
            ttl: ``default_ttl`` in minutes, and ``refresh_on_read`` (True unless given).
            prefix: what the ids of the sessions start with.

        Raises:
            ValidationError: if the prefix contains ``*``.
            As ``SessionRepository.open``, for a path or URL.
        """
        if "*" in prefix:
            message = f"the prefix of session ids must not contain '*': {prefix!r}"
            raise ValidationError(message, value=prefix)
        self.ttl_config = ttl
        self._items = Items(prefix)
        self._warned = False
        self._runner: Runner
        if isinstance(repo, AsyncSessionRepository):
            self._runner = AwaitingRunner(AsyncHandle(repo))
        else:
            self._handle = Handle(repo)
            self._runner = CallingRunner(self._handle)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations: first all that read, then all that write, in one transaction.

        Raises:
            ValidationError: if a value is not JSON, or a filter has an unknown operator.
            InvalidNameError: if a namespace and a key are too long together, about 230 characters.
        """
        ops = list(ops)
        results = [self._runner.run(self._read(op)) for op in ops]
        puts = [op for op in ops if isinstance(op, PutOp)]
        if puts:
            self._runner.run(self._items.put_all(puts), at_once=True)
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As ``batch``, awaited."""
        ops = list(ops)
        results = [await self._runner.arun(self._read(op)) for op in ops]
        puts = [op for op in ops if isinstance(op, PutOp)]
        if puts:
            await self._runner.arun(self._items.put_all(puts), at_once=True)
        return results

    def _read(self, op: Op) -> Steps[Result]:
        """The result of an operation; None if it writes."""
        if isinstance(op, GetOp):
            return (yield from self._items.get(op))
        if isinstance(op, SearchOp):
            self._warn_of(op.query)
            return (yield from self._items.search(op))
        if isinstance(op, ListNamespacesOp):
            return (yield from self._items.namespaces(op))
        if not isinstance(op, PutOp):
            message = f"unknown operation: {type(op).__name__}"
            raise TypeError(message)
        return None

    def _warn_of(self, query: str | None) -> None:
        """Log once that a query has no effect."""
        if query is not None and not self._warned:
            self._warned = True
            logger.warning(
                "SnakestoreStore has no vector search: the query of a search has no effect. Search"
                " by namespace and filter, or use a store that has an index of embeddings."
            )
