"""Opening, closing, forks and the end of the interpreter."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest
import sqlalchemy

from snakestore import AsyncSessionRepository, SessionRepository, StoreError
from snakestore.aio.scheduler import Permit


async def increment(repo):
    await repo.modify_variable("s", "n", lambda n: n + 1)
    return await repo.get_value("s", "n")


def run_program(code, *arguments):
    """Run code in a new interpreter, to the interpreter's end."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def opened(address):
    return await AsyncSessionRepository.open(address)


# --- closing


def test_closing_leaves_the_event_loop_free(tmp_path):
    path = tmp_path / "s.db"

    async def main():
        repo = await AsyncSessionRepository.open(path, history=0)
        await repo.create_session("s")
        # a reader keeps the log from being written back early, so that closing takes long
        with SessionRepository.open(path) as reader, reader.transaction(read_only=True) as snapshot:
            snapshot.session_exists("s")
            for number in range(3):
                await repo.register_variable("s", f"v{number}", "string", "x" * 10_000_000)
        beats = 0

        async def beat():
            nonlocal beats
            while True:
                await asyncio.sleep(0)
                beats += 1

        beating = asyncio.create_task(beat())
        began = time.monotonic()
        await repo.close()
        beating.cancel()
        return beats, time.monotonic() - began

    beats, took = asyncio.run(main())

    assert beats > took * 100


def test_what_waits_when_the_repository_is_closed_is_refused(store):
    async def main():
        repo = await opened(store.address)
        async with repo.transaction() as transaction:
            await transaction.touch("s")
            waiting = asyncio.create_task(repo.touch("s"))
            await asyncio.sleep(0.05)
            await repo.close()
            await transaction.update_variable("s", "n", 7)
        return (await asyncio.gather(waiting, return_exceptions=True))[0]

    refused = asyncio.run(main())

    assert isinstance(refused, StoreError)
    assert "closed" in str(refused)
    with store.outside() as repo:
        assert repo.get_value("s", "n") == 7  # the open block went on to its end


def test_closing_again_is_allowed(repository):
    async def main():
        async with repository() as repo:
            await repo.close()

    asyncio.run(main())


def test_a_cancelled_close_has_closed(store):
    async def main():
        repo = await opened(store.address)
        closing = asyncio.create_task(repo.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])
        await repo.get_value("s", "n")

    with pytest.raises(StoreError, match="closed"):
        asyncio.run(main())


def test_no_thread_is_left_after_closing(store):
    async def main():
        async with AsyncSessionRepository.open(store.address) as repo:
            await asyncio.gather(*[increment(repo) for _ in range(20)])

    before = threading.active_count()
    asyncio.run(main())
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)

    assert threading.active_count() <= before


# --- forks


@pytest.fixture
def file(store):
    if isinstance(store.address, sqlalchemy.URL):
        pytest.skip("a child has connections of its own to a server, see tests/postgresql")
    return store.address


def in_child(work):
    """What ``work`` returns in a forked child; None if it has not ended after ten seconds."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writable, repr(work()).encode())
        except BaseException as error:  # noqa: BLE001 - the parent gets it
            os.write(writable, repr(error).encode())
        os._exit(0)
    os.close(writable)
    deadline = time.monotonic() + 10
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            return None
        time.sleep(0.01)
    with os.fdopen(readable) as pipe:
        return pipe.read()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_repository_that_was_opened_before_a_fork_serves_the_child(file):
    repo = asyncio.run(opened(file))
    asyncio.run(increment(repo))

    answers = [in_child(lambda: asyncio.run(increment(repo))) for _ in range(2)]
    mine = asyncio.run(increment(repo))

    asyncio.run(repo.close())
    assert answers == ["2", "3"]
    assert mine == 4


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_that_was_forked_while_tasks_waited_has_a_line_of_its_own(file):
    async def main():
        async with AsyncSessionRepository.open("sqlite://") as repo:
            await repo.create_session("s")
            await repo.register_variable("s", "n", "integer", 0)
            entered, leave = asyncio.Event(), asyncio.Event()

            async def hold():
                async with repo.transaction(read_only=True):
                    entered.set()
                    await leave.wait()

            holder = asyncio.create_task(hold())
            await entered.wait()
            waiting = [asyncio.create_task(increment(repo)) for _ in range(3)]
            await asyncio.sleep(0.05)
            line = repo._dispatcher._scheduler
            answer = in_child(lambda: asyncio.run(_passes(line)))
            leave.set()
            await asyncio.gather(holder, *waiting)
            return answer, await repo.get_value("s", "n")

    assert asyncio.run(main()) == ("True", 3)


async def _passes(scheduler):
    permit = Permit()
    await asyncio.wait_for(scheduler.block(permit, read_only=False, limit=1), 2)
    permit.leave()
    return True


# --- the end of the interpreter


def test_a_write_in_a_function_of_atexit_is_done(file):
    code = """
        import asyncio, atexit, sys
        from snakestore import AsyncSessionRepository

        async def start():
            return await AsyncSessionRepository.open(sys.argv[1])

        repo = asyncio.run(start())

        @atexit.register
        def save():
            async def last():
                await repo.update_variable("s", "n", 1)
                await repo.close()
            asyncio.run(last())
    """
    done = run_program(code, file)

    assert (done.returncode, done.stderr) == (0, "")
    with SessionRepository.open(file) as repo:
        assert repo.get_value("s", "n") == 1


def test_a_call_runs_in_the_callers_thread_where_no_thread_can_be_started(file, monkeypatch):
    def refuse(_thread):
        message = "can't start new thread"
        raise RuntimeError(message)

    async def main():
        async with AsyncSessionRepository.open(file) as repo:
            async with repo.transaction() as transaction:
                await transaction.update_variable("s", "n", 5)
            return await increment(repo)

    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert asyncio.run(main()) == 6


def test_a_program_that_ends_while_calls_are_at_work_ends_quietly(file):
    code = """
        import asyncio, sys, time
        from snakestore import AsyncSessionRepository

        def slowly(n):
            time.sleep(0.5)
            return n + 1

        async def main():
            repo = await AsyncSessionRepository.open(sys.argv[1])
            task = asyncio.create_task(repo.modify_variable("s", "n", slowly))
            await asyncio.sleep(0.1)

        asyncio.run(main())
    """
    done = run_program(code, file)

    assert (done.returncode, done.stderr) == (0, "")
    with SessionRepository.open(file) as repo:
        assert repo.get_value("s", "n") in {0, 1}
