"""Make docs/reliability.md from a run of the scenes: ``python -m tests.faults.report [--full]``, from the top of the checkout."""

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
# What survives what

This page is made by `python -m tests.faults.report`, which runs the scenes of `tests/faults` (`--full`: at full length) and writes down what they measured. `pytest tests/faults --controls` runs
broken variants of the library (get then set, no `BEGIN IMMEDIATE`, no transactions, no lock at start) that the same scenes must catch.

| | `durability="normal"` | `durability="full"` |
| --- | --- | --- |
| the process is killed (`kill -9`, out of memory), at any instant | every acknowledged write | every acknowledged write |
| the machine loses power or its kernel crashes | whole commits up to some moment, in order; the last ones may be missing | every acknowledged write, if the disk keeps what it says it synced |
| the disk is full | every acknowledged write; `StoreFullError`, and service once there is room | the same |
| the file is removed or replaced while open | a write is refused with `StoreError` before anything is changed; a read within a second | the same |
| a network file system | warned of with `NetworkFileSystemWarning`; not supported | the same |
| bits rot, pages go missing, somebody edits the file | not survived: told by `check()` and by `CorruptStoreError`; restore a backup | the same |

A database in memory (`sqlite://`) survives nothing. On PostgreSQL what survives is the server's to say (`synchronous_commit`). `durability="full"` waits for the disk at each commit, "normal" only now and then, when
the log is brought into the file.

## What a file may do to a program that opens it

Nothing is unpickled, evaluated or imported by a stored name, extensions are never loaded, and `trusted_schema` is off. A file of somebody else, of a newer snakestore, or no database at all is refused without a changed
byte. So is a store on whose tables somebody has put **a trigger**, or a view or a virtual table in the place of one: none of that is snakestore's, and a trigger could change what is stored without a word. Views of
other names are never read. A trigger that is planted while a store is open, or on a connection of your own, is told by `check()`. Cells that were edited by hand raise `CorruptStoreError` (or another `SnakeStoreError`) when they are read.

## Looking after a store

- `repo.check()`, or `snakestore check FILE`, goes through everything in pages while others work; `repair=True` (`--repair`) mends the counts of sessions and nothing else.
- `repo.backup(path)`, or `snakestore backup FILE TO`, copies one state into a single file while others write. To restore, close the store everywhere, remove its `-wal` and `-shm`, and put the copy in its place.
- `delete_expired()` works in small transactions, leaves the writer's place free for others after every 20 ms of them, and gives the space back in steps of some milliseconds. The log is brought in by itself every 1000 pages, after a sweep, and when the last connection closes; under a long reader it grows, and is cut to
  64 MiB once the reader is done. `store_stats()` and `check()` show the sizes.

"""


def run_scenes(arguments: list[str]) -> tuple[list[dict[str, Any]], float]:
    """Run the scenes; what they measured, and the seconds that they took."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "figures"
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "tests/faults", *arguments],
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
        told = (
            f"0 lost, 0 errors; p99 {_milliseconds(waits['p99'])}, slowest"
            f" {_milliseconds(waits['max'])}"
        )
        yield f"{each['processes']} processes on one file, {waits['count']} times {kind}", told


def _start(what: str) -> Callable[[dict[str, Any]], tuple[str, str]]:
    return lambda each: (
        f"{each['processes']} processes open {what} at once, {each['opened']} times in all",
        f"{each['failed']} failed; the slowest took {each['slowest']:.2f} s",
    )


def _busy(each: dict[str, Any]) -> tuple[str, str]:
    late = _milliseconds(max(each["waited"]) - each["busy_timeout"])
    return (
        f"somebody holds the lock for good, `busy_timeout={each['busy_timeout']}`",
        f"`StoreBusyError`, at most {late} late, never early",
    )


def _kill(each: dict[str, Any]) -> tuple[str, str]:
    told = (
        f"{each['acknowledged']} acknowledged, {each['lost']} lost, nothing half"
        if each["acknowledged"]
        else "the old schema or the new one, whole"
    )
    return (
        (
            f"`kill -9` at {each['kills']} random instants, processes at work: {each['processes']}"
            f" ({each['kind']})"
        ),
        told,
    )


def _power(each: dict[str, Any]) -> tuple[str, str]:
    told = (
        f"each opens as a prefix of the {each['commits']} commits ({each['fewest']} to"
        f" {each['most']} of them), 0 torn"
    )
    return f"the log {each['change']} at {each['copies']} random places", told


def _fuzz(each: dict[str, Any]) -> tuple[str, str]:
    told = (
        f"{each['refused']} refused unchanged, {each['opened']} opened ({each['unsound']} told by"
        " `check`), 0 other errors, 0 hangs"
    )
    return f"{each['files']} mutations of a good file", told


def _sweeping(each: dict[str, Any]) -> tuple[str, str]:
    swept = " + ".join(map(str, each["swept"]))
    waits = f"a write took p99 {_milliseconds(each['p99'])}, at most {_milliseconds(each['max'])}"
    told = (
        f"{swept} swept in {each['seconds']:.1f} s, nobody live; {waits}; the file went from"
        f" {each['bytes_before'] // 1024} to {each['bytes_after'] // 1024} KiB"
    )
    return (
        (
            f"{each['sweepers']} sweepers, {each['writers']} writers, {each['expired']} expired and"
            f" {each['live']} live sessions"
        ),
        told,
    )


_ROWS: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    "cold start": _start("a missing file"),
    "older schema": _start("a file of an older schema"),
    "makers killed": lambda each: (
        f"the makers of a file are killed, {each['kills']} times",
        f"the next one finished it, {each['failed']} failed",
    ),
    "busy": _busy,
    "kill -9": _kill,
    "power loss": _power,
    "syncs": lambda each: (
        f'`durability="{each["durability"]}"`, {each["commits"]} commits',
        f"{each['syncs']} syncs of the disk (counted by {each['counted_by']})",
    ),
    "full disk": lambda each: (
        f"a full disk ({each['kind']})",
        f"`{each['error']}`, nothing lost, served again once there was room",
    ),
    "fuzz": _fuzz,
    "edited cells": lambda each: (
        f"{each['cells']} cells edited by hand, {each['edits']} edits",
        "0 errors but snakestore's own",
    ),
    "sweeping": _sweeping,
    "log": lambda each: (
        (
            f"a log of {each['grown'] // 1024} KiB under a long reader, limit"
            f" {each['limit'] // 1024} KiB"
        ),
        f"{each['after'] // 1024} KiB once the reader was done",
    ),
    "backup": lambda each: (
        f"{each['copies']} backups while 3 processes write batches",
        "each one state, whole",
    ),
}


def _rows(scenes: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[str, str]]:
    for each in scenes.get("contention", []):
        yield from _contention(each)
    for scene, told in _ROWS.items():
        yield from map(told, scenes.get(scene, []))


def page(figures: list[dict[str, Any]], seconds: float, arguments: list[str]) -> str:
    """The whole page."""
    scenes: dict[str, list[dict[str, Any]]] = {}
    for each in figures:
        scenes.setdefault(each["scene"], []).append(each)
    machine = (
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, SQLite"
        f" {sqlite3.sqlite_version}"
    )
    length = "at full length" if "--full" in arguments else "quick"
    lines = [
        HEAD + "## Measured",
        "",
        f"On {machine}; {length}, {seconds:.0f} s in all.",
        "",
        "| scene | outcome |",
        "| --- | --- |",
    ]
    lines += [f"| {scene} | {outcome} |" for scene, outcome in _rows(scenes)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(*run_scenes(sys.argv[1:]), sys.argv[1:]))
