"""A primary is killed under eight writers, and its synchronous standby takes over."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import snakestore
from snakestore import SessionRepository, SnakeStoreError, StoreReadOnlyError
from tests.postgresql.replication import Pair, primary_and_standby
from tests.servers import needs_a_server_package

pytestmark = pytest.mark.slow

READ_ONLY = "read"
SESSIONS = [f"s{number}" for number in range(8)]
AHEAD = timedelta(minutes=2)
"""So a read is due to be recorded: accesses may lag by a minute."""
WRITER = """
import json, pathlib, sys, time
from snakestore import CommitUnknownError, SessionRepository

url, name, stop = sys.argv[1:]
acknowledged, unknown, times = 0, 0, []
with SessionRepository.open(url) as repo:
    print(flush=True)
    while not pathlib.Path(stop).exists():
        try:
            repo.modify_variable(name, "n", lambda value: value + 1)
        except CommitUnknownError:
            unknown += 1
        else:
            acknowledged += 1
            times.append(time.time())
print(json.dumps([acknowledged, unknown, times]))
"""


@dataclass
class Failover:
    """What was seen of it. Times are seconds of the system's clock."""

    refused: SnakeStoreError | None = None
    """What a write to the standby raised."""
    promoted_at: float = 0.0
    recorded_at: float = 0.0
    """When a read over what was opened on the standby was recorded as an access."""
    acknowledged: list[int] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)
    """The writes of each writer: those that succeeded, and those of unknown outcome."""
    first_writes: list[float] = field(default_factory=list)
    """When each writer first wrote to the new primary."""
    found: list[int] = field(default_factory=list)
    """The counters in the end."""
    sound: bool = False


@pytest.fixture(scope="module")
def failover(tmp_path_factory: pytest.TempPathFactory) -> Failover:
    needs_a_server_package()
    stop = tmp_path_factory.mktemp("failover") / "stop"
    with primary_and_standby() as pair:
        snakestore.upgrade(pair.primary)
        with SessionRepository.open(pair.primary) as repo:
            for name in [*SESSIONS, READ_ONLY]:
                repo.create_session(name, ttl=None)
                repo.register_variable(name, "n", "integer", 0)
        pair.follow()
        with (
            _writing(pair, stop) as writers,
            SessionRepository.open(pair.standby, clock=lambda: datetime.now(UTC) + AHEAD) as repo,
        ):
            return _fail_over(pair, repo, writers, stop)


@contextmanager
def _writing(pair: Pair, stop: Path) -> Iterator[list[subprocess.Popen[str]]]:
    url = pair.either.render_as_string(hide_password=False)
    with ExitStack() as stack:
        writers = []
        for session in SESSIONS:
            writer = subprocess.Popen(
                [sys.executable, "-c", WRITER, url, session, str(stop)],
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(writer.__exit__, None, None, None)
            stack.callback(writer.kill)
            writers.append(writer)
        yield writers


def _fail_over(
    pair: Pair, repo: SessionRepository, writers: list[subprocess.Popen[str]], stop: Path
) -> Failover:
    """Kill the primary once all write; ``repo`` was opened on the standby."""
    seen = Failover()
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.readline()
    _wait_until(lambda: min(_counters(repo)) > 5)
    with pytest.raises(SnakeStoreError) as refused:
        repo.update_variable(SESSIONS[0], "n", 0)
    seen.refused = refused.value
    pair.kill_primary()
    pair.promote()
    seen.promoted_at = time.time()
    _wait_until(lambda: _reads_are_recorded(repo))
    seen.recorded_at = time.time()
    before = _counters(repo)
    _wait_until(lambda: all(new > old for new, old in zip(_counters(repo), before, strict=True)))
    stop.touch()
    for writer in writers:
        output, _ = writer.communicate(timeout=30)
        acknowledged, unknown, times = json.loads(output)
        seen.acknowledged.append(acknowledged)
        seen.unknown.append(unknown)
        seen.first_writes.append(min(each for each in times if each > seen.promoted_at))
    seen.found = _counters(repo)
    seen.sound = repo.check().ok
    return seen


def _counters(repo: SessionRepository) -> list[int]:
    return [repo.get_value(name, "n") for name in SESSIONS]


def _reads_are_recorded(repo: SessionRepository) -> bool:
    """Read a session that nobody writes to; whether that moved its last access."""
    [before] = repo.list_sessions(READ_ONLY)
    repo.get_value(READ_ONLY, "n")
    [after] = repo.list_sessions(READ_ONLY)
    return after.last_accessed > before.last_accessed


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "the writers do not get on"
        time.sleep(0.02)


def test_no_acknowledged_write_is_lost(failover: Failover) -> None:
    assert all(
        acknowledged <= found <= acknowledged + unknown
        for acknowledged, found, unknown in zip(
            failover.acknowledged, failover.found, failover.unknown, strict=True
        )
    )
    assert min(failover.acknowledged) > 5
    assert failover.sound


def test_the_promoted_standby_is_written_to_within_a_second(failover: Failover) -> None:
    assert min(failover.first_writes) - failover.promoted_at < 1.0


def test_what_was_opened_on_the_standby_records_accesses_once_it_is_promoted(
    failover: Failover,
) -> None:
    assert isinstance(failover.refused, StoreReadOnlyError)
    assert failover.recorded_at - failover.promoted_at < 1.0
