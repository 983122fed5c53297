"""The repository of an adapter: the caller's, or one that the adapter opens and closes.

Handle, AsyncHandle     the repository
Adapter, AsyncAdapter   base classes: ``close``, and the ``with`` statement
"""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import Future
from typing import Self, TypeAlias

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
    """An AsyncSessionRepository, opened when it is first needed, in any event loop.

    ``close`` closes it if it was opened here.
    """

    def __init__(self, store: AsyncStore) -> None:
        self._store = store
        self._opened: AsyncSessionRepository | None = (
            store if isinstance(store, AsyncSessionRepository) else None
        )
        self._guard = threading.Lock()
        self._opening: Future[None] | None = None

    async def repository(self) -> AsyncSessionRepository:
        """The repository. Tasks that need it at once wait for one opening.

        If that fails or is cancelled, one of the others opens it.
        """
        while self._opened is None and not isinstance(self._store, AsyncSessionRepository):
            with self._guard:
                opening, ours = self._opening, Future[None]()
                if opening is None:
                    self._opening = ours
            if opening is not None:
                await asyncio.shield(asyncio.wrap_future(opening))
                continue
            try:
                self._opened = await AsyncSessionRepository.open(self._store)
            finally:
                self._opening = None
                ours.set_result(None)
        assert self._opened is not None  # noqa: S101 - set above
        return self._opened

    async def close(self) -> None:
        """Close the repository if it was opened here. A later use opens it again."""
        if isinstance(self._store, AsyncSessionRepository):
            return
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()


class Adapter:
    """Base of an adapter on a SessionRepository. A ``with`` block closes it at its end."""

    _handle: Handle | None = None
    """None: there is nothing to close."""

    def close(self) -> None:
        """Close the repository if it was opened here. May be called again."""
        if self._handle is not None:
            self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object, /) -> None:
        self.close()


class AsyncAdapter:
    """Base of an adapter on an AsyncSessionRepository. An ``async with`` block closes it."""

    _handle: AsyncHandle

    async def close(self) -> None:
        """Close the repository if it was opened here. A later use opens it again."""
        await self._handle.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: object, trace: object, /) -> None:
        await self.close()
