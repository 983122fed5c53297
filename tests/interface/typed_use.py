"""The types that a program of a user's own sees, as both type checkers must infer them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Unpack, assert_type

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session as OrmSession

from snakestore import (
    AsyncLease,
    AsyncSessionRepository,
    ConstraintError,
    Lease,
    LogEntry,
    LogView,
    Program,
    RepositoryOptions,
    Session,
    SessionRepository,
    SessionView,
    ValidationError,
    Variable,
    VariableBatch,
)
from snakestore.tables import SessionRow, VariableRow


class OwnRepository(SessionRepository):
    """A subclass, which ``open`` and ``transaction`` return."""


def opened(**options: Unpack[RepositoryOptions]) -> SessionRepository:
    """Pass options on."""
    return SessionRepository.open("agent.db", migrate=True, **options)


def use(repo: SessionRepository) -> None:
    """What methods return."""
    assert_type(SessionRepository.open("agent.db", history=None, cache=True), SessionRepository)
    assert_type(OwnRepository.open("agent.db"), OwnRepository)
    assert_type(repo.get_session("s"), Session)
    assert_type(repo.get_variable("s", "x"), Variable)
    assert_type(repo.get_variable("s", "x", None), Variable | None)
    assert_type(repo.get_value("s", "x"), Any)
    assert_type(repo.list_variables("s"), list[Variable])
    assert_type(repo.get_variables("s", ["x"]), VariableBatch)
    assert_type(repo.modify_variable("s", "x", lambda value: value + 1), Variable)
    assert_type(repo.has_variable("s", "x"), bool)
    assert_type(repo.put_program("s", "p", {"a": 1}), Program)
    assert_type(repo.get_program("s", "p"), Any)
    assert_type(repo.get_program_record("s", "p"), Program)
    assert_type(repo.program_history("s", "p", limit=3), list[Program])
    assert_type(repo.claim_variable("s", "x*", "opt", lease=60), Variable | None)
    assert_type(repo.append_log("s", "l", ({"n": n} for n in range(3)), keep_last=9), int)
    assert_type(repo.read_log("s", "l", last=2), list[LogEntry])
    assert_type(repo.pop_log("s", "l"), Any)
    assert_type(repo.log("s", "l"), LogView)
    assert_type(repo.log("s", "l")[-20:], list[Any])
    with repo.lease("s", "x", seconds=30) as lease:
        assert_type(lease, Lease)
        assert_type(lease.update(1.0), Variable)
        assert_type(lease.lost, bool)
    with repo as same, repo.transaction() as transaction:
        assert_type(same, SessionRepository)
        assert_type(transaction, SessionRepository)
    with OwnRepository.open("agent.db") as own, own.transaction(read_only=True) as within:
        assert_type(own, OwnRepository)
        assert_type(within, OwnRepository)


def look(view: SessionView) -> None:
    """What a view returns."""
    assert_type(view.get_variable("x"), Variable)
    assert_type(view.get_session(), Session)
    assert_type(list(view), list[str])
    assert_type(view.log("l"), LogView)
    with view.lease("x") as lease:
        assert_type(lease, Lease)


async def use_async() -> None:
    """What awaited methods return."""
    async with AsyncSessionRepository.open("agent.db", busy_timeout=1) as repo:
        assert_type(repo, AsyncSessionRepository)
        assert_type(await repo.get_variable("s", "x"), Variable)
        assert_type(await repo.read_log("s", "l"), list[LogEntry])
        async with repo.lease("s", "x") as lease:
            assert_type(lease, AsyncLease)
            assert_type(await lease.modify(lambda value: value + 1), Variable)
        async with repo.transaction() as transaction:
            assert_type(transaction, AsyncSessionRepository)
    assert_type(await AsyncSessionRepository.open("agent.db"), AsyncSessionRepository)


def handle(error: Exception) -> None:
    """What errors carry."""
    if isinstance(error, ConstraintError):
        assert_type(error.constraint, str)
    elif isinstance(error, ValidationError):
        assert_type(error.constraint, str | None)


def report(engine: Engine) -> None:
    """What rows of reports have."""
    with OrmSession(engine) as session:
        row = session.get_one(SessionRow, "s")
        assert_type(row.created_at, datetime)
        assert_type(row.metadata_, dict[str, Any])
        assert_type(row.variables, list[VariableRow])
        assert_type(session.scalars(select(VariableRow.name)).all()[0], str)
