"""The file that parent and child use."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakestore import SessionRepository


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "count", "integer", 0)
    return path
