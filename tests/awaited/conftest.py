"""Ways to open an async repository. Each test runs its own loop with ``asyncio.run``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from snakestore import AsyncSessionRepository, SessionRepository
from tests.contract.backends import for_driver
from tests.servers import emptied


class Store:
    """A database that the test may reach in every way."""

    def __init__(self, address: Any, async_url: Any) -> None:
        self.address = address
        self.async_url = async_url

    @asynccontextmanager
    async def engine(self, **options: Any) -> AsyncIterator[AsyncEngine]:
        """An AsyncEngine of the user's."""
        # a driver of SQLite's that waits for a lock ends that before it can be cancelled
        waits = {"timeout": 1} if "aiosqlite" in str(self.async_url) else {}
        engine = create_async_engine(self.async_url, connect_args=waits, **options)
        try:
            yield engine
        finally:
            await engine.dispose()

    def outside(self, **options: Any) -> SessionRepository:
        """The store as everybody else sees it."""
        return SessionRepository.open(self.address, **options)


@pytest.fixture(params=["aiosqlite", "psycopg", "asyncpg"])
def store(request, tmp_path) -> Store:
    """A store with the session ``s`` and its variables ``x`` (1.0) and ``n`` (0)."""
    if request.param == "aiosqlite":
        path = tmp_path / "store.db"
        store = Store(path, f"sqlite+aiosqlite:///{path}")
    else:
        url = request.getfixturevalue("postgresql_database")
        emptied(url)
        store = Store(url, for_driver(url, request.param))
    with store.outside(migrate=True) as repo:
        repo.create_session("s")
        repo.register_variable("s", "x", "float", 1.0)
        repo.register_variable("s", "n", "integer", 0)
    return store


@pytest.fixture(params=["opened", "engine"])
def repository(request, store) -> Callable[[], AbstractAsyncContextManager[AsyncSessionRepository]]:
    """``async with repository() as repo``: opened (threads) or on an AsyncEngine (greenlets)."""

    @asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[AsyncSessionRepository]:
        async with AsyncSessionRepository.open(store.address, **options) as repo:
            yield repo

    @asynccontextmanager
    async def on_engine(**options: Any) -> AsyncIterator[AsyncSessionRepository]:
        async with (
            store.engine(pool_size=5, max_overflow=0) as engine,
            AsyncSessionRepository(engine, **options) as repo,
        ):
            yield repo

    return opened if request.param == "opened" else on_engine
