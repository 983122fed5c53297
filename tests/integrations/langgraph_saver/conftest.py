"""A checkpointer on an empty store."""

from __future__ import annotations

import pytest


@pytest.fixture
def saver(store_url):
    from snakestore.integrations.langgraph import SnakestoreSaver

    with SnakestoreSaver(store_url) as saver:
        yield saver
