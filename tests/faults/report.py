"""Generate docs/reliability.md: ``python -m tests.faults.report [--exhaustive]``.

Run it in the top folder of the checkout.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"

HEAD = """\
# Reliability

This page states what survives a failure, and what was measured. `python -m tests.faults.report`
generates it: it runs the scenarios of `tests/faults` (`--exhaustive`: at full length) and writes
down their results. `pytest tests/faults --controls` runs broken variants of the library (get then set,
no `BEGIN IMMEDIATE`, no transactions, no lock at start). The same scenarios must detect each of
them.

| failure | `durability="normal"` | `durability="full"` |
| --- | --- | --- |
| the process is killed at any instant (`kill -9`, out of memory) | every acknowledged write survives | every acknowledged write survives |
| power failure or kernel crash | a prefix of the commits survives, in order; the last ones may be missing | every acknowledged write survives, if the disk honours syncs |
| the disk is full | every acknowledged write survives; writes raise `StoreFullError` until there is space; reads go on, and a closed store is opened for reading | the same |
| the file is removed or replaced while open | writes raise `StoreError` and change nothing; reads do so within a second; the log of a replaced file (`-wal`, `-shm`) damages the new one if it is not removed before that is opened | the same |
| the log (`-wal`, `-shm`) is removed or replaced while open | writes raise `StoreError` and change nothing, and the process does not open the file again; what was only in the log is lost | the same |
| an exception from outside at any instant (signal handler, `KeyboardInterrupt`, `MemoryError`, `RecursionError`) | it is raised unchanged; nothing is half done, nothing stays locked | the same |
| network file system, or one that several machines share | not supported; `NetworkFileSystemWarning` | the same |
| the file has several names (hard links) | not supported; `UnsafeFileWarning` | the same |
| the file itself is a mount point (`docker run -v FILE:FILE`) | refused (`StoreError`), nothing is changed; mount its folder | the same |
| snakestore's tables were altered by others: columns, collations, constraints, triggers, unique, partial or expression indexes | refused at opening (`SchemaError`), nothing is changed; reported by `check()` | the same |
| the database is not UTF-8 | refused (`StoreError`), nothing is changed | the same |
| disk corruption or manual edits | not recoverable; detected by `check()` and on read (`CorruptStoreError`). Restore a backup | the same |

With `durability="full"`, each write waits until the disk has stored it, after the write lock was
released: other writers go on meanwhile, and threads or tasks that wait at the same time share one sync. If
the disk cannot sync, the write raises `CommitUnknownError`, and the next one raises `StoreError`
until the disk works again. With "normal", SQLite syncs only when it moves the write-ahead log into
the file. A database in memory (`sqlite://`)
does not survive the process. On PostgreSQL, the server decides (`synchronous_commit`).

## Untrusted files

Opening a file runs no code from it:

- Nothing is unpickled or evaluated, and nothing is imported by a stored name.
- SQLite extensions are never loaded, and `trusted_schema` is off.
- A file that is not a database, has tables but no snakestore version table, or has a newer schema
  is refused. It is not changed.
- A store is refused if one of its tables **was altered**: it was replaced by a view or a virtual
  table, its columns or constraints are not those that the migrations create, or it has a foreign
  trigger or a foreign index that is unique, partial or over an expression. These could change or
  refuse what is stored. Plain indexes of others are allowed.
- Views with other names are never read.
- On PostgreSQL the same is refused, and so are rules, tables that inherit from one of snakestore's,
  and row level security that could hide rows from the role. Partitions made by
  `upgrade(partitions=)`, foreign keys that refer to snakestore's tables and disabled triggers are
  allowed. A CHECK is compared by its name, not by its expression.
- `check()` reports what was altered while the store was open, or on your own connection.
- Cells that were edited by hand raise `CorruptStoreError` (or another `SnakeStoreError`) on read.

## Maintenance

- **Check**: `repo.check()` or `snakestore check FILE` reads the whole store in pages while others
  work. `repair=True` (`--repair`) corrects the counts of sessions and nothing else.
- **Backup**: `repo.backup(path)` or `snakestore backup FILE TO` copies one state into a single
  file while others write. To restore it, close the store everywhere, remove its `-wal` and `-shm`
  files, and move the copy into its place.
- **Sweep**: `delete_expired()` works in small transactions. After every 20 ms of them it pauses,
  so that other writers can take the write lock. It then returns free space to the disk in steps
  of a few milliseconds.
- **Write-ahead log**: SQLite moves the log into the file every 1000 pages, after a sweep, and
  when the last connection closes. During a long read transaction the log grows. Afterwards it is
  cut to 64 MiB. `store_stats()` and `check()` show the sizes.

"""


def run_scenes(arguments: list[str]) -> tuple[list[dict[str, Any]], float]:
    """Run the scenes; what they measured, and the seconds that they took."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "figures"
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "tests/faults", "--full", *arguments],
            cwd=ROOT, env={**os.environ, "SNAKESTORE_FIGURES": str(target)}, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise SystemExit(done.returncode)
        return [
            json.loads(line) for line in target.read_text().splitlines()
        ], time.monotonic() - began


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _contention(each: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for kind, waits in each["waits"].items():
        outcome = (
            f"0 lost, 0 errors; p99 {_milliseconds(waits['p99'])}, slowest"
            f" {_milliseconds(waits['max'])}"
        )
        yield f"{each['processes']} processes on one file, {waits['count']} times {kind}", outcome


def _start(what: str) -> Callable[[dict[str, Any]], tuple[str, str]]:
    return lambda each: (
        f"{each['processes']} processes open {what} at once, {each['opened']} opens in all",
        f"{each['failed']} failed; the slowest took {each['slowest']:.2f} s",
    )


def _busy(each: dict[str, Any]) -> tuple[str, str]:
    late = _milliseconds(max(each["waited"]) - each["busy_timeout"])
    return (
        f"another process never releases the lock, `busy_timeout={each['busy_timeout']}`",
        f"`StoreBusyError`, at most {late} late, never early",
    )


def _kill(each: dict[str, Any]) -> tuple[str, str]:
    outcome = (
        f"{each['acknowledged']} acknowledged, {each['lost']} lost, none partial"
        if each["acknowledged"]
        else "always the complete old or new schema"
    )
    return (
        (
            f"`kill -9` at {each['kills']} random instants, {each['processes']}"
            f" process{'' if each['processes'] == 1 else 'es'}"
            f" ({each['kind']})"
        ),
        outcome,
    )


def _power(each: dict[str, Any]) -> tuple[str, str]:
    outcome = (
        f"each opens as a prefix of the {each['commits']} commits ({each['fewest']} to"
        f" {each['most']} of them), 0 torn"
    )
    return f"the log {each['change']} at {each['copies']} random positions", outcome


def _fuzz(each: dict[str, Any]) -> tuple[str, str]:
    outcome = (
        f"{each['refused']} refused unchanged, {each['opened']} opened ({each['unsound']} reported"
        " by `check`), 0 other errors, 0 hangs"
    )
    return f"{each['files']} mutations of a good file", outcome


def _sweeping(each: dict[str, Any]) -> tuple[str, str]:
    swept = " + ".join(map(str, each["swept"]))
    waits = f"a write took p99 {_milliseconds(each['p99'])}, at most {_milliseconds(each['max'])}"
    outcome = (
        f"{swept} deleted in {each['seconds']:.1f} s, no live session; {waits}; the file went from"
        f" {each['bytes_before'] // 1024} to {each['bytes_after'] // 1024} KiB"
    )
    return (
        (
            f"{each['sweepers']} sweepers, {each['writers']} writers, {each['expired']} expired and"
            f" {each['live']} live sessions"
        ),
        outcome,
    )


_ROWS: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    "cold start": _start("a missing file"),
    "older schema": _start("a file of an older schema"),
    "makers killed": lambda each: (
        f"the creators of a file are killed, {each['kills']} times",
        f"the next process finished it, {each['failed']} failed",
    ),
    "busy": _busy,
    "kill -9": _kill,
    "power loss": _power,
    "syncs": lambda each: (
        f'`durability="{each["durability"]}"`, {each["commits"]} commits',
        f"{each['syncs']} syncs of the disk (counted by {each['counted_by']})",
    ),
    "cuts": lambda each: (
        f'`durability="{each["durability"]}"`, six writers in three processes, the power cut {each["cuts"]:,} times',
        f"{each['lost']} times something acknowledged was missing",
    ),
    "full disk": lambda each: (
        f"a full disk ({each['kind']})",
        f"`{each['error']}`, nothing lost, writes again after space was freed",
    ),
    "fuzz": _fuzz,
    "edited cells": lambda each: (
        f"{each['cells']} cells edited by hand, {each['edits']} edits",
        "every error is a `SnakeStoreError`",
    ),
    "sweeping": _sweeping,
    "log": lambda each: (
        (
            f"a log of {each['grown'] // 1024} KiB during a long read, limit"
            f" {each['limit'] // 1024} KiB"
        ),
        f"{each['after'] // 1024} KiB after the read",
    ),
    "backup": lambda each: (
        f"{each['copies']} backups while 3 processes write batches",
        "each is one complete state",
    ),
}


_PLACES = {"file": "a file", "memory": "a database in memory", "postgresql": "PostgreSQL"}


def _interrupts(scenes: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for store, place in _PLACES.items():
        seen = [each for each in scenes if each["store"] == store]
        if seen:
            hits, acknowledged = (
                sum(each[name] for each in seen) for name in ("hits", "acknowledged")
            )
            scenario = (
                f"{hits} exceptions at random instants inside methods on {place} (signal handlers,"
                " `KeyboardInterrupt`, `MemoryError`, `RecursionError`, other threads)"
            )
            outcome = (
                f"each raised unchanged; 0 locks, connections or transactions left; {acknowledged}"
                " acknowledged, 0 lost, none partial"
            )
            yield scenario, outcome


def _tasks(scenes: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for store, place in _PLACES.items():
        seen = [each for each in scenes if each["store"] == store]
        if seen:
            hits, acknowledged = (
                sum(each[name] for each in seen) for name in ("hits", "acknowledged")
            )
            scenario = (
                f"{hits} times, 6 asyncio tasks inside methods on {place} are ended at random"
                " instants (cancellation, `asyncio.timeout`, exceptions, SIGINT)"
            )
            outcome = (
                "0 locks, threads, connections or transactions left;"
                f" {acknowledged} acknowledged, 0 lost, none partial"
            )
            yield scenario, outcome


def _rows(scenes: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[str, str]]:
    for each in scenes.get("contention", []):
        yield from _contention(each)
    yield from _interrupts(scenes.get("interrupts", []))
    yield from _tasks(scenes.get("tasks", []))
    for scene, row in _ROWS.items():
        yield from map(row, scenes.get(scene, []))


def page(figures: list[dict[str, Any]], seconds: float, arguments: list[str]) -> str:
    """The whole page."""
    scenes: dict[str, list[dict[str, Any]]] = {}
    for each in figures:
        scenes.setdefault(each["scene"], []).append(each)
    machine = (
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, SQLite"
        f" {sqlite3.sqlite_version}"
    )
    length = "at full length" if "--exhaustive" in arguments else "quick"
    lines = [
        HEAD + "## Measured",
        "",
        f"On {machine}; {length}, {seconds:.0f} s in all.",
        "",
        "| scenario | result |",
        "| --- | --- |",
    ]
    lines += [f"| {scene} | {outcome} |" for scene, outcome in _rows(scenes)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(*run_scenes(sys.argv[1:]), sys.argv[1:]))
