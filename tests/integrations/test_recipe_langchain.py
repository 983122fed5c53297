"""LangChain's suites, on the store and the cache of docs/recipes.md."""

from __future__ import annotations

import pytest

pytest.importorskip("langchain_tests", reason="needs the extra snakestore[suites]")

from langchain_tests.integration_tests import (
    AsyncCacheTestSuite,
    BaseStoreAsyncTests,
    BaseStoreSyncTests,
    SyncCacheTestSuite,
)

from snakestore import SessionRepository
from tests.integrations.recipes import recipe

SUITE = "LangChain stores and cache|langchain-tests"
pytestmark = [pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")]


@pytest.fixture
def repo(store_url):
    with SessionRepository.open(store_url) as opened:
        opened.create_session("s", ttl=None)
        yield opened


class OfJson:
    @pytest.fixture
    def kv_store(self, repo):
        return recipe("langchain_store.py").StateStore(repo, "s")

    @pytest.fixture
    def three_values(self):
        return {"a": None}, "text", [1.5]


class OfBytes:
    @pytest.fixture
    def kv_store(self, repo):
        return recipe("langchain_store.py").StateStore(repo, "s", type="bytes")

    @pytest.fixture
    def three_values(self):
        return b"foo", b"\xff\x00", b""


class OfAnswers:
    @pytest.fixture
    def cache(self, repo):
        return recipe("langchain_cache.py").AnswerCache(repo, "s")


class TestStore(OfJson, BaseStoreSyncTests):
    pass


@pytest.mark.anyio
class TestStoreAwaited(OfJson, BaseStoreAsyncTests):
    pass


class TestStoreOfBytes(OfBytes, BaseStoreSyncTests):
    pass


@pytest.mark.anyio
class TestStoreOfBytesAwaited(OfBytes, BaseStoreAsyncTests):
    pass


class TestCache(OfAnswers, SyncCacheTestSuite):
    pass


@pytest.mark.anyio
class TestCacheAwaited(OfAnswers, AsyncCacheTestSuite):
    pass
