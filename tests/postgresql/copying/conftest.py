"""A store to copy, and an empty database to copy to."""

from __future__ import annotations

import pytest

from snakestore import SessionRepository
from tests.postgresql.copying.stores import NOW, furnish


@pytest.fixture
def file(tmp_path):
    """A SQLite store with everything in it."""
    path = tmp_path / "source.db"
    with SessionRepository.open(path, clock=lambda: NOW) as repo:
        furnish(repo)
    return path


@pytest.fixture(params=["to a file", pytest.param("to a server", marks=pytest.mark.slow)])
def target(request, tmp_path):
    """An empty database to copy to."""
    if request.param == "to a file":
        return tmp_path / "target.db"
    return request.getfixturevalue("url")
