"""``SnakestoreSaver`` and ``AsyncSnakestoreSaver``: checkpointers of LangGraph."""

from __future__ import annotations

from langgraph.checkpoint.serde.base import SerializerProtocol

from snakestore.integrations.langgraph.checkpointer import Checkpointer
from snakestore.integrations.langgraph.runners import AwaitingRunner, CallingRunner
from snakestore.integrations.opening import (
    Adapter,
    AsyncAdapter,
    AsyncHandle,
    AsyncStore,
    Handle,
    Store,
)


class SnakestoreSaver(Adapter, Checkpointer):
    """A checkpointer on a SessionRepository. Each thread is a session.

    Threads and processes may share it. Its awaited methods run in a worker thread;
    AsyncSnakestoreSaver waits on the event loop instead.
    """

    def __init__(
        self,
        repo: Store,
        *,
        serde: SerializerProtocol | None = None,
        prefix: str = "langgraph:",
        ttl: float | None = None,
    ) -> None:
        """Use a repository, or open one.

        Args:
            repo: a SessionRepository, or a path or URL to open.
            serde: serialises checkpoints and writes; None: LangGraph's JsonPlusSerializer.
            prefix: what the ids of the sessions start with. The id of the thread follows.
            ttl: seconds after which a thread expires that is not used; None: never.

        Raises:
            ValidationError: if the serde would fall back to pickle.
            As ``SessionRepository.open``, for a path or URL.
        """
        super().__init__(serde=serde, prefix=prefix, ttl=ttl)
        self._handle = Handle(repo)
        self._runner = CallingRunner(self._handle)


class AsyncSnakestoreSaver(AsyncAdapter, Checkpointer):
    """A checkpointer on an AsyncSessionRepository. Each thread is a session.

    Tasks and processes may share it. Its methods that are not awaited work in threads without an
    event loop.
    """

    def __init__(
        self,
        async_repo: AsyncStore,
        *,
        serde: SerializerProtocol | None = None,
        prefix: str = "langgraph:",
        ttl: float | None = None,
    ) -> None:
        """Use a repository, or open one when it is first needed.

        Args:
            async_repo: an AsyncSessionRepository, or a path or URL to open.
            serde: serialises checkpoints and writes; None: LangGraph's JsonPlusSerializer.
            prefix: what the ids of the sessions start with. The id of the thread follows.
            ttl: seconds after which a thread expires that is not used; None: never.

        Raises:
            ValidationError: if the serde would fall back to pickle.
        """
        super().__init__(serde=serde, prefix=prefix, ttl=ttl)
        self._handle = AsyncHandle(async_repo)
        self._runner = AwaitingRunner(self._handle)
