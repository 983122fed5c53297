"""The suite that Optuna ships for storages."""

from __future__ import annotations

import pytest

pytest.importorskip("optuna", reason="needs the extra snakestore[optuna]")

from optuna.testing.pytest_storages import StorageTestCase

from snakestore.integrations.optuna import SnakestoreStorage

SUITE = "Optuna storages|optuna"


@pytest.fixture
def storage(store_url):
    with SnakestoreStorage(store_url) as opened:
        yield opened


class TestStorage(StorageTestCase):
    """All tests of the suite."""
