"""Tasks that take turns, and what a server tells of them."""

from __future__ import annotations

import asyncio
import contextlib
import time

import sqlalchemy

LOCKED = sqlalchemy.text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type ="
    " 'Lock'"
)


CONNECTED = sqlalchemy.text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
)


def on_server(store):
    return isinstance(store.address, sqlalchemy.URL)


async def add(repo, delay=0.0):
    """Read, wait for something else, write, in one transaction."""
    async with repo.transaction() as transaction:
        await transaction.touch("s")  # on a server, this is what keeps others out
        n = await transaction.get_value("s", "n")
        await asyncio.sleep(delay)
        await transaction.update_variable("s", "n", n + 1)


async def count(repo):
    await repo.modify_variable("s", "n", lambda value: value + 1)


def slowly(n):
    time.sleep(0.05)
    return n + 1


async def hold(repo, entered, leave):
    """Have a transaction open that has written to ``s``."""
    async with repo.transaction() as transaction:
        await transaction.touch("s")
        entered.set()
        await leave.wait()


@contextlib.asynccontextmanager
async def held(repo):
    """A block in which another task has a transaction open."""
    entered, leave = asyncio.Event(), asyncio.Event()
    holder = asyncio.create_task(hold(repo, entered, leave))
    await entered.wait()
    try:
        yield leave
    finally:
        leave.set()
        await holder
