"""Hostile files, and a program that uses them, in processes of their own: it may crash."""

from __future__ import annotations

import random
import shutil
import sqlite3
import sys
import traceback
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from snakestore import SessionRepository, SnakeStoreError, VariableType, register_type, validate
from snakestore.storage.dialects import sqlite

EDITS: tuple[Any, ...] = (
    None, "", "x", "null", "[]", "{}", "{oops", '{"a": ', "NaN", "-1", "1e999", "[" * 5000, "\0",
    "9" * 5000, b"\xff\xfe\x00", -1, 2**63 - 1, 1.5,
    "9999-99-99T99:99:99.999999Z", "0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z",
    "__import__('os').system('true')", "cos\nsystem\n(S'true'\ntR.",
)  # fmt: skip


def make_good(path: Path) -> None:
    """A store that holds some of everything."""
    with SessionRepository.open(path, history=5) as repo:
        for sid, ttl in (("s", None), ("t", 3600)):
            repo.create_session(sid, ttl=ttl, metadata={"a": [1, {"b": None}]}, worker_id="w")
            repo.register_variable(
                sid, "float", "float", 0.5, constraints={"min": 0.0, "max": 1000.0}
            )
            repo.register_variable(sid, "text", "string", "hello", constraints={"pattern": "^h"})
            repo.register_variable(
                sid, "choice", "choice", "one", constraints={"choices": ["one", "two"]}
            )
            repo.register_variable(sid, "embedding", "embedding", [0.5] * 300)
            repo.register_variable(
                sid, "tensor", "tensor", {"shape": [2, 2], "data": [[1, 2], [3, 4]]}
            )
            repo.register_variable(sid, "json", "json", {"long": "x" * 9000})
            repo.start_optimization(sid, "json", "optimiser", 123, lease=1e6)
            for number in range(8):
                repo.update_variable(sid, "float", float(number))
            repo.put_program(sid, "p", {"steps": list(range(200))})


def use(repo: SessionRepository) -> None:
    """Use every feature of a store. Only SnakeStoreErrors are acceptable."""
    for sid in ("s", "t"):
        for action in (
            lambda sid=sid: repo.get_session(sid),
            lambda sid=sid: repo.list_variables(sid),
            lambda sid=sid: repo.get_variables(sid, ["float", "text", "embedding", "tensor"]),
            lambda sid=sid: repo.variable_history(sid, "float"),
            lambda sid=sid: repo.get_programs(sid),
            lambda sid=sid: repo.update_variable(sid, "float", 1.0),
            lambda sid=sid: repo.modify_variable(sid, "text", lambda value: value),
            lambda sid=sid: repo.rollback_variable(sid, "float", 3),
            lambda sid=sid: repo.update_variables(sid, {"float": 2.0, "choice": "two"}),
            lambda sid=sid: repo.end_optimization(sid, "json"),
            lambda sid=sid: repo.update_session(sid, metadata={"x": 1}, history=3),
            lambda sid=sid: repo.put_program(sid, "q", 1),
            lambda sid=sid: repo.get_stats(sid),
        ):
            with suppress(SnakeStoreError):
                action()
    for whole in (
        lambda: repo.list_sessions(include_expired=True),
        repo.list_expired,
        repo.delete_expired,
        repo.store_stats,
    ):
        with suppress(SnakeStoreError):
            whole()


def _no_audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {
        "exec",
        "os.system",
        "subprocess.Popen",
        "os.exec",
        "os.posix_spawn",
        "sqlite3.load_extension",
        "sqlite3.enable_load_extension",
    }:
        message = f"code was about to run: {event} {arguments!r:.200}"
        raise RuntimeError(message)


def _no_code_runs(path: Path) -> None:
    """Make every later import fail; what is needed is imported before."""
    with SessionRepository.open(path) as repo:
        use(repo)
        repo.check(repair=True)
    with suppress(SnakeStoreError):
        validate(0.5, "flaot")  # the message of an unknown type is made by a module of its own
    for module in iter_modules(sqlite.__path__, f"{sqlite.__name__}."):
        import_module(module.name)  # such as what compares tables that were altered
    sys.addaudithook(_no_audit)


def _mutated(content: bytes, number: int) -> bytes:
    chance = random.Random(number)
    data = bytearray(content)
    kind = number % 5
    if kind == 0:  # some bytes anywhere
        for _ in range(chance.randint(1, 40)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    elif kind == 1:  # the header and the schema
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(16, 4096)] = chance.randrange(256)
    elif kind == 2:  # cut
        del data[chance.randrange(len(data)) :]
    elif kind == 3:  # pages swapped
        one, other = (chance.randrange(len(data) // 4096) * 4096 for _ in range(2))
        data[one : one + 4096], data[other : other + 4096] = (
            data[other : other + 4096],
            data[one : one + 4096],
        )
    else:  # a stretch of noise
        at = chance.randrange(len(data))
        length = chance.randint(1, 3000)
        data[at : at + length] = chance.randbytes(len(data[at : at + length]))
    return bytes(data)


def fuzz(good: Path, folder: Path, first: int, count: int) -> dict[str, int]:
    """Open and use mutations of a file. Count those refused, opened and reported by check."""
    content = good.read_bytes()
    shutil.copy(good, folder / f"warm{first}.db")
    _no_code_runs(folder / f"warm{first}.db")
    counts = {"refused": 0, "opened": 0, "unsound": 0}
    for number in range(first, first + count):
        path = folder / f"fuzz{number}.db"
        mutated = _mutated(content, number)
        path.write_bytes(mutated)
        try:
            repo = SessionRepository.open(path)
        except SnakeStoreError:
            counts["refused"] += 1
            if mutated:
                assert path.read_bytes() == mutated, f"file {number} was refused and changed"
        else:
            counts["opened"] += 1
            with repo:
                with suppress(SnakeStoreError):
                    counts["unsound"] += not repo.check().ok
                use(repo)
        for left in folder.glob(f"fuzz{number}.db*"):
            left.unlink()
    return counts


def cells(good: Path) -> list[tuple[str, int, str]]:
    """Every cell of every row of every table."""
    found = []
    with closing(sqlite3.connect(good)) as connection:
        for table in (
            "sessions",
            "variables",
            "variable_versions",
            "programs",
            "program_versions",
            "logs",
            "log_entries",
            "snakestore_alembic_version",
        ):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            rows = [row[0] for row in connection.execute(f"SELECT rowid FROM {table}")]
            found += [(table, row, column) for row in rows[:8] for column in columns]
    return found


class Own(VariableType):
    """A type that only this process knows."""

    name = "own"


def edit(good: Path, folder: Path, chosen: list[tuple[str, int, str]]) -> int:
    """Put every edit into each cell, without checks, and use the file. Count the edits."""
    folder.mkdir()
    register_type(Own)
    path = folder / "s.db"
    shutil.copy(good, path)
    _no_code_runs(path)
    count = 0
    wrong = []
    for table, row, column in chosen:
        for content in EDITS:
            count += 1
            shutil.copy(good, path)
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("PRAGMA ignore_check_constraints = ON")
                connection.execute("PRAGMA foreign_keys = OFF")
                with suppress(sqlite3.IntegrityError):
                    connection.execute(
                        f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (content, row)
                    )
            try:
                with SessionRepository.open(path) as repo:
                    repo.check(repair=True)
                    use(repo)
            except SnakeStoreError:
                continue
            except Exception as error:  # noqa: BLE001 - that there is none is the claim
                where = traceback.extract_tb(error.__traceback__)[-1]
                wrong.append(
                    f"{table}.{column} = {content!r:.40}: {type(error).__name__}: {error!s:.100}"
                    f" ({where.filename}:{where.lineno})"
                )
    assert not wrong, "\n".join(wrong)
    return count
