"""What a call costs does not depend on the size of its session, in SQLite's own instructions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection

import snakestore
from snakestore import SessionRepository

FEW, MANY = 10, 4000
INSTRUCTIONS_PER_CALLBACK = 10
RATIO, INSTRUCTIONS = 1.3, 50
"""How much more it may cost: a range may end before the end of its index."""

CALLS: dict[str, Callable[[SessionRepository, str], Any]] = {
    "newest": lambda repo, sid: repo.list_variables(sid, limit=10, reverse=True),
    "oldest": lambda repo, sid: repo.list_variables(sid, limit=10),
    "newest-prefix": lambda repo, sid: repo.list_variables(sid, prefix="n", limit=10, reverse=True),
    "newest-pattern": lambda repo, sid: repo.list_variables(sid, "*n*", limit=10, reverse=True),
    "names": lambda repo, sid: repo.variable_names(sid, limit=10),
    "last-names": lambda repo, sid: repo.variable_names(sid, limit=10, reverse=True),
    "names-after": lambda repo, sid: repo.variable_names(sid, after="n00001", limit=8),
    "names-prefix": lambda repo, sid: repo.variable_names(sid, prefix="n0000"),
    "program-ids": lambda repo, sid: repo.program_ids(sid, prefix="n", limit=10, reverse=True),
    "put": lambda repo, sid: repo.put_variable(sid, repo.get_variable(sid, "n00005")),
    "register": lambda repo, sid: repo.register_variable(sid, "new", "integer", 1, id="new-id"),
    "register-by-name": lambda repo, sid: repo.register_variable(sid, "new", "integer", 1),
    "register-exist-ok": lambda repo, sid: repo.register_variable(
        sid, "n00005", "integer", 1, id="id00005", exist_ok=True
    ),
    "set": lambda repo, sid: repo.set_value(sid, "n00005", 6),
    "set-new": lambda repo, sid: repo.set_value(sid, "another", 6),
    "set-several": lambda repo, sid: repo.set_values(sid, {"n00005": 7, "third": 8}),
    "update-several": lambda repo, sid: repo.update_variables(sid, {"n00005": 7, "id00006": 8}),
    "popitem": lambda repo, sid: repo.session(sid).popitem(),
    "delete-several": lambda repo, sid: repo.delete_variables(sid, ["n00007", "id00008"]),
}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A connection to a file with a session of FEW and one of MANY variables and programs."""
    engine = snakestore.create_engine(tmp_path_factory.mktemp("costs") / "costs.db")
    snakestore.upgrade(engine)
    with engine.connect() as connection:
        repo = SessionRepository(connection)
        for size in (FEW, MANY):
            repo.create_session(str(size), ttl=None, history=0)
            for number in range(size):
                repo.register_variable(
                    str(size), f"n{number:05}", "integer", number, id=f"id{number:05}"
                )
                repo.put_program(str(size), f"n{number:05}", None)
        connection.commit()
        yield connection
    engine.dispose()


def instructions(connection: Connection, call: Callable[[], Any]) -> int:
    """About how many instructions SQLite's virtual machine runs in the call."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += INSTRUCTIONS_PER_CALLBACK
        return 0

    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(count, INSTRUCTIONS_PER_CALLBACK)
    try:
        call()
    finally:
        driver.set_progress_handler(None, 0)
        connection.rollback()
    return counted


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_call_in_a_session_of_thousands_costs_what_it_costs_in_one_of_ten(
    connection: Connection, call: Callable[[SessionRepository, str], Any]
) -> None:
    repo = SessionRepository(connection)

    few = instructions(connection, lambda: call(repo, str(FEW)))
    many = instructions(connection, lambda: call(repo, str(MANY)))

    assert 0 < many <= few * RATIO + INSTRUCTIONS


def test_a_whole_listing_costs_more(connection: Connection) -> None:
    repo = SessionRepository(connection)

    few = instructions(connection, lambda: repo.list_variables(str(FEW)))
    many = instructions(connection, lambda: repo.list_variables(str(MANY)))

    assert many > few * MANY / FEW / 2


def test_an_update_of_all_variables_looks_for_none_of_them(connection: Connection) -> None:
    repo = SessionRepository(connection)
    every = {f"n{number:05}": 1 for number in range(FEW)}
    all_but_one = {name: 1 for name in every if name != "n00000"}

    whole, most = (
        instructions(connection, lambda: repo.update_variables(str(FEW), updates))  # noqa: B023 - called at once
        for updates in (every, all_but_one)
    )

    assert whole / len(every) < 0.9 * most / len(all_but_one)
