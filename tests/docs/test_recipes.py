"""Recipes of docs/concurrency.md and docs/web-service.md: real servers, all start methods."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from snakestore import SessionRepository

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "concurrency.md", DOCS / "web-service.md"]
STORES = ["shared.db", "agent.db"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the stores of the pages, and their recipes as files."""
    for store in STORES:
        with SessionRepository.open(tmp_path / store) as repo:
            repo.create_session("s", ttl=None)
            repo.register_variable("s", "count", "integer", 0)
    for page in PAGES:
        for body in re.findall(
            r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
        ):
            named = re.match(r"# (\w+\.py)\n", body)
            if named:
                (tmp_path / named[1]).write_text(body)
    return tmp_path


def count(folder: Path, store: str = "shared.db") -> int:
    with SessionRepository.open(folder / store) as repo:
        assert repo.check().problems == []
        return repo.get_value("s", "count")


class UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = str(path)

    def connect(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(60)
            try:
                self.sock.connect(self._path)
            except ConnectionRefusedError:  # uvicorn makes the file before its workers listen
                self.sock.close()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            else:
                return


def visit(path: Path, method: str = "GET", target: str = "/") -> int:
    connection = UnixConnection(path)
    connection.request(method, target)
    answer = connection.getresponse().read()
    connection.close()
    return int(answer)


def ask(path: Path, method: str, target: str, body: Any = None) -> tuple[int, Any]:
    """The status and the JSON of an answer."""
    connection = UnixConnection(path)
    headers = {"Content-Type": "application/json"}
    connection.request(method, target, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


@contextmanager
def serving(folder: Path, *command: str) -> Iterator[Path]:
    """A server at the file ``socket``. It ends with the block, and has reported nothing."""
    place = folder / "socket"
    log = folder / "log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=folder, stdout=file, stderr=file
        )
        try:
            while not place.exists():
                assert server.poll() is None, log.read_text()
                time.sleep(0.01)
            yield place
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
    assert log.read_text() == ""


@contextmanager
def gunicorn(folder: Path, *arguments: str) -> Iterator[Path]:
    """The application of the recipe in gunicorn."""
    bind = ["--bind", "unix:socket", "--log-level", "warning"]
    with serving(folder, "gunicorn", *bind, *arguments, "app:application") as place:
        yield place


@contextmanager
def uvicorn(folder: Path, *arguments: str) -> Iterator[Path]:
    """The application of the recipe in uvicorn."""
    bind = ["--uds", "socket", "--log-level", "warning"]
    with serving(folder, "uvicorn", *bind, *arguments, "service:app") as place:
        yield place


@pytest.mark.parametrize("preload", [["--preload"], []], ids=["preload", "each worker"])
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(["--workers", "4"], marks=pytest.mark.slow),
        ["--workers", "2", "--threads", "4"],
    ],
)
def test_gunicorn_counts_every_visit(folder: Path, kind: list[str], preload: list[str]) -> None:
    pytest.importorskip("gunicorn")
    with gunicorn(folder, *kind, *preload) as place, ThreadPoolExecutor(8) as clients:
        visits = list(clients.map(lambda _: visit(place), range(80)))

    assert sorted(visits) == list(range(1, 81))
    assert count(folder) == 80


@pytest.mark.slow
@pytest.mark.parametrize("preload", [["--preload"], []], ids=["preload", "each worker"])
def test_gunicorn_loses_no_visit_when_workers_are_replaced_and_killed(
    folder: Path, preload: list[str]
) -> None:
    pytest.importorskip("gunicorn")
    with gunicorn(folder, "--workers", "3", "--max-requests", "7", *preload) as place:
        visits = [visit(place) for _ in range(60)]

    assert visits == sorted(set(visits))
    assert count(folder) == visits[-1] == 60


@pytest.mark.parametrize("start_method", multiprocessing.get_all_start_methods())
def test_workers_of_every_start_method_count_together(folder: Path, start_method: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "workers.py", start_method, "shared.db"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(DOCS.parent)},
    )

    assert (done.returncode, done.stderr, done.stdout.strip()) == (0, "", "20")
    assert count(folder) == 20


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "4"])
def test_uvicorn_counts_every_request(folder: Path, workers: str) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    with uvicorn(folder, "--workers", workers) as place, ThreadPoolExecutor(20) as clients:
        counts = list(clients.map(lambda _: visit(place, "POST", "/count"), range(80)))

    assert sorted(counts) == list(range(1, 81))
    assert count(folder, "agent.db") == 80


@pytest.mark.slow
def test_the_service_keeps_chats_and_answers_errors_with_a_status(folder: Path) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    turn = {"role": "user", "content": "Hi"}
    with uvicorn(folder) as place:
        lengths = [ask(place, "POST", "/chats/ada/turns", turn) for _ in range(3)]
        last = ask(place, "GET", "/chats/ada/turns?last=2")
        missing = ask(place, "GET", "/chats/nobody/turns")
        too_long = ask(place, "POST", f"/chats/{'x' * 300}/turns", turn)

    assert lengths == [(200, 1), (200, 2), (200, 3)]
    assert last == (200, [turn, turn])
    assert missing == (404, {"error": "SessionNotFoundError"})
    assert too_long == (422, {"error": "InvalidNameError"})


@pytest.mark.slow
def test_clients_that_go_away_leave_no_block_behind(folder: Path) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    with uvicorn(folder) as place:
        for _ in range(20):
            hasty = UnixConnection(place)
            hasty.request("POST", "/count")
            hasty.close()
        seen = visit(place, "POST", "/count")

    assert 1 <= seen <= 21
    assert count(folder, "agent.db") >= seen
