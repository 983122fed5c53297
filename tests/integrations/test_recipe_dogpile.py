"""dogpile's suites for a backend and its mutex, on the backend of docs/recipes.md."""

from __future__ import annotations

import sys

import pytest

pytest.importorskip("dogpile.testing", reason="needs the extra snakestore[suites]")

from dogpile.testing.fixtures import (
    _GenericBackendTestSuite,
    _GenericMutexTestSuite,
    _GenericSerializerTestSuite,
)

from snakestore import SessionRepository
from tests.integrations.recipes import recipe

SUITE = "dogpile backend and mutex|dogpile.cache"
pytestmark = [
    pytest.mark.slow,  # dogpile's tests sleep
    pytest.mark.filterwarnings("ignore::pytest.PytestUnknownMarkWarning"),
]


class OnSnakestore:
    backend = "snakestore"

    @classmethod
    def setup_class(cls):
        """The suite would make a backend here, before there is a store."""

    @pytest.fixture(autouse=True)
    def _store(self, store_url, monkeypatch):
        module = recipe("dogpile_backend.py")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        with SessionRepository.open(store_url) as repo:
            repo.create_session("cache", ttl=None, history=0)
            self.config_args = {"arguments": {"repository": repo, "session": "cache"}}
            yield
            self._keys.clear()
            self._region_inst = self._backend_inst = None  # nothing to delete from a closed store


class TestBackend(OnSnakestore, _GenericBackendTestSuite):
    pass


class TestSerializer(OnSnakestore, _GenericSerializerTestSuite, _GenericBackendTestSuite):
    pass


class TestMutex(OnSnakestore, _GenericMutexTestSuite):
    pass
