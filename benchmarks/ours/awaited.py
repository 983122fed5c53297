"""``AsyncSessionRepository`` on a file and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import seed
from benchmarks.baselines.postgres import fill, new_database, sqlalchemy_url
from benchmarks.baselines.sqlite import connect
from benchmarks.baselines.threads import close_loop
from benchmarks.implementations import Lab
from benchmarks.work import Bench, Makers, read_by, written_by, written_together
from benchmarks.workload import NAMES, READS, UPDATED, UPDATES
from snakestore import AsyncSessionRepository

TASKS = 100
"""Tasks that write together."""


def open_sqlite(lab: Lab) -> Bench:
    """On a file."""
    loop, repo = _opened_file(lab, "async.db")
    bench = _bench(loop, repo, "async")
    for row in ("async-get-sync", "async-get-driver"):
        bench.makers[row] = bench.makers["async-get"]
    bench.makers |= _together(loop, repo)
    return bench


def open_sqlite_full(lab: Lab) -> Bench:
    """On a file, with ``durability="full"``."""
    loop, repo = _opened_file(lab, "async-full.db", durability="full")
    return Bench(_together(loop, repo), _closers(loop, repo))


def _together(loop: asyncio.AbstractEventLoop, repo: AsyncSessionRepository) -> Makers:
    rows = ("async-together", "async-together-full")
    job = partial(written_together, loop, repo.update_variable, UPDATES, UPDATED, TASKS)
    return dict.fromkeys(rows, job)


def open_postgres(lab: Lab) -> Bench:
    """On PostgreSQL."""
    url = new_database(lab, "async_ours")
    loop, repo = _opened(sqlalchemy_url(url))
    fill(url)
    return _bench(loop, repo, "async-postgres")


def _opened_file(
    lab: Lab, name: str, **options: Any
) -> tuple[asyncio.AbstractEventLoop, AsyncSessionRepository]:
    path = lab.new_path(name)
    loop, repo = _opened(path, **options)
    seeds = connect(path)
    seed.in_file(seeds)
    seeds.close()
    return loop, repo


def _opened(
    path: Path | str, **options: Any
) -> tuple[asyncio.AbstractEventLoop, AsyncSessionRepository]:
    loop = asyncio.new_event_loop()

    async def _opened() -> AsyncSessionRepository:
        return await AsyncSessionRepository.open(path, migrate=True, **options)

    return loop, loop.run_until_complete(_opened())


def _bench(loop: asyncio.AbstractEventLoop, repo: AsyncSessionRepository, rows: str) -> Bench:
    makers = {
        f"{rows}-get": lambda: read_by(loop, repo.get_value, READS, NAMES),
        f"{rows}-update": lambda: written_by(loop, repo.update_variable, UPDATES, UPDATED),
    }
    return Bench(makers, _closers(loop, repo))


def _closers(
    loop: asyncio.AbstractEventLoop, repo: AsyncSessionRepository
) -> Sequence[Callable[[], Any]]:
    return [lambda: loop.run_until_complete(repo.close()), partial(close_loop, loop)]
