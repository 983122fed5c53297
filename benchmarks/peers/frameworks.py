"""The stores of ADK, the OpenAI Agents SDK and Optuna."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from benchmarks.baselines.threads import close_loop
from benchmarks.implementations import Job, Lab
from benchmarks.peers.caches import record
from benchmarks.work import Bench, Makers, read_by, reading, writing, written_by
from benchmarks.workload import NAMES, PLAIN, READS, UPDATED

PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")
ADK_UNEQUAL = (
    "awaited; a read loads all 100 values of the session; an update appends an event to a log"
    " that only grows"
)
OPENAI_UNEQUAL = (
    "awaited; a log of messages: a value is the last message; an update removes it and adds"
    " another, in two transactions"
)
OPTUNA_UNEQUAL = (
    "user attributes of a study, one study per variable, because a study reads all of them at"
    " once; an update has no version and reads nothing"
)


def alike(engine: Any) -> None:
    """Give a SQLAlchemy engine the durability of the others.

    By their own default each commit would wait for the disk.
    """
    importlib.import_module("sqlalchemy").event.listen(engine, "connect", _set_pragmas)


def _set_pragmas(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def open_adk(lab: Lab) -> Bench:
    """``DatabaseSessionService``: state changed by events."""
    sessions = importlib.import_module("google.adk.sessions.database_session_service")
    events, actions = (
        importlib.import_module("google.adk.events.event"),
        importlib.import_module("google.adk.events.event_actions"),
    )
    recent = importlib.import_module("google.adk.sessions.base_session_service").GetSessionConfig(
        num_recent_events=1
    )
    loop = asyncio.new_event_loop()
    service = sessions.DatabaseSessionService(
        db_url=f"sqlite+aiosqlite:///{lab.new_path('adk.db')}"
    )
    alike(service.db_engine.sync_engine)
    created = {
        sid: loop.run_until_complete(
            service.create_session(
                app_name="bench", user_id="user", session_id=sid, state=dict.fromkeys(NAMES, 0.5)
            )
        )
        for sid in (READS, PLAIN)
    }

    async def _get_value(sid: str, name: str) -> Any:
        session = await service.get_session(
            app_name="bench", user_id="user", session_id=sid, config=recent
        )
        return session.state[name]

    async def _update(sid: str, name: str, value: Any) -> Any:
        event = events.Event(
            author="bench",
            invocation_id="bench",
            actions=actions.EventActions(state_delta={name: value}),
        )
        return await service.append_event(created[sid], event)

    return Bench(
        _awaited(loop, _get_value, _update),
        [lambda: loop.run_until_complete(service.close()), partial(close_loop, loop)],
    )


def open_openai(lab: Lab) -> Bench:
    """``SQLAlchemySession``: the last message of a session is a variable."""
    sqlalchemy = importlib.import_module("sqlalchemy.ext.asyncio")
    module = importlib.import_module("agents.extensions.memory.sqlalchemy_session")
    loop = asyncio.new_event_loop()
    engine = sqlalchemy.create_async_engine(f"sqlite+aiosqlite:///{lab.new_path('openai.db')}")
    alike(engine.sync_engine)
    sessions = {
        (sid, name): module.SQLAlchemySession(f"{sid}/{name}", engine=engine, create_tables=True)
        for sid, names in ((READS, NAMES), (PLAIN, UPDATED))
        for name in names
    }

    async def _fill() -> None:
        for session in sessions.values():
            await session.add_items([record(0.5)])

    async def _get_value(sid: str, name: str) -> Any:
        return (await sessions[sid, name].get_items(limit=1))[0]["value"]

    async def _update(sid: str, name: str, value: Any) -> None:
        session = sessions[sid, name]
        old = await session.pop_item()
        await session.add_items([old | {"value": value, "version": old["version"] + 1}])

    loop.run_until_complete(_fill())
    return Bench(
        _awaited(loop, _get_value, _update),
        [lambda: loop.run_until_complete(engine.dispose()), partial(close_loop, loop)],
    )


def _awaited(
    loop: asyncio.AbstractEventLoop,
    get_value: Callable[[str, str], Awaitable[Any]],
    update: Callable[[str, str, Any], Awaitable[Any]],
) -> Makers:
    """The jobs of a store that is awaited; its rows are those of sync stores too."""

    def _reading() -> Job:
        return read_by(loop, get_value, READS, NAMES)

    def _writing() -> Job:
        return written_by(loop, update, PLAIN, UPDATED)

    return {
        "get": _reading,
        "async-get": _reading,
        "update-plain": _writing,
        "async-update": _writing,
    }


def open_optuna(lab: Lab) -> Bench:
    """``RDBStorage``: a user attribute of a study."""
    optuna = importlib.import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(f"sqlite:///{lab.new_path('optuna.db')}")
    alike(storage.engine)
    storage.engine.dispose()  # existing connections were opened without the settings
    direction = [optuna.study.StudyDirection.MINIMIZE]
    studies = {
        (sid, name): storage.create_new_study(direction, f"{sid}/{name}")
        for sid, names in ((READS, NAMES), (PLAIN, UPDATED))
        for name in names
    }
    for study in studies.values():
        storage.set_study_user_attr(study, "variable", record(0.5))

    def _get_value(sid: str, name: str) -> Any:
        return storage.get_study_user_attrs(studies[sid, name])["variable"]["value"]

    def _update(sid: str, name: str, value: Any) -> None:
        storage.set_study_user_attr(studies[sid, name], "variable", record(value))

    makers = {
        "get": lambda: reading(_get_value, READS, NAMES),
        "update-plain": lambda: writing(_update, PLAIN, UPDATED),
    }
    return Bench(makers, [storage.engine.dispose])
