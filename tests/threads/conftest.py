"""A store for writes of threads that are committed together, and the count of commits."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakestore.storage.execution import autocommit, group_commit, write_turn
from tests.awaited.group_commit.conftest import path
from tests.awaited.group_commit.groups import Commits

__all__ = ["commits", "path"]


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch, path: Path) -> Commits:
    """Counts commits, of groups that end when nobody waits any more, with patient threads."""
    del path  # it is filled before
    commits = Commits()
    monkeypatch.setattr(autocommit, "commit_write", commits)
    monkeypatch.setattr(group_commit, "steady_seconds", lambda: 0.0)
    monkeypatch.setattr(write_turn, "PATIENCE", 1000.0)
    return commits
