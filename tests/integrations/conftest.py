"""A store for adapters, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from tests.servers import emptied


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """The path or URL of an empty store: what an adapter takes in place of a repository."""
    if request.param == "sqlite":
        return str(tmp_path / "store.db")
    url = request.getfixturevalue("postgresql_database")
    emptied(url)
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


@pytest.fixture
def anyio_backend():
    """The event loop of tests that are marked ``anyio``."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _suite(request, record_property):
    """Tests of a module with ``SUITE = "name|package"`` count in the table (see table.py)."""
    suite = getattr(request.module, "SUITE", None)
    if suite is not None:
        record_property("suite", suite)
