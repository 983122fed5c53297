from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from snakestore import SessionRepository, create_engine, upgrade
from snakestore.storage.url import parse
from tests.servers import emptied, postgresql_database, postgresql_server

__all__ = ["postgresql_database", "postgresql_server"]

with warnings.catch_warnings(), suppress(ModuleNotFoundError):
    # it opens databases in memory while it is imported, and does not close them
    warnings.simplefilter("ignore", ResourceWarning)
    import datasette.app  # noqa: F401 - imported here once

UNCLOSED = pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
"""Datasette opens databases in memory with each page of a table too."""
HOSTILE = "<script>document.title = 'run'</script>\"'&/?#%"


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine on an empty store."""
    if request.param == "sqlite":
        engine = create_engine(tmp_path / "s.db")
        upgrade(engine)
    else:
        url = request.getfixturevalue("postgresql_database")
        emptied(url)
        engine = create_engine(url)
    yield engine
    engine.dispose()


def filled(path: Path) -> Path:
    """A file with a session of everything, and one whose texts try to be markup."""
    path.parent.mkdir(parents=True, exist_ok=True)
    present = datetime.now(UTC)
    time = {"now": present - timedelta(hours=30)}
    with SessionRepository.open(path, clock=lambda: time["now"], default_ttl=None) as repo:
        repo.create_session("chat-42", ttl=7 * 86400, metadata={"user": "ada"})
        repo.register_variable("chat-42", "temperature", "float", 0.5, constraints={"max": 2})
        repo.register_variable(
            "chat-42", "mode", "choice", "fast", constraints={"choices": ["fast", "slow"]}
        )
        repo.register_variable("chat-42", "debug", "boolean", value=False)
        repo.register_variable("chat-42", "prompt", "string", "Be brief.\nBe kind.\n" * 9)
        steps = [{"name": f"step {number}", "weight": number / 4} for number in range(9)]
        repo.register_variable("chat-42", "plan", "json", {"steps": steps})
        repo.register_variable("chat-42", "vector", "embedding", [0.1, 0.2, 0.3])
        for number in range(28):
            time["now"] += timedelta(hours=1)
            value = round(0.5 + 0.4 * ((number * 7) % 11) / 11, 2)
            repo.update_variable("chat-42", "temperature", value, source="search")
            if number % 6 == 0:
                repo.update_variable("chat-42", "mode", ["slow", "fast"][number % 4 == 0])
        time["now"] = present
        repo.rollback_variable("chat-42", "temperature", 3, reason="worse answers")
        repo.put_program("chat-42", "qa", {"demos": [{"q": "?", "a": "!"}] * 8})
        repo.put_program("chat-42", "qa", {"demos": []})
        repo.append_log("chat-42", "talk", [{"role": "user", "n": n} for n in range(120)])
        repo.start_optimization("chat-42", "mode", "tuner-1", lease=3600)
        repo.create_session(HOSTILE, metadata={HOSTILE: HOSTILE}, worker_id=HOSTILE)
        repo.register_variable(HOSTILE, HOSTILE, "string", HOSTILE)
        repo.update_variable(HOSTILE, HOSTILE, HOSTILE * 9, source=HOSTILE)
        repo.put_program(HOSTILE, HOSTILE, {HOSTILE: HOSTILE})
        repo.append_log(HOSTILE, HOSTILE, [HOSTILE])
        repo.start_optimization(HOSTILE, HOSTILE, HOSTILE)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return filled(tmp_path / "store" / "agent.db")


class Browser:
    """Asks the inspector for pages, without a browser."""

    def __init__(self, path: Path, runner: asyncio.Runner) -> None:
        from snakestore.inspector.server import application

        self._runner = runner
        self._app = application(parse(path))

    def __call__(self, address: str, *, method: str = "GET", host: str = "127.0.0.1") -> Any:
        """The answer."""
        import httpx

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport) as client:
                return await client.request(method, f"http://{host}{address}")

        return self._runner.run(ask())

    def text(self, address: str, **parameters: str | int) -> str:
        """A page that is answered."""
        import httpx

        query = f"?{httpx.QueryParams(parameters)}" if parameters else ""
        answer = self(address + query)
        assert answer.status_code == 200, (address, answer.text)
        return str(answer.text)


@pytest.fixture
def browse() -> Iterator[Any]:
    """Opens a store in the inspector."""
    pytest.importorskip("datasette", reason="the extra `inspect` is not installed")
    with asyncio.Runner() as runner:
        yield lambda path: Browser(path, runner)


def content(folder: Path) -> dict[str, bytes]:
    """The files of a folder, by name."""
    return {each.name: each.read_bytes() for each in folder.iterdir()}
