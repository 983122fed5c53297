from __future__ import annotations

import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import snakestore
from snakestore import SessionRepository
from snakestore.storage.schema.revisions import REVISIONS
from tests.faults import crew, work
from tests.faults.soundness import assert_sound

WORKERS = 3


def prepare(path: Path) -> None:
    work.prepare(path)
    with SessionRepository.open(path) as repo:
        for worker in range(WORKERS):
            repo.register_variable("s", f"own{worker}", "integer", 0)


def write_until_killed(
    path: Path, kind: str, seconds: float, broken: str | None = None
) -> list[str]:
    """Let processes write, kill them all; what they had logged as acknowledged."""
    log = path.with_suffix(".log")
    with crew.Crew(
        work.until_killed, [(path, kind, log, worker, broken) for worker in range(WORKERS)]
    ) as workers:
        while not log.exists():
            time.sleep(0.001)  # until they are at work
        time.sleep(seconds)
        workers.kill()
    return log.read_text().splitlines()


@dataclass
class Acknowledged:
    """What the workers logged as acknowledged before they were killed."""

    latest: dict[str, int] = field(default_factory=dict)
    """The last number written to each variable that one worker writes."""
    batches: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    """Version and value of each batch."""
    modified: int = 0
    sessions: list[list[str]] = field(default_factory=list)
    """Id and fate of each session."""
    held: dict[str, str] = field(default_factory=dict)
    """The holder of each variable that was claimed."""
    imported: set[int] = field(default_factory=set)
    """The workers that imported sessions."""
    appended: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """How many entries each worker appended."""

    def note(self, kind: str, *rest: str) -> None:
        """Note a line of the log."""
        if kind == "update":
            self.latest[f"own{rest[0]}"] = int(rest[1])
        elif kind == "modify":
            self.modified += 1
        elif kind == "batch":
            self.batches.append((int(rest[0]), int(rest[1])))
        elif kind == "claim":
            assert rest[1] not in self.held, "claimed twice"
            self.held[rest[1]] = rest[0]
        elif kind == "ending":
            del self.held[rest[1]]
        elif kind == "import":
            self.imported.add(int(rest[0]))
        elif kind == "append":
            self.appended[int(rest[0])] = int(rest[1])
        else:
            self.sessions.append(list(rest))


def assert_acknowledged(path: Path, log: list[str]) -> None:
    """All acknowledged writes are there, and at most one complete write more per worker."""
    acknowledged = Acknowledged()
    for line in log:
        acknowledged.note(*line.split())
    with SessionRepository.open(path) as repo:
        assert_updated(repo, acknowledged)
        assert_batches(repo, acknowledged.batches)
        assert_held(repo, acknowledged.held)
        assert_appended(repo, acknowledged.appended)
        assert_imported(repo, acknowledged.imported)
        assert_sessions(repo, acknowledged.sessions)


def assert_updated(repo: SessionRepository, acknowledged: Acknowledged) -> None:
    """Acknowledged updates are there, and every modification counts once."""
    for name, number in acknowledged.latest.items():
        value = repo.get_value("s", name)
        assert number <= value or number <= max(
            past.value for past in repo.variable_history("s", name)
        )
    counted = repo.get_variable("s", "modified")
    assert acknowledged.modified <= counted.value <= acknowledged.modified + WORKERS
    assert counted.value == counted.version


def assert_batches(repo: SessionRepository, batches: list[tuple[int, int]]) -> None:
    """The variables of a batch are of the same batch, no older than the last acknowledged one."""
    batch = {(variable.version, variable.value) for variable in repo.list_variables("s", "b*")}
    assert len(batch) == 1, "half a batch"
    version, value = batch.pop()
    assert max(batches)[0] <= version <= len(batches) - 1 + WORKERS
    assert version > max(batches)[0] or value == max(batches)[1]


def assert_held(repo: SessionRepository, held: dict[str, str]) -> None:
    """Acknowledged claims are there, until they were ended."""
    holders = {
        variable.name: variable.optimization_status.optimizer_id
        for variable in repo.list_variables("s")
        if variable.optimizing
    }
    assert held.items() <= holders.items()
    assert len(holders) <= len(held) + WORKERS


def assert_sessions(repo: SessionRepository, sessions: list[list[str]]) -> None:
    """Acknowledged sessions are there, with none of their transactions done half."""
    there = {session.id for session in repo.list_sessions(include_expired=True)}
    assert {sid for sid, fate in sessions if fate == "lives"} <= there
    assert all(
        repo.get_value(sid, "v") % 2 == 0
        for sid in there
        if sid.startswith("w") and repo.has_variable(sid, "v")
    )


def assert_imported(repo: SessionRepository, workers: set[int]) -> None:
    """Acknowledged imports are there, and every session of an import is whole."""
    for worker in range(WORKERS):
        there = [session.id for session in repo.list_sessions(f"imported{worker}-*")]
        always = [f"imported{worker}-1", f"imported{worker}-2"]
        assert there in ([], always, [f"imported{worker}-0", *always])
        assert there or worker not in workers
        assert all(repo.log_length(sid, "log") == 20 for sid in there)


def assert_appended(repo: SessionRepository, acknowledged: dict[int, int]) -> None:
    """Each acknowledged pair is there once, whole and in order, at positions without gaps."""
    log = repo.read_log("s", "shared") if repo.has_log("s", "shared") else []
    assert [entry.position for entry in log] == list(range(len(log)))
    values = [entry.value for entry in log]
    assert len(values) % 2 == 0, "half an append"
    pairs = list(zip(values[::2], values[1::2], strict=True))
    assert all(([*one[:2], "second"]) == other for one, other in pairs)
    for worker in range(WORKERS):
        numbers = [one[1] for one, _ in pairs if one[0] == worker]
        assert numbers == list(range(1, len(numbers) + 1))
        assert acknowledged[worker] <= len(numbers) <= acknowledged[worker] + 1
    for name in repo.list_logs("s", "capped*"):
        values = [entry.value for entry in repo.read_log("s", name)]
        assert len(values) == repo.log_length("s", name) <= 5
        assert values == sorted(values)


@pytest.mark.parametrize("kind", work.KINDS)
def test_kill_9_loses_nothing_acknowledged_and_leaves_nothing_half(tmp_path, kind, size, figures):
    kills, acknowledged = size(5, 50), 0
    for number in range(kills):
        path = tmp_path / f"{number}.db"
        prepare(path)
        log = write_until_killed(path, kind, random.uniform(0.0, 0.25))
        acknowledged += len(log)

        assert_acknowledged(path, log)
        assert_sound(path)

    figures("kill -9", kind=kind, kills=kills, processes=WORKERS, acknowledged=acknowledged, lost=0)


def test_kill_9_in_a_migration_leaves_the_old_schema_or_the_new_one(tmp_path, size, figures):
    path = tmp_path / "s.db"
    prepare(path)
    seen = set()

    for _ in range(size(10, 100)):
        with crew.Crew(work.migrate_until_killed, [(path, 0)]) as workers:
            time.sleep(random.uniform(0.0, 0.2))
            workers.kill()
        seen.add(snakestore.current(path))
        with SessionRepository.open(path) as repo:
            assert len(repo.variable_names("s")) == 3 + len(work.BATCH) + WORKERS
        assert_sound(path)

    figures("kill -9", kind="migration", kills=size(10, 100), processes=1, acknowledged=0, lost=0)
    assert seen <= set(REVISIONS)


def test_control_of_kills(tmp_path):
    with pytest.raises(AssertionError):
        for number in range(20):
            path = tmp_path / f"{number}.db"
            prepare(path)
            log = write_until_killed(path, "batch", random.uniform(0.0, 0.25), "no transactions")
            assert_acknowledged(path, log)
