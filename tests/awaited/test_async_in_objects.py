"""An object that holds an async repository can be copied; the copies share the repository."""

from __future__ import annotations

import asyncio
import copy
import pickle

import pytest

from snakestore import AsyncSessionRepository


def test_copies_are_the_repository_itself_and_pickling_is_refused():
    async def run():
        async with AsyncSessionRepository.open("sqlite://") as repo:
            held = {"repo": repo, "notes": ["a"]}
            again = copy.deepcopy(held)
            await again["repo"].create_session("s")
            with pytest.raises(TypeError, match=r"AsyncSessionRepository\.open"):
                pickle.dumps(held)
            return again["repo"] is copy.copy(repo) is repo, await repo.session_exists("s")

    assert asyncio.run(run()) == (True, True)
