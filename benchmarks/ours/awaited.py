"""``AsyncSessionRepository`` on a file and on PostgreSQL."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from benchmarks import seed
from benchmarks.baselines.postgres import fill, new_database, sqlalchemy_url
from benchmarks.baselines.sqlite import connect
from benchmarks.baselines.threads import close_loop
from benchmarks.implementations import Lab
from benchmarks.work import Bench, read_by, written_by
from benchmarks.workload import NAMES, READS, UPDATED, UPDATES
from snakestore import AsyncSessionRepository


def open_sqlite(lab: Lab) -> Bench:
    """On a file."""
    path = lab.new_path("async.db")
    loop, repo = _opened(path)
    seeds = connect(path)
    seed.in_file(seeds)
    seeds.close()
    bench = _bench(loop, repo, "async")
    for row in ("async-get-sync", "async-get-driver"):
        bench.makers[row] = bench.makers["async-get"]
    return bench


def open_postgres(lab: Lab) -> Bench:
    """On PostgreSQL."""
    url = new_database(lab, "async_ours")
    loop, repo = _opened(sqlalchemy_url(url))
    fill(url)
    return _bench(loop, repo, "async-postgres")


def _opened(path: Path | str) -> tuple[asyncio.AbstractEventLoop, AsyncSessionRepository]:
    loop = asyncio.new_event_loop()

    async def _opened() -> AsyncSessionRepository:
        return await AsyncSessionRepository.open(path, migrate=True)

    return loop, loop.run_until_complete(_opened())


def _bench(loop: asyncio.AbstractEventLoop, repo: AsyncSessionRepository, rows: str) -> Bench:
    makers = {
        f"{rows}-get": lambda: read_by(loop, repo.get_value, READS, NAMES),
        f"{rows}-update": lambda: written_by(loop, repo.update_variable, UPDATES, UPDATED),
    }
    return Bench(makers, [lambda: loop.run_until_complete(repo.close()), partial(close_loop, loop)])
