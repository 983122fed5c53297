"""The recipes of docs/concurrency.md, with the real servers and start methods."""

from __future__ import annotations

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

import pytest

from snakestore import SessionRepository

PAGE = Path(__file__).parents[2] / "docs" / "concurrency.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the store of the page, and its recipes as files."""
    with SessionRepository.open(tmp_path / "shared.db") as repo:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "count", "integer", 0)
    for body in re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    ):
        named = re.match(r"# (\w+\.py)\n", body)
        if named:
            (tmp_path / named[1]).write_text(body)
    return tmp_path


def count(folder: Path) -> int:
    with SessionRepository.open(folder / "shared.db") as repo:
        assert repo.check().problems == []
        return repo.get_value("s", "count")


class UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self._path)


def visit(path: Path) -> int:
    connection = UnixConnection(path)
    connection.request("GET", "/")
    answer = connection.getresponse().read()
    connection.close()
    return int(answer)


@contextmanager
def gunicorn(folder: Path, *arguments: str) -> Iterator[Path]:
    """A server of the recipe. It ends with the block, and has reported nothing."""
    place = folder / "socket"
    log = folder / "log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "--bind",
                f"unix:{place}",
                "--log-level",
                "warning",
                *arguments,
                "app:application",
            ],
            cwd=folder,
            stdout=file,
            stderr=file,
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


@pytest.mark.parametrize("preload", [["--preload"], []], ids=["preload", "each worker"])
@pytest.mark.parametrize("kind", [["--workers", "4"], ["--workers", "2", "--threads", "4"]])
def test_gunicorn_counts_every_visit(folder: Path, kind: list[str], preload: list[str]) -> None:
    pytest.importorskip("gunicorn")
    with gunicorn(folder, *kind, *preload) as place, ThreadPoolExecutor(8) as clients:
        visits = list(clients.map(lambda _: visit(place), range(80)))

    assert sorted(visits) == list(range(1, 81))
    assert count(folder) == 80


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
        env={**os.environ, "PYTHONPATH": str(PAGE.parents[1])},
    )

    assert (done.returncode, done.stderr, done.stdout.strip()) == (0, "", "20")
    assert count(folder) == 20
