"""LangGraph's own suite of checkpointers, for both checkpointers."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil

import pytest

pytest.importorskip(
    "langgraph.checkpoint.conformance",
    reason="needs the extras langgraph and suites: langgraph-checkpoint-conformance",
)

from langgraph.checkpoint.conformance import spec

from snakestore.integrations.langgraph import AsyncSnakestoreSaver, SnakestoreSaver

SUITE = "LangGraph's checkpointer conformance|langgraph-checkpoint"

pytestmark = pytest.mark.slow

TESTS = [
    test
    for module in pkgutil.iter_modules(spec.__path__, f"{spec.__name__}.")
    for name, tests in vars(importlib.import_module(module.name)).items()
    if name.startswith("ALL_")
    for test in tests
]


@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.__name__)
def test_awaited_checkpointer_passes(test, store_url):
    async def run():
        async with AsyncSnakestoreSaver(store_url) as saver:
            await test(saver)

    asyncio.run(run())


@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.__name__)
def test_checkpointer_passes(test, store_url):
    with SnakestoreSaver(store_url) as saver:
        asyncio.run(test(saver))
