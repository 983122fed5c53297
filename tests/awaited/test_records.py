"""Exporting and importing sessions, awaited."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import pytest

from snakestore import SessionExistsError, SessionRepository, ValidationError
from snakestore.repository.records import exporting


async def exported(repo, *args, **options):
    return [record async for record in repo.export_sessions(*args, **options)]


async def slowly(records):
    for record in records:
        await asyncio.sleep(0)
        yield record


def test_sessions_are_exported_and_imported(store, repository):
    async def main():
        async with repository() as repo:
            records = await exported(repo, "s*")
            await repo.delete_session("s")
            report = await repo.import_sessions(records)
            return records, report, await exported(repo)

    records, report, again = asyncio.run(main())

    assert (report.imported, again) == (1, records)
    with store.outside() as repo:
        assert list(repo.export_sessions()) == records


@pytest.mark.parametrize("of", [slowly, iter, list], ids=["async", "iterator", "list"])
def test_records_may_come_from_any_iterable(repository, of):
    async def main():
        async with repository() as repo:
            records = await exported(repo)
            report = await repo.import_sessions(of(records), on_conflict="replace")
            preview = await repo.import_sessions(of(records), dry_run=True)
            with pytest.raises(SessionExistsError):
                await repo.import_sessions(of(records))
            with pytest.raises(ValidationError, match="truncated"):
                await repo.import_sessions(of(records[:-1]), on_conflict="replace")
            return report, preview, await repo.get_value("s", "x")

    report, preview, value = asyncio.run(main())

    assert (report.replaced, preview.conflicts, value) == (1, ("s",), 1.0)


def test_other_tasks_go_on_while_an_export_is_read(repository, monkeypatch):
    monkeypatch.setattr(exporting, "RECORDS_PER_PAGE", 1)

    async def main():
        async with repository() as repo:
            kinds = []
            async for record in repo.export_sessions():
                kinds.append(record["kind"])
                # a task of its own does not belong to the snapshot
                await asyncio.create_task(repo.update_variable("s", "n", len(kinds)))
            return kinds, await repo.get_value("s", "n")

    kinds, value = asyncio.run(main())

    assert kinds == ["header", "session", "variable", "variable", "end"]
    assert value == len(kinds)


def test_an_export_that_is_left_early_frees_its_connection(store, repository):
    async def main():
        async with repository() as repo:
            async with aclosing(repo.export_sessions()) as records:
                async for _ in records:
                    break
            await repo.update_variable("s", "n", 7)
            return await repo.get_value("s", "n")

    assert asyncio.run(main()) == 7


def test_a_cancelled_import_is_done_whole_or_not_at_all(store, repository):
    with store.outside() as repo:
        for number in range(20):
            repo.create_session(f"t{number:02}")
        records = list(repo.export_sessions("t*"))
        for number in range(20):
            repo.delete_session(f"t{number:02}")

    async def main(seconds):
        async with repository() as repo:
            try:
                async with asyncio.timeout(seconds):
                    await repo.import_sessions(records, on_conflict="replace")
            except TimeoutError:
                pass
            began = time.monotonic()
            await repo.touch("s")
            return time.monotonic() - began

    for step in range(8):
        waited = asyncio.run(main(step * 0.002))

        assert waited < 5
        with SessionRepository.open(store.address) as repo:
            assert len(repo.list_sessions("t*")) in {0, 20}
