"""Writes that wait for the same turn, and what they have written."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from snakestore import AsyncSessionRepository, SessionRepository
from snakestore.repository.variables import writes
from snakestore.storage.execution import autocommit

TASKS = 20


NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Commits:
    """The commits of single writes, which may fail as they are told to."""

    def __init__(self) -> None:
        self.count = 0
        self.errors: list[Exception] = []
        self._commit = autocommit.commit_write

    def __call__(self, connection: Any) -> None:
        self.count += 1
        if self.errors:
            raise self.errors.pop()
        self._commit(connection)


@contextlib.asynccontextmanager
async def waiting(
    repo: AsyncSessionRepository, *writes: Awaitable[Any]
) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Tasks that all wait for the write lock, which is free when the block is left."""
    async with repo.transaction():
        tasks = [asyncio.ensure_future(write) for write in writes]
        for _ in range(3):
            await asyncio.sleep(0)
        yield tasks


async def together(repo: AsyncSessionRepository, *writes: Awaitable[Any]) -> list[Any]:
    """The results and errors of writes that waited for the same turn."""
    async with waiting(repo, *writes) as tasks:
        pass
    return await asyncio.gather(*tasks, return_exceptions=True)


class Held:
    """Holds up the write of one value in its thread."""

    def __init__(self, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        replace = writes.replace_value

        def replaced(*args: Any, **kwargs: Any) -> Any:
            result = replace(*args, **kwargs)
            if result.value == value:
                self.begun.set()
                assert self.may_end.wait(30)
            return result

        monkeypatch.setattr(writes, "replace_value", replaced)


def acknowledged_before_kill(writer: str, path: Path) -> list[int]:
    """What a program acknowledged of each variable, by lines ``name value``, before a kill."""
    acknowledged = dict.fromkeys([f"v{number}" for number in range(TASKS)], 0)
    with subprocess.Popen(
        [sys.executable, "-c", writer, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for number, line in enumerate(process.stdout):
            if number == 500:
                process.send_signal(signal.SIGKILL)
            if line.endswith("\n"):
                name, value = line.split()
                acknowledged[name] = int(value)
    return [*acknowledged.values()]


def updates(repo: AsyncSessionRepository, value: int = 1) -> list[Awaitable[Any]]:
    return [repo.update_variable("s", f"v{number}", value) for number in range(TASKS)]


def values(path: Path) -> list[int]:
    with SessionRepository.open(path) as repo:
        return [repo.get_value("s", f"v{number}") for number in range(TASKS)]


def versions(path: Path) -> list[int]:
    with SessionRepository.open(path) as repo:
        return [repo.get_variable("s", f"v{number}").version for number in range(TASKS)]


def numbered(repo: AsyncSessionRepository) -> list[Awaitable[Any]]:
    return [repo.update_variable("s", f"v{number}", number + 1) for number in range(TASKS)]


def some_write(chance: random.Random) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """A method and its arguments; many are refused."""
    sid = chance.choice(["s", "s", "s", "t", "missing"])
    name = f"v{chance.randrange(6)}"
    expected = chance.choice([None, None, 0, 1, 2, 3])
    number = chance.randrange(100)
    return chance.choice(
        [
            ("update_variable", (sid, name, number), {"expected_version": expected}),
            ("update_variable", (sid, name, "no number"), {}),
            ("update_variable", (sid, name, number), {"optimizer_id": "someone"}),
            ("set_value", (sid, f"w{chance.randrange(4)}", number), {"expected_version": expected}),
            ("set_values", (sid, {name: number, "x": "text", "v0": number}), {}),
            ("update_variables", (sid, {name: number, "nothing": 1}), {"atomic": False}),
            ("register_variable", (sid, name, "integer", number), {}),
            ("modify_variable", (sid, name, lambda value: value + 1), {}),
            ("start_optimization", (sid, name, "one"), {}),
            ("end_optimization", (sid, name, "one"), {}),
            ("rollback_variable", (sid, name, number % 3), {}),
            ("append_log", (sid, "log", [number]), {"expected_length": chance.choice([None, 1])}),
            ("pop_log", (sid, "log"), {}),
            ("put_program", (sid, "p", {"n": number}), {"expected_version": expected}),
            ("delete_program", (sid, "p"), {}),
            ("create_session", (chance.choice(["s", "t", "u"]),), {}),
            ("update_session", (sid,), {"metadata": {"n": number}}),
            ("touch", (sid,), {}),
        ]
    )


def shown(outcome: Any) -> str:
    """An outcome without the random part of ids, and what depends on it."""
    return re.sub("_[0-9a-f]{32}|'checksum': '[0-9a-f]+'", "", f"{outcome!r} {outcome}")


def contents(path: Path) -> list[str]:
    with SessionRepository.open(path, clock=lambda: NOW) as repo:
        return sorted(shown(record) for record in repo.export_sessions())
