"""What the session service for ADK promises beyond ADK's own services."""

from __future__ import annotations

import asyncio
import math
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime

import pytest

pytest.importorskip("google.adk", reason="needs the extra snakestore[adk]")

from google.adk.agents import BaseAgent
from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions
from google.adk.runners import Runner
from google.adk.sessions.base_session_service import GetSessionConfig
from google.genai import types

from snakestore import AsyncSessionRepository, ValidationError
from snakestore.integrations.adk import SnakestoreSessionService
from tests.processes.test_one_file import PATIENCE

pytestmark = pytest.mark.anyio
WORKERS, APPENDS = 8, 25
# a server that has imported ADK forks the processes: an import takes seconds
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["snakestore.integrations.adk"])
NAMES = {"app_name": "app", "user_id": "user"}


@pytest.fixture
async def service(store_url):
    async with SnakestoreSessionService(store_url) as opened:
        yield opened


def change(delta=None, **fields):
    return Event(author="user", actions=EventActions(state_delta=delta or {}), **fields)


async def stored(service, session, **config):
    return await service.get_session(
        app_name=session.app_name,
        user_id=session.user_id,
        session_id=session.id,
        config=GetSessionConfig(**config),
    )


# --- processes and tasks


async def append_from(url, worker):
    acknowledged = 0
    async with SnakestoreSessionService(url) as service:
        for number in range(APPENDS):
            while True:
                session = await service.get_session(
                    **NAMES, session_id="s", config=GetSessionConfig(num_recent_events=0)
                )
                event = change({f"w{worker}": number, "app:last": worker}, id=f"{worker}-{number}")
                try:
                    await service.append_event(session, event)
                except ValueError as error:
                    assert "modified in storage" in str(error)  # noqa: PT017 - the others are raised again
                else:
                    acknowledged += 1
                    break
    return acknowledged


def append_in_a_process(url, worker):
    return asyncio.run(append_from(url, worker))


@pytest.mark.slow
async def test_eight_processes_append_to_one_session_and_lose_no_event(service, store_url):
    session = await service.create_session(**NAMES, session_id="s")

    def run():
        with ProcessPoolExecutor(WORKERS, mp_context=FORKED) as pool:
            futures = [pool.submit(append_in_a_process, store_url, each) for each in range(WORKERS)]
            return sum(future.result(2 * PATIENCE) for future in futures)

    acknowledged = await asyncio.to_thread(run)

    found = await stored(service, session)
    assert acknowledged == len(found.events) == WORKERS * APPENDS
    assert len({event.id for event in found.events}) == WORKERS * APPENDS
    assert {found.state[f"w{each}"] for each in range(WORKERS)} == {APPENDS - 1}


async def test_tasks_that_append_to_one_session_object_take_their_turns(service):
    session = await service.create_session(**NAMES)

    await asyncio.gather(
        *(service.append_event(session, change({f"k{each}": each})) for each in range(20))
    )

    assert await stored(service, session) == session
    assert len(session.events) == 20


async def test_one_of_many_callers_creates_a_session(service, store_url):
    async with SnakestoreSessionService(store_url) as other:
        results = await asyncio.gather(
            *(
                each.create_session(**NAMES, session_id="s", state={"app:a": 1, "user:b": 2})
                for each in [service, other] * 8
            ),
            return_exceptions=True,
        )

    refused = [each for each in results if isinstance(each, Exception)]
    assert len(refused) == 15
    assert {type(each) for each in refused} == {AlreadyExistsError}


def test_a_service_works_in_several_event_loops_one_after_the_other(store_url):
    service = SnakestoreSessionService(store_url)

    async def append():
        session = await service.get_session(**NAMES, session_id="s")
        await service.append_event(session, change())
        return len(session.events)

    asyncio.run(service.create_session(**NAMES, session_id="s"))
    assert [asyncio.run(append()) for _ in range(2)] == [1, 2]
    asyncio.run(service.close())


async def test_a_session_that_was_created_anew_refuses_the_old_one(service):
    old = await service.create_session(**NAMES, session_id="s")
    await service.delete_session(**NAMES, session_id="s")
    new = await service.create_session(**NAMES, session_id="s")

    with pytest.raises(ValueError, match="modified in storage"):
        await service.append_event(old, change({"a": 1}))

    assert await stored(service, new) == new


# --- a runner


class Counter(BaseAgent):
    async def _run_async_impl(self, ctx):
        count = ctx.session.state.get("count", 0) + 1
        yield change({"count": count, "temp:seen": count, "user:runs": count})
        assert ctx.session.state["temp:seen"] == count


@pytest.mark.filterwarnings("ignore")  # of ADK itself
async def test_a_runner_keeps_its_session_here(service):
    await service.create_session(**NAMES, session_id="s")

    for _ in range(3):
        runner = Runner(app_name="app", agent=Counter(name="counter"), session_service=service)
        message = types.Content(role="user", parts=[types.Part(text="hello")])
        async for _event in runner.run_async(user_id="user", session_id="s", new_message=message):
            pass

    found = await service.get_session(**NAMES, session_id="s")
    assert found.state == {"count": 3, "user:runs": 3}
    assert [event.author for event in found.events] == ["user", "user"] * 3


# --- what is read


async def test_only_the_events_that_are_asked_for_are_read(service, monkeypatch):
    session = await service.create_session(**NAMES)
    for timestamp in range(30):
        await service.append_event(session, change(timestamp=timestamp))
    monkeypatch.setattr("snakestore.integrations.adk.storage.PAGE", 4)
    read = []
    original = AsyncSessionRepository.read_log

    async def counted(*arguments, **options):
        found = await original(*arguments, **options)
        read.extend(found)
        return found

    monkeypatch.setattr(AsyncSessionRepository, "read_log", counted)

    assert len((await stored(service, session, num_recent_events=2)).events) == 2
    assert len(read) == 2
    read.clear()
    assert len((await stored(service, session, after_timestamp=24.0)).events) == 6
    assert len(read) == 8
    read.clear()
    assert (await stored(service, session, num_recent_events=0)).events == []
    assert len((await service.list_sessions(app_name="app")).sessions) == 1
    assert read == []


# --- values and names


async def test_any_state_of_json_comes_back(service):
    session = await service.create_session(**NAMES, state={"n": None, "app:n": None})
    delta = {
        "n": {"deep": [None, True, 1.5, "é\0"]},
        "user:n": None,
        "nan": [math.nan, math.inf],
        "big": 2**90,
        "wrapped": {"$json": "1"},
        "": "empty key",
        "k" * 300: "long key",
        "%sha256=": "odd key",
    }
    await service.append_event(session, change(delta))

    found = await stored(service, session)

    assert repr(found.state.pop("nan")) == repr(delta.pop("nan"))
    assert found.state == {**delta, "app:n": None}
    assert found.events[0].actions.state_delta["big"] == 2**90


async def test_a_key_may_change_its_type(service):
    session = await service.create_session(**NAMES, state={"k": 1})
    for value in ("text", [1], None, 2.5):
        await service.append_event(session, change({"k": value}))

        assert (await stored(service, session)).state == {"k": value}


async def test_values_are_stored_as_adk_writes_them_in_json(service):
    moment = datetime(2026, 1, 2, tzinfo=UTC)

    session = await service.create_session(**NAMES, state={"set": {1}, "time": moment})

    assert session.state == {"set": [1], "time": "2026-01-02T00:00:00Z"}


async def test_a_state_without_a_form_in_json_is_refused(service):
    with pytest.raises(ValidationError, match="the state 'user:f' has no form in JSON"):
        await service.create_session(**NAMES, session_id="s", state={"user:f": object()})

    assert await service.get_session(**NAMES, session_id="s") is None


@pytest.mark.parametrize("app", ["日本語/アプリ", "a*%2A", "", "x" * 500, "a/b"])
async def test_names_may_be_any_text(service, app):
    session = await service.create_session(app_name=app, user_id="ü/*", session_id="s/1")
    await service.create_session(app_name=f"{app}/ü", user_id="*", session_id="s/1")
    await service.append_event(session, change({"app:k": 1, "user:k": 2}))

    found = await service.list_sessions(app_name=app)

    assert [(each.app_name, each.user_id, each.id) for each in found.sessions] == [
        (app, "ü/*", "s/1")
    ]
    assert (await stored(service, session)).state == {"app:k": 1, "user:k": 2}


# --- the store


async def test_the_state_is_in_variables_of_the_repository_which_stays_open(tmp_path):
    async with await AsyncSessionRepository.open(tmp_path / "s.db") as repository:
        async with SnakestoreSessionService(repository) as service:
            await service.create_session(
                **NAMES, session_id="s", state={"k": 1, "app:theme": "dark", "user:lang": "en"}
            )

        assert await repository.get_value("adk/app/user/s", "k") == 1
        assert await repository.get_value("adk-app/app", "theme") == "dark"
        assert await repository.get_value("adk-user/app/user", "lang") == "en"


async def test_a_change_of_a_listed_state_changes_no_other_listed_session(service):
    for sid in ("a", "b"):
        await service.create_session(**NAMES, session_id=sid, state={"app:theme": {"dark": True}})

    first, second = (await service.list_sessions(**NAMES)).sessions
    first.state["app:theme"]["dark"] = False

    assert second.state["app:theme"] == {"dark": True}


async def test_a_session_with_a_ttl_expires_and_the_state_of_its_user_does_not(tmp_path, clock):
    async with await AsyncSessionRepository.open(tmp_path / "s.db", clock=clock) as repository:
        service = SnakestoreSessionService(repository, ttl=60)
        session = await service.create_session(**NAMES, state={"user:lang": "en"})
        clock.advance(61)

        assert await stored(service, session) is None
        assert (await service.list_sessions(app_name="app")).sessions == []
        with pytest.raises(ValueError, match="not found"):
            await service.append_event(session, change())
        assert await service.get_user_state(app_name="app", user_id="user") == {"lang": "en"}
