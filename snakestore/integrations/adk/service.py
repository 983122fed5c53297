"""The methods that ADK calls."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import timedelta
from typing import Any
from weakref import WeakValueDictionary

from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.errors.session_not_found_error import SessionNotFoundError
from google.adk.events.event import Event
from google.adk.sessions import BaseSessionService, Session
from google.adk.sessions.base_session_service import GetSessionConfig, ListSessionsResponse

from snakestore import errors
from snakestore.aio import AsyncSessionRepository
from snakestore.integrations.adk import storage
from snakestore.integrations.adk.names import Key, is_shared, key_of, pattern
from snakestore.integrations.opening import AsyncAdapter, AsyncHandle, AsyncStore


class SnakestoreSessionService(AsyncAdapter, BaseSessionService):
    """A session service of ADK for many processes, on SQLite or PostgreSQL.

    An event and its changes of the state are stored in one transaction, or refused. An append to a
    session that another process or task has changed since it was read raises ADK's
    ``StaleSessionError``, a ValueError. Appends to one Session object take their turns.

    A value of the state that has no form in JSON is refused; None is stored. Keys that begin with
    ``temp:`` are never stored.
    """

    def __init__(self, async_repo: AsyncStore, *, ttl: float | timedelta | None = None) -> None:
        """Use a repository. A path or URL is opened when it is first needed.

        Args:
            async_repo: an AsyncSessionRepository, which stays the caller's, or a path or URL.
            ttl: seconds or timedelta that a new session of ADK may be idle; None: it never expires.
                An expired session is missing. The state of apps and users never expires.
        """
        self._handle = AsyncHandle(async_repo)
        self._ttl = ttl
        self._turns: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()

    async def create_session(
        self,
        *,
        app_name: str,
        user_id: str,
        state: dict[str, Any] | None = None,
        session_id: str | None = None,
    ) -> Session:
        """Create a session. Without an id it gets a unique one.

        Raises:
            AlreadyExistsError: if the user has a session of this id. Of several callers at once one
                creates it.
            ValidationError: if a value of the state has no form in JSON.
        """
        key = Key(app_name, user_id, (session_id or "").strip() or uuid.uuid4().hex)
        changes = storage.changes_of(key, state or {})
        repository = await self._repository_for(changes)
        about = {
            "app_name": key.app,
            "user_id": key.user,
            "session_id": key.session,
            "created": uuid.uuid4().hex,
            "last_update_time": time.time(),
        }
        async with repository.transaction() as tx:
            try:
                stored = await tx.create_session(key.sid, ttl=self._ttl, metadata=about)
            except errors.SessionExistsError as error:
                message = f"Session with id {key.session} already exists."
                raise AlreadyExistsError(message) from error
            await tx.append_log(key.sid, storage.EVENTS, [])
            await storage.store(tx, changes)
            return storage.session_of(stored, await storage.merged_state(tx, key), length=0)

    async def get_session(
        self,
        *,
        app_name: str,
        user_id: str,
        session_id: str,
        config: GetSessionConfig | None = None,
    ) -> Session | None:
        """Return a session, or None. Only the events that ``config`` asks for are read."""
        key = Key(app_name, user_id, session_id.strip())
        repository = await self._handle.repository()
        async with repository.transaction(read_only=True) as tx:
            try:
                stored = await tx.get_session(key.sid)
            except errors.SessionNotFoundError:
                return None
            state = await storage.merged_state(tx, key)
            events = await storage.events_of(tx, key.sid, config or GetSessionConfig())
            length = await tx.log_length(key.sid, storage.EVENTS)
        return storage.session_of(stored, state, length=length, events=events)

    async def list_sessions(
        self, *, app_name: str, user_id: str | None = None
    ) -> ListSessionsResponse:
        """Return the sessions of a user, or of all users, least recently updated first.

        They have their state and no events; no event is read.
        """
        repository = await self._handle.repository()
        async with repository.transaction(read_only=True) as tx:
            stored = await tx.list_sessions(pattern(app_name, user_id))
            states = await storage.merged_states(tx, map(key_of, stored))
        found = [storage.session_of(*each) for each in zip(stored, states, strict=True)]
        found.sort(key=lambda each: (each.last_update_time, each.user_id, each.id))
        return ListSessionsResponse(sessions=found)

    async def delete_session(self, *, app_name: str, user_id: str, session_id: str) -> None:
        """Delete a session with its events and its own state. A missing one is ignored."""
        repository = await self._handle.repository()
        await repository.delete_session(Key(app_name, user_id, session_id.strip()).sid)

    async def get_user_state(self, *, app_name: str, user_id: str) -> dict[str, Any]:
        """Return the state of a user in an app, without the prefix ``user:``."""
        return await storage.state_of(
            await self._handle.repository(), Key(app_name, user_id, "").user_sid
        )

    async def append_event(self, session: Session, event: Event) -> Event:
        """Append an event and apply its changes of the state, also to ``session``.

        Raises:
            StaleSessionError: if the stored session has changed since ``session`` was read. Nothing
                is stored.
            SessionNotFoundError: if the session was deleted or has expired.
            ValidationError: if a value of the state has no form in JSON.
        """
        if event.partial:
            return event
        self._apply_temp_state(session, event)
        event = self._trim_temp_delta_state(event)
        key = Key(session.app_name, session.user_id, session.id)
        changes = storage.changes_of(key, event.actions.state_delta)
        document = storage.document_of(event)
        repository = await self._repository_for(changes)
        turn = id(asyncio.get_running_loop()), key.sid
        async with self._turns.setdefault(turn, asyncio.Lock()):
            async with repository.transaction() as tx:
                try:
                    marker = await storage.append(tx, key, session, event, document)
                except errors.SessionNotFoundError as error:
                    message = f"Session {session.id} not found."
                    raise SessionNotFoundError(message) from error
                await storage.store(tx, changes)
            session.last_update_time = event.timestamp
            session._storage_update_marker = marker  # noqa: SLF001 - as ADK's services do
            self._update_session_state(session, event)
            session.events.append(event)
        return event

    async def _repository_for(self, changes: storage.Changes) -> AsyncSessionRepository:
        """The repository, with the sessions of apps and users that are to be changed.

        They are created beforehand: of several processes that create one at once in a transaction,
        all but one would have to begin anew.
        """
        repository = await self._handle.repository()
        for sid in changes:
            if is_shared(sid):
                await repository.create_session(sid, ttl=None, exist_ok=True)
        return repository
