"""A session with a study, whose clock stands still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from snakestore import SessionRepository


class Clock:
    def __init__(self):
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def repo(store_url, clock):
    with SessionRepository.open(store_url, migrate=True, clock=clock, default_ttl=None) as repo:
        repo.create_session("s")
        yield repo


@pytest.fixture
def log(repo):
    from snakestore.integrations.dspy import TrialLog
    from tests.integrations.dspy_trials.study import STUDY

    return TrialLog(repo, "s", "mipro", **STUDY)
