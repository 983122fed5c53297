"""Power loss, simulated by its result: writes that were not synced are cut off or garbled.

In WAL mode a commit appends to the log; the database file itself changes only in a checkpoint,
after the log was synced. So a file as of the last checkpoint with its log cut or garbled anywhere
is what a power failure may leave.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from snakestore import CorruptStoreError, SessionRepository
from tests.faults import power
from tests.faults.soundness import assert_sound

WRITES = 60


@pytest.fixture
def failed(tmp_path: Path) -> Path:
    """A store and its log after a power loss: no connection closed, no checkpoint."""
    path = tmp_path / "live.db"
    with SessionRepository.open(path, history=WRITES) as repo:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "a", "integer", 0)
        repo.register_variable("s", "b", "tensor", {"shape": [500], "data": [0.0] * 500})
    with SessionRepository.open(path) as repo:
        for number in range(1, WRITES + 1):
            # each commit writes both, so that half of one would show
            repo.update_variables(
                "s", {"a": number, "b": {"shape": [500], "data": [float(number)] * 500}}
            )
        (tmp_path / "failed").mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", tmp_path / "failed" / f"s.db{suffix}")
    return tmp_path / "failed" / "s.db"


def prefix_in(path: Path) -> int:
    """How many of the commits are there, all of them whole and none missing in between."""
    with SessionRepository.open(path) as repo:
        batch = repo.get_variables("s", ["a", "b"]).found
        history = [past.value for past in repo.variable_history("s", "a")]
    number = batch["a"].value
    assert batch["a"].version == number
    assert batch["b"].value["data"] == [float(number)] * 500
    assert history == list(range(number - 1, -1, -1))
    assert_sound(path)
    return number


def damaged(failed: Path, number: int, change: str) -> Path:
    """A copy with its log cut or garbled at a random place."""
    path = failed.with_name(f"{change}{number}.db")
    shutil.copy(failed, path)
    log = bytearray(failed.with_name("s.db-wal").read_bytes())
    at = random.randrange(len(log))
    if change == "cut":
        del log[at:]
    elif change == "garbled":
        log[at : at + 64] = os.urandom(len(log[at : at + 64]))
    else:
        log[at:] = bytes(len(log) - at)
    Path(f"{path}-wal").write_bytes(log)
    return path


@pytest.mark.parametrize("change", ["cut", "garbled", "zeroed"])
def test_a_damaged_log_opens_as_a_prefix_of_the_commits(failed, change, size, figures):
    copies = size(12, 300, default=12)

    kept = [prefix_in(damaged(failed, number, change)) for number in range(copies)]

    figures(
        "power loss",
        change=change,
        copies=copies,
        commits=WRITES,
        fewest=min(kept),
        most=max(kept),
        torn=0,
    )
    assert all(0 <= number <= WRITES for number in kept)
    assert len(set(kept)) > 2  # the places were spread


def test_a_log_that_is_whole_holds_every_commit(failed):
    assert prefix_in(failed) == WRITES


def test_a_database_file_that_is_cut_is_reported_as_damaged(failed):
    with closing(sqlite3.connect(failed)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = failed.read_bytes()
    for length in (len(whole) // 3, len(whole) - 5000):
        path = failed.with_name(f"cut{length}.db")
        path.write_bytes(whole[:length])

        with pytest.raises(CorruptStoreError):
            SessionRepository.open(path)
        assert path.read_bytes() == whole[:length]


# --- what is synced, and when

SCENE = """
import os, sys
from snakestore import CorruptStoreError, SessionRepository
repo = SessionRepository.open(sys.argv[1], durability=sys.argv[2])
repo.create_session("s", ttl=None)
repo.register_variable("s", "x", "integer", 0)
os.write(1, b"BEGIN\\n")
for number in range(50):
    repo.update_variable("s", "x", number)
os.write(1, b"END\\n")
repo.close()
"""
SHIM = """
#include <unistd.h>
int fsync(int fd) { (void) fd; return write(1, "SYNC\\n", 5) == 5 ? 0 : -1; }
int fdatasync(int fd) { return fsync(fd); }
"""


def syncs_by_strace(path: Path, durability: str) -> str:
    trace = path.with_suffix(".trace")
    command = [
        "strace",
        "-f",
        "-o",
        str(trace),
        "-e",
        "trace=fsync,fdatasync,write",
        sys.executable,
        "-c",
        SCENE,
        str(path),
        durability,
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    return trace.read_text()


def syncs_by_shim(path: Path, durability: str) -> str:
    source, shim = path.with_suffix(".c"), path.with_suffix(".so")
    source.write_text(SHIM)
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", str(shim), str(source)],
        check=True,
        capture_output=True,
        timeout=100,
    )
    command = [sys.executable, "-c", SCENE, str(path), durability]
    return subprocess.run(
        command,
        check=True,
        capture_output=True,
        timeout=100,
        text=True,
        env={**os.environ, "LD_PRELOAD": str(shim)},
    ).stdout


def counted_syncs(path: Path, durability: str) -> tuple[str, int | None]:
    """How syncs were counted, and their number in 50 commits; None if no tool counts them."""
    for way, count in (("strace", syncs_by_strace), ("a shim", syncs_by_shim)):
        try:
            told = count(path, durability)
        except (OSError, subprocess.CalledProcessError):
            path.unlink(missing_ok=True)
            continue
        return way, len(re.findall(r"sync\(|SYNC", told.partition("BEGIN")[2].partition("END")[0]))
    return "nothing", None


@pytest.mark.parametrize("durability", ["normal", "full"])
def test_full_durability_syncs_every_commit_and_normal_does_not(tmp_path, durability, figures):
    way, syncs = counted_syncs(tmp_path / "s.db", durability)

    figures("syncs", durability=durability, commits=50, syncs=syncs, counted_by=way)
    if syncs is None:
        pytest.skip("there is neither strace nor a C compiler to count syncs with")
    assert syncs >= 50 if durability == "full" else syncs < 5


# --- the power is cut

WRITERS = """
import sys
from threading import Thread
from snakestore import SessionRepository
from tests.faults.power import acknowledged

path, process, durability, count = sys.argv[1:]
repo = SessionRepository.open(path, durability=durability)
repo.create_session("s", ttl=None, exist_ok=True)

def work(writer):
    repo.register_variable("s", str(writer), "string", "", exist_ok=True)
    for number in range(1, int(count) + 1):
        repo.update_variable("s", str(writer), "x" * 3000)
        acknowledged(writer, number)

threads = [Thread(target=work, args=(2 * int(process) + number,)) for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
repo.close()
"""


def lost_in_cuts(folder: Path, durability: str, writes: int, cuts: int) -> int:
    """After how many power cuts something acknowledged to one of six writers was missing."""
    processes = [[str(number), durability, str(writes)] for number in range(3)]
    try:
        events = power.recorded(folder, WRITERS, *processes)
    except power.NoCompilerError:
        pytest.skip("there is no C compiler to build a recorder of writes with")
    told = [number for number, event in enumerate(events) if event.kind == "A"]
    lost = 0
    for number in range(cuts):
        before = events[: random.randrange(told[0] + 1, len(events))]
        acknowledged = {event.file: event.at for event in before if event.kind == "A"}
        power.cut(before, folder / f"cut{number}.db")
        with closing(sqlite3.connect(folder / f"cut{number}.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            try:
                stored = dict(connection.execute("SELECT name, version FROM variables"))
            except sqlite3.OperationalError:  # not even the tables
                stored = {}
        lost += any(stored.get(str(who), -1) < last for who, last in acknowledged.items())
        (folder / f"cut{number}.db").unlink()
    return lost


def test_what_was_acknowledged_with_full_durability_is_there_after_a_power_cut(
    tmp_path, size, figures
):
    cuts = size(60, 1000, default=10)

    lost = lost_in_cuts(tmp_path, "full", size(100, 150, default=30), cuts)

    figures("cuts", durability="full", cuts=cuts, lost=lost)
    assert lost == 0


@pytest.mark.slow
def test_a_power_cut_that_nothing_was_synced_before_is_noticed(tmp_path):
    assert lost_in_cuts(tmp_path, "normal", 50, 20) > 10
