from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine

from snakestore import create_engine, upgrade
from tests.servers import emptied, new_database, postgresql_database, postgresql_server

__all__ = ["postgresql_database", "postgresql_server"]


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine on an empty store."""
    if request.param == "sqlite":
        engine = create_engine(tmp_path / "s.db")
        upgrade(engine)
    else:
        url = request.getfixturevalue("postgresql_database")
        emptied(url)
        engine = create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """The URL of a database without any tables."""
    if request.param == "sqlite":
        yield URL.create("sqlite", database=str(tmp_path / "own.db"))
        return
    with new_database(request.getfixturevalue("postgresql_server")) as url:
        yield url
