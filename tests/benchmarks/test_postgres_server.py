"""The temporary PostgreSQL server: shared by processes that name its folder, then removed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from benchmarks.postgres_server import stop_server_in
from tests.servers import needs_a_server_package

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
USER = """
import sys
from pathlib import Path
from benchmarks.postgres_server import server_in
with server_in(Path(sys.argv[1])) as server:
    print(server.get_pid(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder():
    """A folder that the server's own user may reach, unlike those of pytest."""
    needs_a_server_package()
    with tempfile.TemporaryDirectory(prefix="snakestore-server-") as name:
        yield Path(name)
        stop_server_in(Path(name))


@pytest.fixture
def start(folder):
    """Starts a process that uses the server in ``folder`` until its input ends."""
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", USER, str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def leave(process):
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_processes_that_start_at_once_share_a_server_which_the_last_of_them_stops(folder, start):
    processes = [start() for _ in range(3)]
    servers = {process.stdout.readline() for process in processes}

    leave(processes[0])
    leave(processes[1])
    running_for_the_last = (folder / "data" / "postmaster.pid").exists()
    leave(processes[2])

    assert len(servers) == 1
    assert running_for_the_last
    assert not (folder / "data" / "postmaster.pid").exists()


def test_a_server_whose_users_were_killed_is_stopped(folder, start):
    process = start()
    process.stdout.readline()
    process.kill()
    process.wait()
    left_behind = (folder / "data" / "postmaster.pid").exists()

    stop_server_in(folder)

    assert left_behind
    assert not (folder / "data" / "postmaster.pid").exists()
