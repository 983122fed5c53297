"""What an async repository is bound to, how it is opened and closed, and transactions."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession

from snakestore import (
    AsyncSessionRepository,
    SessionRepository,
    StoreBusyError,
    StoreError,
    StoreReadOnlyError,
    ValidationError,
    VariableNotFoundError,
)

BINDS = {"AsyncConnection": lambda engine: engine.connect(), "AsyncSession": AsyncSession}


@pytest.fixture(params=BINDS.values(), ids=BINDS)
def bind_of(request):
    """Makes a bind of an AsyncEngine."""
    return request.param


def test_open_is_awaited_or_entered(store):
    async def main():
        repo = await AsyncSessionRepository.open(store.address)
        value = await repo.get_value("s", "x")
        await repo.close()
        async with AsyncSessionRepository.open(store.address) as repo:
            return value, await repo.get_value("s", "x"), repo

    first, second, closed = asyncio.run(main())

    assert (first, second) == (1.0, 1.0)
    with pytest.raises(StoreError):
        asyncio.run(closed.get_value("s", "x"))


def test_a_repository_is_entered_too_and_closed_at_the_end(repository):
    async def main():
        async with repository() as repo:
            await repo.update_variable("s", "x", 2.0)
        with pytest.raises(StoreError):
            await repo.get_value("s", "x")

    asyncio.run(main())


def test_an_error_of_opening_is_the_same(tmp_path):
    async def main():
        await AsyncSessionRepository.open(tmp_path / "missing" / "store.db")

    with pytest.raises(StoreError):
        asyncio.run(main())


def test_the_callers_commit_keeps_and_the_callers_rollback_undoes(store, bind_of):
    async def main():
        async with store.engine() as engine, bind_of(engine) as bind:
            repo = AsyncSessionRepository(bind)
            await repo.update_variable("s", "x", 2.0)
            await bind.commit()
            await repo.update_variable("s", "x", 3.0)
            seen = await repo.get_value("s", "x")
            await bind.rollback()
            return seen, await repo.get_value("s", "x")

    assert asyncio.run(main()) == (3.0, 2.0)


def test_a_refused_verb_leaves_the_callers_transaction_usable(store, bind_of):
    async def main():
        async with store.engine() as engine, bind_of(engine) as bind:
            repo = AsyncSessionRepository(bind)
            await repo.update_variable("s", "x", 2.0)
            with pytest.raises(ValidationError):
                await repo.update_variable("s", "n", "text")
            await repo.update_variable("s", "n", 7)
            await bind.commit()

    asyncio.run(main())

    with store.outside() as repo:
        assert (repo.get_value("s", "x"), repo.get_value("s", "n")) == (2.0, 7)


def test_tasks_that_share_a_bind_take_turns(store, bind_of):
    async def main():
        async with store.engine() as engine, bind_of(engine) as bind:
            repo = AsyncSessionRepository(bind)
            await asyncio.gather(
                *[repo.modify_variable("s", "n", lambda value: value + 1) for _ in range(20)]
            )
            await bind.commit()

    asyncio.run(main())

    with store.outside() as repo:
        assert repo.get_value("s", "n") == 20


def test_rows_of_the_caller_are_committed_or_rolled_back_with_those_of_the_store(store, bind_of):
    async def main():
        async with store.engine() as engine, bind_of(engine) as bind:
            await AsyncSessionRepository(bind).update_variable("s", "x", 2.0)
            count = (
                await bind.execute(text("SELECT count(*) FROM variables WHERE version = 1"))
            ).scalar_one()
            await bind.rollback()
            return count

    assert asyncio.run(main()) == 1
    with store.outside() as repo:
        assert repo.get_value("s", "x") == 1.0


def test_a_connection_that_was_not_started_is_refused(store):
    async def main():
        async with store.engine() as engine:
            AsyncSessionRepository(engine.connect())

    with pytest.raises(StoreError, match=r"await engine\.connect"):
        asyncio.run(main())


def test_a_bind_that_is_not_async_is_refused_with_advice():
    engine = create_engine("sqlite://")

    with pytest.raises(StoreError, match="AsyncEngine"):
        AsyncSessionRepository(engine)
    engine.dispose()


def test_an_async_engine_is_refused_by_the_other_repository_with_advice(store):
    async def main():
        async with store.engine() as engine:
            SessionRepository(engine)

    with pytest.raises(StoreError):
        asyncio.run(main())


def test_close_does_not_dispose_an_engine_of_the_callers(store):
    async def main():
        async with store.engine() as engine:
            pool = engine.pool
            repo = AsyncSessionRepository(engine)
            await repo.get_value("s", "x")
            await repo.close()
            return engine.pool is pool, await AsyncSessionRepository(engine).get_value("s", "x")

    assert asyncio.run(main()) == (True, 1.0)


# --- transactions


def test_a_transaction_is_kept_whole_or_not_at_all(repository, store):
    async def main():
        async with repository() as repo:
            async with repo.transaction() as transaction:
                await transaction.update_variable("s", "x", 2.0)
                await transaction.put_program("s", "p", 1)
            with pytest.raises(VariableNotFoundError):
                async with repo.transaction() as transaction:
                    await transaction.update_variable("s", "x", 3.0)
                    await transaction.get_value("s", "nothing")

    asyncio.run(main())

    with store.outside() as repo:
        assert (repo.get_value("s", "x"), repo.program_ids("s")) == (2.0, ["p"])


def test_transactions_nest(repository, store):
    async def main():
        async with repository() as repo, repo.transaction() as outer:
            await outer.update_variable("s", "x", 2.0)
            with pytest.raises(ZeroDivisionError):
                async with outer.transaction() as inner:
                    await inner.update_variable("s", "x", 3.0)
                    raise ZeroDivisionError
            async with outer.transaction() as inner:
                await inner.update_variable("s", "n", 5)

    asyncio.run(main())

    with store.outside() as repo:
        assert (repo.get_value("s", "x"), repo.get_value("s", "n")) == (2.0, 5)


def test_gather_inside_a_transaction_takes_turns(repository, store):
    async def main():
        async with repository() as repo, repo.transaction() as transaction:
            await asyncio.gather(
                *[transaction.modify_variable("s", "n", lambda value: value + 1) for _ in range(20)]
            )
            return await asyncio.gather(transaction.get_value("s", "n"), transaction.get_stats("s"))

    value, stats = asyncio.run(main())

    assert (value, stats.total_variable_updates) == (20, 22)
    with store.outside() as repo:
        assert repo.get_value("s", "n") == 20


def test_a_read_only_transaction_writes_nothing(repository):
    async def main():
        async with repository() as repo, repo.transaction(read_only=True) as transaction:
            await transaction.update_variable("s", "x", 2.0)

    with pytest.raises(StoreReadOnlyError):
        asyncio.run(main())


def test_a_write_by_the_outer_repository_within_its_transaction_is_refused_at_once(repository):
    async def main():
        async with repository() as repo, repo.transaction() as transaction:
            await transaction.update_variable("s", "x", 2.0)
            async with asyncio.timeout(5):
                await repo.update_variable("s", "x", 3.0)

    with pytest.raises(StoreBusyError):
        asyncio.run(main())


def test_another_task_waits_for_the_transaction(repository, store):
    async def main():
        async with repository() as repo:
            entered = asyncio.Event()

            async def holder():
                async with repo.transaction() as transaction:
                    await transaction.update_variable("s", "n", 5)
                    entered.set()
                    await asyncio.sleep(0.1)

            async def other():
                await entered.wait()
                await repo.modify_variable("s", "n", lambda value: value + 1)

            await asyncio.gather(holder(), other())

    asyncio.run(main())

    with store.outside() as repo:
        assert repo.get_value("s", "n") == 6
