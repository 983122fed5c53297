"""Exporting and importing sessions, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from snakestore.aio.dispatcher import Block, BlockDispatcher, Dispatcher
from snakestore.repository import SessionRepository
from snakestore.repository.records.methods import checked_way

if TYPE_CHECKING:
    from snakestore.reports import ImportReport

Record = dict[str, Any]


async def exported(
    dispatcher: Dispatcher, pattern: str | None, *, history: bool, include_expired: bool
) -> AsyncGenerator[Record, None]:
    """The records of ``export_sessions``, of one snapshot that is open meanwhile."""
    export = dispatcher.repository._new_export(  # noqa: SLF001 - its async form
        pattern, history=history, include_expired=include_expired
    )
    block = Block(read_only=True)
    inside: BlockDispatcher = await dispatcher.begin(block)
    try:
        while page := await inside.read(SessionRepository._export_page, (export,), {}):  # noqa: SLF001
            for record in page:
                yield record
    except BaseException as error:
        await inside.end(block, error)
        raise
    await inside.end(block, None)


async def imported(
    dispatcher: Dispatcher,
    records: Iterable[Record] | AsyncIterable[Record],
    on_conflict: str,
    *,
    dry_run: bool,
) -> ImportReport:
    """What ``import_sessions`` returns. Records of a plain iterable are checked in a thread."""
    way = checked_way(on_conflict)
    checked = dispatcher.repository._new_records()  # noqa: SLF001 - its async form
    try:
        if isinstance(records, AsyncIterable):
            async for record in records:
                checked.add(record)
        else:
            await asyncio.to_thread(checked.add_all, records)
        run = dispatcher.read if dry_run else partial(dispatcher.write, alone=True)
        return await run(SessionRepository._import_checked, (checked, way), {"dry_run": dry_run})  # noqa: SLF001
    finally:
        checked.close()
