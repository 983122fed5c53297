"""A storage for Optuna, and another one on the same store."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _quiet():
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture
def storage(store_url):
    from snakestore.integrations.optuna import SnakestoreStorage

    with SnakestoreStorage(store_url) as opened:
        yield opened


@pytest.fixture
def other(store_url, storage):
    """Another process's storage: nothing is shared but the store."""
    from snakestore.integrations.optuna import SnakestoreStorage

    with SnakestoreStorage(store_url) as opened:
        yield opened
