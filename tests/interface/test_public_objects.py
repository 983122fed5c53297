"""Public objects show themselves without passwords; values can be sent to other processes."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

import snakestore
from snakestore import AsyncSessionRepository, SessionRepository

URL = "postgresql+psycopg://ada:secret@127.0.0.1:1/db?sslpassword=hush"
REFUSED = "can be neither copied nor pickled. Call the method again"


def values() -> dict[str, Any]:
    """One value of each class that methods return."""
    with SessionRepository.open("sqlite://") as repo:
        repo.create_session("s", metadata={"a": [1]})
        repo.register_variable("s", "x", "json", {"a": [1.5, None]}, metadata={"b": 2})
        repo.register_variable("s", "e", "embedding", [1.0, 2.0])
        repo.start_optimization("s", "x", "worker", lease=60)
        repo.put_program("s", "p", {"steps": []})
        repo.append_log("s", "log", [{"a": 1}])
        exported = list(repo.export_sessions())
        found = [
            repo.get_variable("s", "x"),
            repo.get_variable("s", "x").optimization_status,
            repo.get_session("s"),
            repo.get_stats("s"),
            repo.get_program_record("s", "p"),
            *repo.read_log("s", "log"),
            repo.get_variables("s", ["x", "e", "missing"]),
            repo.store_stats(),
            repo.check(),
            repo.import_sessions(exported, on_conflict="skip"),
            snakestore.create_variable(name="n", type="integer", value=1),
            snakestore.Finding("counts", "session s", "wrong"),
        ]
    return {type(value).__name__: value for value in found}


VALUES = values()


def test_every_value_class_is_tested() -> None:
    assert VALUES.keys() == {
        "CheckReport",
        "Finding",
        "ImportReport",
        "LogEntry",
        "OptimizationStatus",
        "Program",
        "Session",
        "SessionStats",
        "StoreStats",
        "Variable",
        "VariableBatch",
    }


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_is_copied_or_pickled_is_equal(name: str) -> None:
    value = VALUES[name]

    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - its own
    assert copy.deepcopy(value) == value == copy.copy(value)
    assert repr(copy.deepcopy(value)) == repr(value)
    assert name in repr(value)


@pytest.mark.parametrize("name", VALUES)
def test_pydantic_writes_a_value_as_json_and_reads_it(name: str) -> None:
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(type(VALUES[name]))

    assert adapter.validate_json(adapter.dump_json(VALUES[name])) == VALUES[name]
    assert adapter.json_schema()


@pytest.mark.parametrize("send", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_block_can_be_neither_copied_nor_pickled(send: Callable[[object], object]) -> None:
    async def send_awaited() -> None:
        async with AsyncSessionRepository.open("sqlite://") as repo:
            for block in (repo.transaction(), repo.lease("s", "x")):
                with pytest.raises(TypeError, match=REFUSED):
                    send({"block": block} if send is copy.deepcopy else block)

    asyncio.run(send_awaited())
    with SessionRepository.open("sqlite://") as repo:
        for block in (repo.transaction(), repo.lease("s", "x")):
            with pytest.raises(TypeError, match=REFUSED):
                send(block)


def test_a_copy_that_is_refused_leaves_the_transaction_open() -> None:
    async def run() -> bool:
        async with AsyncSessionRepository.open("sqlite://") as repo:
            block = repo.transaction()
            async with block as transaction:
                await transaction.create_session("s")
                with pytest.raises(TypeError, match=REFUSED):
                    copy.copy(block)
            return await repo.session_exists("s")

    assert asyncio.run(run())


def test_a_repository_shows_its_database_and_no_password() -> None:
    engine = snakestore.create_engine(URL)
    shown = [
        repr(engine),
        repr(SessionRepository(engine)),
        repr(AsyncSessionRepository(create_async_engine(URL))),
    ]

    for text in shown:
        assert "127.0.0.1:1/db" in text
        assert "secret" not in text
        assert "hush" not in text
    assert shown[2].startswith("<AsyncSessionRepository postgresql+psycopg://ada:***@")


def test_an_async_repository_shows_its_file_and_that_it_is_closed(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with AsyncSessionRepository.open(tmp_path / "agent.db") as repo:
            shown = [repr(repo)]
            async with repo.transaction() as transaction:
                shown.append(repr(transaction))
        return [*shown, repr(repo)]

    shown, inside, closed = asyncio.run(run())

    assert shown.startswith("<AsyncSessionRepository ")
    assert shown.endswith("agent.db>")
    assert inside == shown
    assert closed == shown.replace(">", ", closed>")
