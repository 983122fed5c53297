"""The loops of all jobs: an implementation passes its functions and gets its jobs."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Any

from benchmarks import seed
from benchmarks.implementations import Job
from benchmarks.workload import (
    BATCH,
    CONSTRAINTS,
    DIMENSIONS,
    EMBEDDINGS,
    FLOATS,
    HISTORY,
    MANY,
    NAMES,
    NEWEST,
    PLAIN,
    PLAIN_BATCH,
    READS,
    SIDE,
    UPDATED,
    UPDATES,
    VERY_MANY,
    now,
)

Makers = dict[str, Callable[[], Job]]
NEW_NAMES = tuple(f"parameter{number}" for number in range(1000))
BATCHES = tuple(dict(zip(NAMES, FLOATS[shift:], strict=False)) for shift in range(0, 700, 97))


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """The operations of a store; the first argument of each is a session id."""

    get_value: Callable[[str, str], Any]
    get_record: Callable[[str, str], Any]
    update: Callable[[str, str, Any], Any]
    register: Callable[..., Any]  # sid, name, type, value, constraints=
    update_many: Callable[[str, Mapping[str, Any]], Any]
    list_records: Callable[..., Sequence[Any]]  # sid[, pattern]
    pattern: str
    delete_expired: Callable[[], int]
    longest_transaction: Callable[[], float]  # of deleting all expired sessions
    seeds: sqlite3.Connection


@dataclass(slots=True)
class Bench:
    """An implementation made of jobs and a function that closes it."""

    makers: Makers
    closers: Sequence[Callable[[], Any]] = field(default_factory=tuple)

    def jobs(self) -> Makers:
        """Functions that create the job of each supported row."""
        return self.makers

    def close(self) -> None:
        """Close its resources."""
        for closer in self.closers:
            closer()


def reading(operation: Callable[[str, str], Any], sid: str, names: Iterable[str]) -> Job:
    """Call ``operation`` with one name after the other."""
    turns = cycle(names)

    def _run(times: int) -> None:
        for name in islice(turns, times):
            operation(sid, name)

    return Job(_run)


def writing(
    operation: Callable[[str, str, Any], Any],
    sid: str,
    names: Iterable[str],
    values: Iterable[Any] = FLOATS,
) -> Job:
    """Call ``operation`` with one name and value after the other."""
    turns = zip(cycle(names), cycle(values), strict=False)

    def _run(times: int) -> None:
        for name, value in islice(turns, times):
            operation(sid, name, value)

    return Job(_run)


def calling(operation: Callable[..., Any], *arguments: Any) -> Job:
    """Repeat the same call."""

    def _run(times: int) -> None:
        for _ in range(times):
            operation(*arguments)

    return Job(_run)


def read_by(
    loop: asyncio.AbstractEventLoop,
    operation: Callable[[str, str], Awaitable[Any]],
    sid: str,
    names: Iterable[str],
) -> Job:
    """As ``reading``, awaited in one task."""
    turns = cycle(names)

    async def _run(times: int) -> None:
        for name in islice(turns, times):
            await operation(sid, name)

    return awaited(loop, _run)


def written_by(
    loop: asyncio.AbstractEventLoop,
    operation: Callable[[str, str, Any], Awaitable[Any]],
    sid: str,
    names: Iterable[str],
) -> Job:
    """As ``writing``, awaited in one task."""
    turns = zip(cycle(names), cycle(FLOATS), strict=False)

    async def _run(times: int) -> None:
        for name, value in islice(turns, times):
            await operation(sid, name, value)

    return awaited(loop, _run)


def written_together(
    loop: asyncio.AbstractEventLoop,
    operation: Callable[[str, str, Any], Awaitable[Any]],
    sid: str,
    names: Iterable[str],
    tasks: int,
) -> Job:
    """As ``writing``, awaited in ``tasks`` tasks at the same time, which share the work."""
    turns = zip(cycle(names), cycle(FLOATS), strict=False)

    async def _work(times: int) -> None:
        for name, value in islice(turns, times):
            await operation(sid, name, value)

    async def _run(times: int) -> None:
        shares = (len(range(first, times, tasks)) for first in range(tasks))
        await asyncio.gather(*map(_work, shares))

    return awaited(loop, _run)


def written_by_threads(
    threads: Executor,
    count: int,
    operation: Callable[[str, str, Any], Any],
    sid: str,
    names: Iterable[str],
) -> Job:
    """As ``writing``, in ``count`` threads at the same time, which share the work."""
    turns = zip(cycle(names), cycle(FLOATS), strict=False)

    def _work(share: Sequence[tuple[str, Any]]) -> None:
        for name, value in share:
            operation(sid, name, value)

    def _run(times: int) -> None:
        calls = list(islice(turns, times))
        for done in [threads.submit(_work, calls[first::count]) for first in range(count)]:
            done.result()

    return Job(_run)


def awaited(
    loop: asyncio.AbstractEventLoop, run: Callable[[int], Coroutine[Any, Any, None]]
) -> Job:
    """A job whose loop runs in an event loop."""
    return Job(lambda times: loop.run_until_complete(run(times)))


def logged(seeds: sqlite3.Connection, job: Job) -> Job:
    """A writing job that ends with a checkpoint.

    Otherwise chance would decide which batch pays for SQLite's automatic checkpoint.
    """
    return replace(job, settle=lambda _: seeds.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone())


def scalar_makers(operations: Operations) -> Makers:
    """The jobs of the rows about scalars, lists and sweeps."""
    return {
        "get": lambda: reading(operations.get_value, READS, NAMES),
        "record": lambda: reading(operations.get_record, READS, NAMES),
        "update-plain": lambda: logged(
            operations.seeds, writing(operations.update, PLAIN, UPDATED)
        ),
        "update": lambda: logged(operations.seeds, writing(operations.update, UPDATES, UPDATED)),
        "register": lambda: logged(operations.seeds, _registering(operations)),
        "batch-plain": lambda: logged(operations.seeds, _batches(operations, PLAIN_BATCH)),
        "batch": lambda: logged(operations.seeds, _batches(operations, BATCH)),
        "list": lambda: calling(operations.list_records, READS),
        "prefix": lambda: calling(operations.list_records, READS, operations.pattern),
        "sweep": lambda: _sweeping(operations),
        "sweep-lock": lambda: Job(
            lambda _: operations.longest_transaction(),
            lambda times: _make_expired(operations.seeds, times),
        ),
    }


def large_session_makers(
    operations: Operations,
    put: Callable[[str, Any], Any],
    newest: Callable[[str, int], Sequence[Any]],
) -> Makers:
    """The jobs of the rows about sessions with many variables.

    Args:
        operations: the other operations of the store.
        put: replaces a whole variable.
        newest: lists the newest variables.
    """
    return {
        "put-large": lambda: logged(operations.seeds, _putting(operations, put)),
        "newest": lambda: calling(newest, filled_session(operations, MANY), NEWEST),
    }


def filled_session(operations: Operations, variables: int) -> str:
    """A new session without a history that has this many variables."""
    sid = f"session of {variables}"
    names = [f"item{number:05}" for number in range(variables)]
    with Committed(operations.seeds) as cursor:
        seed.insert(cursor, seed.Plan(ids=[sid], names=names, history_limit=0, accessed=now()))
    return sid


def _putting(operations: Operations, put: Callable[[str, Any], Any]) -> Job:
    sid = filled_session(operations, VERY_MANY)
    records = [operations.get_record(sid, f"item{number:05}") for number in range(0, VERY_MANY, 80)]
    turns = zip(cycle(records), cycle(FLOATS), strict=False)
    changed: list[Any] = []

    def _prepare(times: int) -> None:
        changed[:] = [replace(record, value=value) for record, value in islice(turns, times)]

    def _run(times: int) -> None:
        for record in changed[:times]:
            put(sid, record)

    return Job(_run, _prepare)


def array_makers(operations: Operations) -> Makers:
    """The jobs of the rows about embeddings and tensors."""
    return {
        "embedding-store": lambda: logged(
            operations.seeds,
            writing(
                operations.update, filled_array(operations, "embedding"), ["embedding"], EMBEDDINGS
            ),
        ),
        "embedding-load": lambda: reading(
            operations.get_value, filled_array(operations, "embedding"), ["embedding"]
        ),
        "tensor-store": lambda: logged(
            operations.seeds,
            writing(operations.update, filled_array(operations, "tensor"), ["tensor"], tensors()),
        ),
        "tensor-load": lambda: reading(
            operations.get_value, filled_array(operations, "tensor"), ["tensor"]
        ),
    }


def tensors() -> list[Any]:
    """Arrays of 64 by 64, float32."""
    import numpy as np  # noqa: PLC0415 - only these rows need it

    generator = np.random.default_rng(13)
    return [generator.standard_normal((SIDE, SIDE), dtype=np.float32) for _ in range(4)]


def filled_array(operations: Operations, kind: str) -> str:
    """A session with one variable of a type, which is also its name, and a full history."""
    with Committed(operations.seeds) as cursor:
        sid = seed.empty_session(cursor)
    values = EMBEDDINGS if kind == "embedding" else tensors()
    constraints = {"dimensions": DIMENSIONS} if kind == "embedding" else {"shape": [SIDE, SIDE]}
    operations.register(sid, kind, kind, values[0], constraints=constraints)
    for _, value in zip(range(HISTORY), cycle(values), strict=False):
        operations.update(sid, kind, value)
    return sid


class Committed:
    """One transaction of a seeding connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __enter__(self) -> sqlite3.Cursor:
        """Begin."""
        return self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, failed: object, *_: object) -> None:
        """Commit, or roll back after an exception."""
        self.connection.execute("COMMIT" if failed is None else "ROLLBACK")


def _registering(operations: Operations) -> Job:
    sessions: list[str] = []

    def _prepare(_: int) -> None:
        with Committed(operations.seeds) as cursor:
            sessions.append(seed.empty_session(cursor))

    def _run(times: int) -> None:
        sid = sessions[-1]
        for name in NEW_NAMES[:times]:
            operations.register(sid, name, "float", 0.5, constraints=CONSTRAINTS)

    return Job(_run, _prepare)


def _batches(operations: Operations, sid: str) -> Job:
    turns = cycle(BATCHES)

    def _run(times: int) -> None:
        for values in islice(turns, times):
            operations.update_many(sid, values)

    return Job(_run)


def _make_expired(seeds: sqlite3.Connection, count: int) -> None:
    with Committed(seeds) as cursor:
        seed.expired_sessions(cursor, count)


def _sweeping(operations: Operations) -> Job:
    def _run(times: int) -> None:
        deleted = operations.delete_expired()
        if deleted != times:
            message = f"{times} sessions had expired and {deleted} were deleted"
            raise RuntimeError(message)

    return Job(_run, lambda times: _make_expired(operations.seeds, times))
