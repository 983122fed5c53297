"""Reading and writing the events and the state of sessions of ADK."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from google.adk import errors as adk_errors
from google.adk.events.event import Event
from google.adk.sessions import Session, State
from google.adk.sessions.base_session_service import GetSessionConfig
from pydantic_core import to_jsonable_python

from snakestore import errors, types
from snakestore.aio import AsyncSessionRepository
from snakestore.integrations.adk.names import Key, key_of, variable_name
from snakestore.log import LogEntry
from snakestore.session import Session as StoredSession
from snakestore.variable import Variable

StaleSessionError: type[ValueError] = getattr(adk_errors, "StaleSessionError", ValueError)
"""Before google-adk 2.7 there is only its base."""

EVENTS = "events"
"""The log of each session."""
PAGE = 100
"""Events that are read at once to find those after a time."""

Changes = dict[str, dict[str, Any]]
"""New values of a state, by the session of the store that they belong to."""


# --- state


def changes_of(key: Key, delta: Mapping[str, Any]) -> Changes:
    """The values of a state as they are stored, without ``temp:``.

    Raises:
        ValidationError: if a value has no form in JSON.
    """
    scopes = ((State.APP_PREFIX, key.app_sid), (State.USER_PREFIX, key.user_sid))
    changes: Changes = {}
    for name, value in delta.items():
        if name.startswith(State.TEMP_PREFIX):
            continue
        sid, own = key.sid, name
        for prefix, scope in scopes:
            if name.startswith(prefix):
                sid, own = scope, name.removeprefix(prefix)
        changes.setdefault(sid, {})[own] = _packed(_as_json(name, value))
    return changes


async def store(tx: AsyncSessionRepository, changes: Changes) -> None:
    """Store the values of a state."""
    for sid in sorted(changes):  # one order, so that no two transactions wait for each other
        for key, value in changes[sid].items():
            name = variable_name(key)
            metadata = None if name == key else {"key": key}
            await tx.set_value(sid, name, value, type="json", metadata=metadata)


async def state_of(repository: AsyncSessionRepository, sid: str) -> dict[str, Any]:
    """The state in a session of the store; empty if there is no such session."""
    try:
        found = await repository.list_variables(sid)
    except errors.SessionNotFoundError:
        return {}
    return {_state_key(each): _unpacked(each.value) for each in found}


def _state_key(variable: Variable) -> str:
    """The key of the state that a variable stores."""
    name = variable.name
    key: str = name if variable_name(name) == name else variable.metadata["key"]
    return key


async def merged_state(tx: AsyncSessionRepository, key: Key) -> dict[str, Any]:
    """The state of a session with that of its app and its user."""
    (state,) = await merged_states(tx, [key])
    return state


async def merged_states(tx: AsyncSessionRepository, keys: Iterable[Key]) -> list[dict[str, Any]]:
    """The states of several sessions. Each app and user is read once."""
    shared: dict[str, dict[str, Any]] = {}
    states = []
    for key in keys:
        state = await state_of(tx, key.sid)
        for prefix, sid in ((State.APP_PREFIX, key.app_sid), (State.USER_PREFIX, key.user_sid)):
            if sid not in shared:
                shared[sid] = await state_of(tx, sid)
            state |= {prefix + each: deepcopy(value) for each, value in shared[sid].items()}
        states.append(state)
    return states


def _as_json(name: str, value: Any) -> Any:
    try:
        return to_jsonable_python(value)
    except ValueError as error:
        message = (
            f"the state {name!r} has no form in JSON: {error}. Store plain values, or name it"
            f" 'temp:{name}' to keep it in memory for this invocation."
        )
        raise errors.ValidationError(message, type="json", value=value) from error


def _packed(value: Any) -> Any:
    """A value as JSON of the store; as text where only Python's JSON has it, such as NaN."""
    try:
        types.validate(value, "json")
    except errors.ValidationError:
        return {"$json": json.dumps(value)}
    return {"$json": json.dumps(value)} if _is_packed(value) else value


def _unpacked(value: Any) -> Any:
    return json.loads(value["$json"]) if _is_packed(value) else value


def _is_packed(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"$json"}


# --- events


def document_of(event: Event) -> Any:
    """An event as it is stored."""
    return _packed(event.model_dump(mode="json", exclude_none=True))


async def append(
    tx: AsyncSessionRepository, key: Key, session: Session, event: Event, document: Any
) -> str:
    """Append an event to a session that has not changed since it was read.

    Returns:
        The marker of the session as it is now.

    Raises:
        StaleSessionError: if it has changed.
        SessionNotFoundError: if it is missing in the store.
    """
    marker = session._storage_update_marker or await _current_marker(tx, key, session)  # noqa: SLF001 - as ADK's services do
    created, _, length = marker.rpartition(":")
    try:
        now = await tx.append_log(key.sid, EVENTS, [document], expected_length=int(length))
    except errors.VersionConflictError as error:
        raise _stale() from error
    stored = await tx.update_session(key.sid, metadata={"last_update_time": event.timestamp})
    if stored.metadata["created"] != created:
        raise _stale()
    return _marker(stored, now)


async def events_of(tx: AsyncSessionRepository, sid: str, config: GetSessionConfig) -> list[Event]:
    """The events that ``config`` asks for, oldest first."""
    wanted, since = config.num_recent_events, config.after_timestamp
    if since is None:
        return _decoded(await tx.read_log(sid, EVENTS, last=wanted))
    found: list[Event] = []
    before: int | None = None
    while wanted is None or len(found) < wanted:
        size = PAGE if wanted is None else min(PAGE, wanted - len(found))
        page = await tx.read_log(sid, EVENTS, last=size, before=before)
        newer = _since(_decoded(page), since)
        found = newer + found
        if len(newer) < size:
            break
        before = min(entry.position for entry in page)
    return found


def session_of(
    stored: StoredSession,
    state: dict[str, Any],
    *,
    length: int | None = None,
    events: list[Event] | None = None,
) -> Session:
    """A session of ADK. If the length of its log is given, it has the marker of this version."""
    key = key_of(stored)
    session = Session(
        id=key.session,
        app_name=key.app,
        user_id=key.user,
        state=state,
        events=events or [],
        last_update_time=stored.metadata["last_update_time"],
    )
    if length is not None:
        session._storage_update_marker = _marker(stored, length)  # noqa: SLF001 - as ADK's services do
    return session


def _since(events: list[Event], since: float) -> list[Event]:
    """The events after the last one that is older than ``since``."""
    older = (index for index, each in enumerate(events) if each.timestamp < since)
    return events[max(older, default=-1) + 1 :]


def _decoded(entries: Sequence[LogEntry]) -> list[Event]:
    return [Event.model_validate(_unpacked(entry.value)) for entry in entries]


async def _current_marker(tx: AsyncSessionRepository, key: Key, session: Session) -> str:
    """The stored marker, if a Session that has none is as new as what is stored."""
    stored = await tx.get_session(key.sid)
    if stored.metadata["last_update_time"] > session.last_update_time:
        newest = _decoded(await tx.read_log(key.sid, EVENTS, last=1))
        if [each.id for each in newest] != [each.id for each in session.events[-1:]]:
            raise _stale()
    return _marker(stored, await tx.log_length(key.sid, EVENTS))


def _marker(stored: StoredSession, length: int) -> str:
    """The marker of a stored session: which one it is, and how many events it has."""
    return f"{stored.metadata['created']}:{length}"


def _stale() -> ValueError:
    return StaleSessionError(
        "The session has been modified in storage since it was loaded. Get it again, and then"
        " append the event to it."
    )
