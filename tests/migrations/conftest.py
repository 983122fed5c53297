from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine
from sqlalchemy_utils import create_database

from snakestore.storage.engine import create_engine
from snakestore.storage.url import parse


@pytest.fixture
def missing_database(postgresql_server: URL) -> URL:
    """The URL of a database that the server does not have."""
    return postgresql_server.set(database=f"test_{uuid.uuid4().hex[:16]}")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """The URL of a database without our tables, missing as yet."""
    if request.param == "sqlite":
        return URL.create("sqlite", database=str(tmp_path / "s.db"))
    found: URL = request.getfixturevalue("missing_database")
    return found


@pytest.fixture
def engine(url: URL) -> Iterator[Engine]:
    """An engine of ours on an empty database."""
    if url.get_backend_name() == "postgresql":
        create_database(parse(url))
    engine = create_engine(url)
    yield engine
    engine.dispose()
