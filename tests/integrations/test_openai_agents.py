"""SnakestoreSession: the session of the OpenAI Agents SDK."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading

import pytest

pytest.importorskip("agents", reason="needs the extra openai-agents")

from agents import Agent, RunConfig, Runner, Session, SessionSettings
from agents.items import ModelResponse
from agents.models.interface import Model
from agents.usage import Usage
from openai.types.responses import ResponseOutputMessage, ResponseOutputText

from snakestore import AsyncSessionRepository, SessionRepository, ValidationError
from snakestore.integrations.openai_agents import SnakestoreSession


def user(number):
    return {"role": "user", "content": f"message {number}"}


def run(store_url, use, **options):
    """What ``use`` makes of a session."""

    async def main():
        async with SnakestoreSession("chat", store_url, **options) as session:
            return await use(session)

    return asyncio.run(main())


def test_it_is_a_session_of_the_sdk(store_url):
    session = SnakestoreSession("chat", store_url)

    assert isinstance(session, Session)
    assert (session.session_id, session.session_settings) == ("chat", SessionSettings())


def test_items_come_back_in_order(store_url):
    async def use(session):
        await session.add_items([user(0), user(1)])
        await session.add_items([])
        await session.add_items([{"type": "reasoning", "summary": [], "content": None}])
        return await session.get_items()

    assert run(store_url, use) == [
        user(0),
        user(1),
        {"type": "reasoning", "summary": [], "content": None},
    ]


@pytest.mark.parametrize(
    ("limit", "settings", "expected"),
    [
        (None, None, [0, 1, 2, 3]),
        (2, None, [2, 3]),
        (0, None, []),
        (-1, None, [0, 1, 2, 3]),
        (9, None, [0, 1, 2, 3]),
        (None, SessionSettings(limit=3), [1, 2, 3]),
        (None, {"limit": 1}, [3]),
        (4, SessionSettings(limit=3), [0, 1, 2, 3]),
    ],
)
def test_a_limit_returns_the_newest(store_url, limit, settings, expected):
    async def use(session):
        await session.add_items([user(number) for number in range(4)])
        return await session.get_items(limit)

    assert run(store_url, use, session_settings=settings) == [user(n) for n in expected]


def test_the_newest_item_is_popped(store_url):
    async def use(session):
        before = await session.pop_item()
        await session.add_items([user(0), user(1)])
        return before, [await session.pop_item() for _ in range(3)], await session.get_items()

    assert run(store_url, use) == (None, [user(1), user(0), None], [])


def test_clearing_leaves_what_else_the_session_holds(store_url):
    async def main():
        async with AsyncSessionRepository.open(store_url) as repo:
            await repo.create_session("chat", ttl=60)
            await repo.set_value("chat", "temperature", 0.5)
            session = SnakestoreSession("chat", repo)
            await SnakestoreSession("missing", repo).clear_session()
            await session.clear_session()
            await session.add_items([user(0)])
            await session.clear_session()
            await session.add_items([user(1)])
            await session.close()  # leaves the repository open
            return (
                await session.get_items(),
                await repo.get_value("chat", "temperature"),
                (await repo.get_session("chat")).ttl,
            )

    assert asyncio.run(main()) == ([user(1)], 0.5, 60)


def test_sessions_are_kept_apart(store_url):
    async def main():
        async with AsyncSessionRepository.open(store_url) as repo:
            first, second = (SnakestoreSession(name, repo) for name in ("a", "b"))
            await first.add_items([user(1)])
            await second.add_items([user(2)])
            await first.clear_session()
            return await first.get_items(), await second.get_items()

    assert asyncio.run(main()) == ([], [user(2)])


def test_a_deleted_or_expired_session_is_empty_and_can_be_used_again(store_url, clock):
    async def main():
        async with AsyncSessionRepository.open(store_url, clock=clock) as repo:
            session = SnakestoreSession("chat", repo, ttl=60)
            await session.add_items([user(0)])
            clock.advance(61)
            expired = await session.get_items(), await session.pop_item()
            await session.add_items([user(1)])
            again = await session.get_items()
            await repo.delete_session("chat")
            return expired, again, await session.get_items()

    assert asyncio.run(main()) == (([], None), [user(1)], [])


def test_what_is_not_json_is_refused_and_nothing_is_added(store_url):
    async def use(session):
        with pytest.raises(ValidationError, match=r"\$\.content"):
            await session.add_items([user(0), {"role": "user", "content": object()}])
        return await session.get_items()

    assert run(store_url, use) == []


def test_unknown_settings_are_refused(store_url):
    with pytest.raises(TypeError):
        SnakestoreSession("chat", store_url, session_settings={"limits": 3})


def test_threads_with_loops_of_their_own_share_a_session(store_url):
    session = SnakestoreSession("chat", store_url)
    threads = [
        threading.Thread(target=lambda n=n: asyncio.run(session.add_items([user(n)])))
        for n in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    items = asyncio.run(session.get_items())
    asyncio.run(session.close())
    assert sorted(item["content"] for item in items) == [f"message {n}" for n in range(8)]


def test_tasks_pop_each_item_once(store_url):
    async def use(session):
        await session.add_items([user(number) for number in range(20)])
        return await asyncio.gather(*(session.pop_item() for _ in range(25)))

    popped = [item["content"] for item in run(store_url, use) if item is not None]

    assert sorted(popped) == sorted(f"message {number}" for number in range(20))


def test_a_cancelled_call_is_done_whole_or_not_at_all(store_url):
    async def use(session):
        await session.add_items([])
        for number in range(30):
            task = asyncio.create_task(session.add_items([user(number), user(number)]))
            for _ in range(number % 6):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return await session.get_items()

    items = run(store_url, use)

    assert items[::2] == items[1::2]


def _append_and_pop(url, worker, barrier, results):
    async def use(session):
        for number in range(20):
            await session.add_items([user(f"{worker} {number} {part}") for part in range(2)])
        barrier.wait()  # all have appended
        barrier.wait()  # the items were read
        while (item := await session.pop_item()) is not None:
            results.put(item["content"])

    run(url, use)


@pytest.mark.slow
def test_processes_that_append_and_pop_lose_no_item(store_url):
    SessionRepository.open(store_url).close()
    spawn = multiprocessing.get_context("spawn")
    barrier, results = spawn.Barrier(3, timeout=120), spawn.Queue()
    workers = [
        spawn.Process(target=_append_and_pop, args=(store_url, n, barrier, results)) for n in (1, 2)
    ]
    for worker in workers:
        worker.start()

    barrier.wait()
    items = run(store_url, lambda session: session.get_items())
    barrier.wait()
    popped = [results.get(timeout=60) for _ in range(80)]
    for worker in workers:
        worker.join()

    contents = [item["content"] for item in items]
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(set(contents)) == len(contents) == 80
    for worker in (1, 2):
        own = [content for content in contents if content.startswith(f"message {worker} ")]
        assert own == [f"message {worker} {n} {part}" for n in range(20) for part in range(2)]
    assert sorted(popped) == sorted(contents)
    assert results.empty()


class Echo(Model):
    """A model that answers with the number of items that it was given."""

    async def get_response(self, system_instructions, input, *args, **kwargs):  # noqa: A002
        text = ResponseOutputText(text=f"{len(input)} items", type="output_text", annotations=[])
        message = ResponseOutputMessage(
            id="m", type="message", role="assistant", status="completed", content=[text]
        )
        return ModelResponse(output=[message], usage=Usage(), response_id=None)

    def stream_response(self, *args, **kwargs):
        pytest.fail("Runner.run does not stream")


def test_an_agent_remembers_its_turns(store_url):
    agent, config = Agent(name="echo", model=Echo()), RunConfig(tracing_disabled=True)

    async def use(session):
        answers = []
        for _ in range(3):
            result = await Runner.run(agent, "hello", session=session, run_config=config)
            answers.append(result.final_output)
        return answers, len(await session.get_items())

    assert run(store_url, use) == (["1 items", "3 items", "5 items"], 6)
