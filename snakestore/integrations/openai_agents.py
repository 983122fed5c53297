"""OpenAI Agents: the history of a session, kept in a log.

Needs the extra: ``pip install 'snakestore[openai-agents]'``.
"""

from __future__ import annotations

from typing import Any

from agents import SessionSettings, TResponseInputItem
from agents.memory.session_settings import coerce_session_settings, resolve_session_limit

from snakestore.errors import LogNotFoundError, SessionNotFoundError
from snakestore.integrations.opening import AsyncAdapter, AsyncHandle, AsyncStore


class SnakestoreSession(AsyncAdapter):
    """A ``Session`` of the OpenAI Agents SDK. Its items are the entries of a log.

    The log is in the snakestore session of the same id, beside the session's other data. Tasks and
    processes may use one session at once: no item is lost, and none is popped twice.

    Attributes:
        session_id: the id of the session.
        session_settings: the SDK's settings; ``limit`` applies where ``get_items`` has none.
    """

    session_id: str
    session_settings: SessionSettings | None

    def __init__(
        self,
        session_id: str,
        async_repo: AsyncStore,
        *,
        session_settings: SessionSettings | dict[str, Any] | None = None,
        log: str = "openai-agents",
        ttl: float | None = None,
    ) -> None:
        """Use a repository, or open one when it is first needed.

        Args:
            session_id: the id of the session. The first ``add_items`` creates it.
            async_repo: an AsyncSessionRepository, or a path or URL to open.
            session_settings: the SDK's settings, such as ``SessionSettings(limit=20)``.
            log: the name of the log.
            ttl: seconds after which the session expires if it is not used; None: never. A session
                that exists keeps its own.

        Raises:
            TypeError: if the settings have a field that the SDK does not know.
        """
        self.session_id = session_id
        self.session_settings = (
            SessionSettings()
            if session_settings is None
            else coerce_session_settings(session_settings)
        )
        self._handle = AsyncHandle(async_repo)
        self._log = log
        self._ttl = ttl

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """Return the newest items in order of time.

        Args:
            limit: how many; None: the limit of the settings, or all. As in the SDK's SQLiteSession,
                a negative number means all.
        """
        last = resolve_session_limit(limit, self.session_settings)
        if last is not None and last < 0:
            last = None
        repo = await self._handle.repository()
        try:
            entries = await repo.read_log(self.session_id, self._log, last=last)
        except (LogNotFoundError, SessionNotFoundError):
            return []
        return [entry.value for entry in entries]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Append items, all or none, in one step. A missing or expired session is created.

        Raises:
            ValidationError: if an item is not JSON.
            InvalidNameError: if the id cannot be that of a session.
        """
        repo = await self._handle.repository()
        while items:
            try:
                await repo.append_log(self.session_id, self._log, items)
            except SessionNotFoundError:
                await repo.create_session(self.session_id, ttl=self._ttl, exist_ok=True)
            else:
                return

    async def pop_item(self) -> TResponseInputItem | None:
        """Remove the newest item and return it, in one step. None if there is none."""
        repo = await self._handle.repository()
        try:
            item: TResponseInputItem | None = await repo.pop_log(self.session_id, self._log, None)
        except SessionNotFoundError:
            return None
        return item

    async def clear_session(self) -> None:
        """Delete all items. What else the snakestore session holds stays."""
        repo = await self._handle.repository()
        try:
            await repo.delete_log(self.session_id, self._log)
        except SessionNotFoundError:
            return
