"""A hand-written read with aiosqlite: one connection, whose thread runs each statement."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any

import aiosqlite

from benchmarks.baselines.jobs import new_file
from benchmarks.baselines.records import check_alive
from benchmarks.baselines.sqlite import PRAGMAS
from benchmarks.baselines.statements import GET
from benchmarks.implementations import Lab
from benchmarks.work import Bench, Makers, read_by
from benchmarks.workload import NAMES, READS, now


def open_aiosqlite(lab: Lab) -> Bench:
    """The statement of the hand-written ``get_value``, awaited."""
    loop = asyncio.new_event_loop()

    async def _opened() -> aiosqlite.Connection:
        connection = await aiosqlite.connect(new_file(lab, "aiosqlite.db"), isolation_level=None)
        for pragma in PRAGMAS:
            await connection.execute(f"PRAGMA {pragma}")
        return connection

    connection = loop.run_until_complete(_opened())

    async def _get_value(sid: str, identifier: str) -> Any:
        async with connection.execute(GET, (identifier, identifier, sid)) as cursor:
            row = await cursor.fetchone()
        assert row is not None
        last_accessed, ttl, _, text, _ = row
        check_alive((now() - datetime.fromisoformat(last_accessed)).total_seconds(), ttl)
        return json.loads(text)

    makers: Makers = {
        "async-get-driver": lambda: read_by(loop, _get_value, READS, NAMES),
    }
    return Bench(makers, [lambda: loop.run_until_complete(connection.close()), loop.close])
