from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from snakestore import create_engine, upgrade
from tests.servers import emptied, postgresql_database, postgresql_server

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
