"""A session to save modules in."""

from __future__ import annotations

import pytest

from snakestore import SessionRepository


@pytest.fixture
def repo(store_url):
    with SessionRepository.open(store_url, migrate=True) as repo:
        repo.create_session("s")
        yield repo
