"""The behaviours that ADK's own tests demand of each session service.

ADK does not ship its tests. These check the same behaviours, in words of their own.
"""

from __future__ import annotations

import asyncio
import time

import pytest

pytest.importorskip("google.adk", reason="needs the extra snakestore[adk]")

from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions
from google.adk.sessions.base_session_service import GetSessionConfig
from google.genai import types

from snakestore.integrations.adk import SnakestoreSessionService

SUITE = "ADK session services (its behaviours)|google-adk"
pytestmark = pytest.mark.anyio
APP, USER = "my_app", "user"


@pytest.fixture
async def service(store_url):
    async with SnakestoreSessionService(store_url) as opened:
        yield opened


def change(**delta):
    """An event that changes the state; ``__`` in a key stands for a colon."""
    state = {key.replace("__", ":"): value for key, value in delta.items()}
    return Event(invocation_id="i", author="user", actions=EventActions(state_delta=state))


async def created(service, session_id=None, user=USER, app=APP, **state):
    state = {key.replace("__", ":"): value for key, value in state.items()}
    return await service.create_session(
        app_name=app, user_id=user, session_id=session_id, state=state
    )


async def got(service, session, config=None):
    return await service.get_session(
        app_name=session.app_name, user_id=session.user_id, session_id=session.id, config=config
    )


# --- sessions


async def test_a_missing_session_is_none(service):
    assert await service.get_session(app_name=APP, user_id=USER, session_id="123") is None


async def test_a_session_is_returned_as_it_was_created_until_it_is_deleted(service):
    session = await created(service, key="value")

    assert session.id
    assert session.state == {"key": "value"}
    assert session.last_update_time <= time.time()
    assert await got(service, session) == session
    for _ in range(2):  # a missing one is ignored
        await service.delete_session(app_name=APP, user_id=USER, session_id=session.id)
    assert await got(service, session) is None


async def test_an_id_that_exists_is_refused(service):
    await created(service, "s")

    with pytest.raises(AlreadyExistsError, match="already exists"):
        await created(service, " s ")


async def test_spaces_around_an_id_are_ignored(service):
    session = await created(service, "  s ")

    assert session.id == "s"
    assert await service.get_session(app_name=APP, user_id=USER, session_id=" s ") == session
    await service.delete_session(app_name=APP, user_id=USER, session_id=" s")
    assert await got(service, session) is None


async def test_users_with_the_same_session_id_do_not_share_it(service):
    first = await created(service, "s", "u1")
    await service.append_event(first, change(k=1))
    second = await created(service, "s", "u2")

    assert (await got(service, second)).events == []


async def test_a_list_has_the_sessions_of_a_user_or_of_all(service):
    for session_id, user in (("a", "u1"), ("b", "u1"), ("c", "u2")):
        await created(service, session_id, user, key=session_id)
    await created(service, "d", "u1", app="other")

    async def listed(user):
        found = await service.list_sessions(app_name=APP, user_id=user)
        return {each.id: each.state for each in found.sessions}

    assert await listed("u1") == {"a": {"key": "a"}, "b": {"key": "b"}}
    assert await listed("u2") == {"c": {"key": "c"}}
    assert await listed(None) == {each: {"key": each} for each in "abc"}
    assert await listed("u3") == {}


async def test_a_list_begins_with_the_session_that_was_least_recently_updated(service):
    sessions = [await created(service, each) for each in "abc"]
    for session in reversed(sessions):
        await service.append_event(session, change())

    found = await service.list_sessions(app_name=APP, user_id=USER)

    assert [each.id for each in found.sessions] == ["c", "b", "a"]


# --- state


async def test_the_state_of_an_app_is_shared_by_its_users(service):
    first = await created(service, "s1", "u1", app__k1="v1")
    await service.append_event(first, change(app__k2="v2"))

    second = await created(service, "s2", "u2")

    assert second.state == {"app:k1": "v1", "app:k2": "v2"}
    assert (await got(service, first)).state == second.state
    assert (await created(service, "s", app="other")).state == {}


async def test_the_state_of_a_user_is_shared_by_the_users_sessions(service):
    first = await created(service, "s1", "u1", user__k1="v1")
    await service.append_event(first, change(user__k2="v2"))

    assert (await created(service, "s2", "u1")).state == {"user:k1": "v1", "user:k2": "v2"}
    assert (await created(service, "s3", "u2")).state == {}
    assert (await created(service, "s4", "u1", app="other")).state == {}


async def test_the_state_of_a_session_is_its_own(service):
    first = await created(service, "s1", k1="v1")
    await service.append_event(first, change(k2="v2"))

    assert (await got(service, first)).state == {"k1": "v1", "k2": "v2"}
    assert (await created(service, "s2")).state == {}


async def test_temporary_state_is_in_memory_alone(service):
    session = await created(service, temp__a=0)
    await service.append_event(session, change(temp__k="v", k=1))

    stored = await got(service, session)

    assert session.state == {"k": 1, "temp:k": "v"}
    assert stored.state == {"k": 1}
    assert stored.events[0].actions.state_delta == {"k": 1}


async def test_the_state_of_a_user_can_be_read_without_a_session(service):
    assert await service.get_user_state(app_name=APP, user_id=USER) == {}
    session = await created(service)
    await service.append_event(session, change(user__profile={"name": "Alice"}, other=1))
    await service.append_event(session, change(user__counter=2))

    state = await service.get_user_state(app_name=APP, user_id=USER)

    assert state == {"profile": {"name": "Alice"}, "counter": 2}
    assert await service.get_user_state(app_name=APP, user_id="other") == {}
    assert await service.get_user_state(app_name="other", user_id=USER) == {}


# --- events


async def test_bytes_in_an_event_come_back(service):
    session = await created(service)
    content = types.Content(
        role="user", parts=[types.Part.from_bytes(data=b"\xff\x00image", mime_type="image/png")]
    )
    grounding = types.GroundingMetadata(search_entry_point=types.SearchEntryPoint(sdk_blob=b"blob"))
    event = Event(author="user", content=content, grounding_metadata=grounding)
    await service.append_event(session, event)

    (stored,) = (await got(service, session)).events

    assert stored.content == content
    assert stored.grounding_metadata == grounding


async def test_an_event_comes_back_whole(service):
    session = await created(service)
    event = Event(
        invocation_id="invocation",
        author="user",
        content=types.Content(role="user", parts=[types.Part(text="text")]),
        turn_complete=True,
        partial=False,
        actions=EventActions(artifact_delta={"file": 0}, transfer_to_agent="agent", escalate=True),
        long_running_tool_ids={"tool"},
        error_code="code",
        error_message="message",
        interrupted=True,
        grounding_metadata=types.GroundingMetadata(web_search_queries=["query"]),
        usage_metadata=types.GenerateContentResponseUsageMetadata(
            prompt_token_count=1, candidates_token_count=1, total_token_count=2
        ),
        citation_metadata=types.CitationMetadata(),
        custom_metadata={"key": "value"},
        input_transcription=types.Transcription(text="in", finished=True),
        output_transcription=types.Transcription(text="out", finished=True),
    )
    await service.append_event(session, event)

    assert await got(service, session) == session


async def test_a_partial_event_is_not_stored(service):
    session = await created(service)
    await service.append_event(session, Event(author="user", partial=True))

    assert session.events == []
    assert (await got(service, session)).events == []


async def test_a_session_has_the_time_of_its_last_event(service):
    session = await created(service)
    later = session.last_update_time + 10
    await service.append_event(session, Event(author="user", timestamp=later))

    assert session.last_update_time == later
    assert (await got(service, session)).last_update_time == later


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"num_recent_events": 0}, []),
        ({"num_recent_events": 3}, [3, 4, 5]),
        ({"after_timestamp": 4.0}, [4, 5]),
        ({"after_timestamp": 0.0}, [1, 2, 3, 4, 5]),
        ({"after_timestamp": 50.0}, []),
        ({"after_timestamp": 4.0, "num_recent_events": 3}, [4, 5]),
        ({"after_timestamp": 1.0, "num_recent_events": 3}, [3, 4, 5]),
    ],
)
async def test_a_config_says_which_events_are_returned(service, config, expected):
    session = await created(service)
    for timestamp in range(1, 6):
        await service.append_event(session, Event(author="user", timestamp=timestamp))

    found = await got(service, session, GetSessionConfig(**config))

    assert [event.timestamp for event in found.events] == expected


# --- stale sessions


async def test_an_append_to_a_stale_session_is_refused(service):
    session = await created(service)
    await service.append_event(session, change(a=1))
    newer = await got(service, session)
    await service.append_event(newer, change(b=2))

    with pytest.raises(ValueError, match="modified in storage"):
        await service.append_event(session, change(c=3))

    assert len(session.events) == 1
    stored = await got(service, session)
    assert stored.state == {"a": 1, "b": 2}
    assert len(stored.events) == 2


async def test_of_two_appends_to_copies_of_a_session_one_is_refused(service):
    session = await created(service)
    for turn in range(4):
        copies = [(await got(service, session)).model_copy(deep=True) for _ in range(2)]
        results = await asyncio.gather(
            *(
                service.append_event(each, change(**{f"k{turn}{number}": 1}))
                for number, each in enumerate(copies)
            ),
            return_exceptions=True,
        )
        (refused,) = [each for each in results if isinstance(each, Exception)]
        assert isinstance(refused, ValueError)
        assert "modified in storage" in str(refused)

    stored = await got(service, session)
    assert len(stored.events) == len(stored.state) == 4


async def test_a_session_without_a_marker_is_known_by_its_last_event(service):
    session = await created(service)
    event = Event(author="user", timestamp=session.last_update_time + 10)
    await service.append_event(session, event)
    old = (await got(service, session, GetSessionConfig(num_recent_events=0))).model_copy()
    for each in (session, old):
        each._storage_update_marker = None
        each.last_update_time -= 0.0001

    with pytest.raises(ValueError, match="modified in storage"):
        await service.append_event(old, change())
    await service.append_event(session, change())

    assert len((await got(service, session)).events) == 2


async def test_an_append_to_a_missing_session_is_refused(service):
    session = await created(service)
    await service.delete_session(app_name=APP, user_id=USER, session_id=session.id)

    with pytest.raises(ValueError, match="not found"):
        await service.append_event(session, change(a=1))


async def test_sessions_of_many_apps_can_be_created_at_once(service):
    sessions = await asyncio.gather(
        *(created(service, f"s{each}", app=f"app{each}", app__k=each) for each in range(5))
    )

    for number, session in enumerate(sessions):
        assert (await got(service, session)).state == {"app:k": number}
