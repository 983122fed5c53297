"""The repository of an adapter: the caller's, or one that the adapter opens and closes."""

from __future__ import annotations

import asyncio
import os
from typing import TypeAlias

from sqlalchemy import URL

from snakestore.aio import AsyncSessionRepository
from snakestore.repository import SessionRepository

Store: TypeAlias = SessionRepository | str | os.PathLike[str] | URL
"""A repository, which stays the caller's, or what ``SessionRepository.open`` takes."""

AsyncStore: TypeAlias = AsyncSessionRepository | str | os.PathLike[str] | URL
"""A repository, which stays the caller's, or what ``AsyncSessionRepository.open`` takes."""


class Handle:
    """A SessionRepository. ``close`` closes it if it was opened here."""

    def __init__(self, store: Store) -> None:
        self._owned = not isinstance(store, SessionRepository)
        self.repository = (
            store if isinstance(store, SessionRepository) else SessionRepository.open(store)
        )

    def close(self) -> None:
        """Close the repository if it was opened here. May be called again."""
        if self._owned:
            self.repository.close()


class AsyncHandle:
    """An AsyncSessionRepository, opened when it is first needed.

    ``close`` closes it if it was opened here.
    """

    def __init__(self, store: AsyncStore) -> None:
        self._store = store
        self._opened: AsyncSessionRepository | None = (
            store if isinstance(store, AsyncSessionRepository) else None
        )
        self._lock = asyncio.Lock()

    async def repository(self) -> AsyncSessionRepository:
        """The repository. Tasks that need it at once wait for one opening."""
        if self._opened is None:
            async with self._lock:
                if self._opened is None and not isinstance(self._store, AsyncSessionRepository):
                    self._opened = await AsyncSessionRepository.open(self._store)
        assert self._opened is not None  # noqa: S101 - set above
        return self._opened

    async def close(self) -> None:
        """Close the repository if it was opened here. A later use opens it again."""
        if isinstance(self._store, AsyncSessionRepository):
            return
        async with self._lock:
            if self._opened is not None:
                opened, self._opened = self._opened, None
                await opened.close()
