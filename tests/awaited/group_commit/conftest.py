"""A store for writes that are committed together, and the count of commits."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakestore import SessionRepository
from snakestore.storage.execution import autocommit, group_commit
from tests.awaited.group_commit.groups import NOW, TASKS, Commits


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with the session ``s`` and its variables ``v0`` to ``v19``, at 0."""
    path = tmp_path / "s.db"
    with SessionRepository.open(path, clock=lambda: NOW) as repo:
        repo.create_session("s", ttl=None)
        for number in range(TASKS):
            repo.register_variable("s", f"v{number}", "integer", 0)
    return path


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    """Counts commits, of groups that end when nobody waits any more."""
    commits = Commits()
    monkeypatch.setattr(autocommit, "commit_write", commits)
    monkeypatch.setattr(group_commit, "steady_seconds", lambda: 0.0)
    return commits
