"""PostgreSQL alone: what its locks, isolation levels, connections and drivers ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import URL, Connection

from snakestore import SessionRepository
from tests.servers import emptied


@pytest.fixture
def url(postgresql_database: URL) -> URL:
    """An empty database with our tables."""
    emptied(postgresql_database)
    return postgresql_database


@pytest.fixture(params=["plain", "partitioned"])
def url_of_either_kind(request: pytest.FixtureRequest) -> URL:
    """The same with plain tables and with tables that are partitioned by session."""
    url: URL = request.getfixturevalue(
        "postgresql_database" if request.param == "plain" else "postgresql_partitioned"
    )
    emptied(url)
    return url


@pytest.fixture
def opened(url: URL) -> Iterator[Callable[..., SessionRepository]]:
    """Opens repositories on it, with libpq's ``settings`` if wanted, and closes them."""
    with ExitStack() as stack:

        def opened(settings: str | None = None, **options: Any) -> SessionRepository:
            address = url if settings is None else url.update_query_dict({"options": settings})
            return stack.enter_context(SessionRepository.open(address, **options))

        yield opened


@pytest.fixture
def repo(opened: Callable[..., SessionRepository]) -> SessionRepository:
    repo = opened()
    repo.create_session("s")
    repo.register_variable("s", "x", "float", 1.0)
    repo.register_variable("s", "n", "integer", 0)
    return repo


@pytest.fixture
def outside(url: URL) -> Iterator[Connection]:
    """A connection that has nothing to do with snakestore, in autocommit."""
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()
