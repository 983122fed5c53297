"""How often a method waits for the server: over a network, that is what it costs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Connection

import snakestore
from benchmarks.relay import Relay
from snakestore import CommitUnknownError, SessionRepository, StoreError

Call = Callable[[SessionRepository, int], Any]
TIMES = 8
"""More often than psycopg executes a statement before it prepares it."""


@pytest.fixture
def relay(url: URL) -> Iterator[Relay]:
    with tempfile.TemporaryDirectory(prefix="snakestore-relay-") as folder:
        relay = Relay(url, Path(folder))
        yield relay
        relay.close()


@pytest.fixture
def repo(relay: Relay) -> Iterator[SessionRepository]:
    with SessionRepository.open(relay.url) as repo:
        repo.create_session("s", history=3)
        for number in range(100):
            repo.register_variable("s", f"v{number}", "integer", 0)
        repo.put_program("s", "p", {})
        repo.append_log("s", "log", [1, 2, 3])
        yield repo


def _fewest(relay: Relay, repo: SessionRepository, call: Call) -> int:
    counts = []
    for number in range(TIMES):
        relay.round_trips = 0
        call(repo, number)
        counts.append(relay.round_trips)
    return min(counts)


READS: dict[str, Call] = {
    "get_value": lambda repo, _: repo.get_value("s", "v3"),
    "get_variable": lambda repo, _: repo.get_variable("s", "v3"),
    "has_variable": lambda repo, _: repo.has_variable("s", "v3"),
    "session_exists": lambda repo, _: repo.session_exists("s"),
    "get_session": lambda repo, _: repo.get_session("s"),
    "get_program": lambda repo, _: repo.get_program("s", "p"),
}
WRITES: dict[str, Call] = {
    "create_session": lambda repo, number: repo.create_session(f"new{number}", metadata={"a": 1}),
    "update_variable": lambda repo, number: repo.update_variable("s", "v3", number),
    "set_value": lambda repo, number: repo.set_value("s", "v3", number),
    "register_variable": lambda repo, number: repo.register_variable(
        "s", f"w{number}", "float", 0.5
    ),
    "modify_variable": lambda repo, _: repo.modify_variable("s", "v3", lambda value: value + 1),
    "delete_variable": lambda repo, number: repo.delete_variable("s", f"v{number + 20}"),
    "start_optimization": lambda repo, _: repo.start_optimization("s", "v4", "opt", lease=60),
    "end_optimization": lambda repo, _: repo.end_optimization("s", "v5"),
    "append_log": lambda repo, number: repo.append_log("s", "log", [number]),
    "put_program": lambda repo, number: repo.put_program("s", "p", {"n": number}),
}
BATCHES: dict[str, Call] = {
    "touch": lambda repo, _: repo.touch("s"),
    "put_variable": lambda repo, number: repo.put_variable(
        "s", snakestore.create_variable(name=f"put{number}", type="float", value=1.0)
    ),
    "variable_names": lambda repo, _: repo.variable_names("s"),
    "read_log": lambda repo, _: repo.read_log("s", "log"),
    "delete_variables": lambda repo, number: repo.delete_variables(
        "s", [f"v{each}" for each in range(10 * number, 10 * number + 10)]
    ),
    "update_variables": lambda repo, number: repo.update_variables(
        "s", {f"v{each}": number for each in range(100)}
    ),
    "get_variables": lambda repo, _: repo.get_variables("s", [f"v{each}" for each in range(100)]),
    "append_log": lambda repo, number: repo.append_log("s", "log", [number] * 100),
}


@pytest.mark.parametrize("call", READS.values(), ids=READS)
def test_a_read_of_one_thing_takes_one_round_trip(
    relay: Relay, repo: SessionRepository, call: Call
) -> None:
    assert _fewest(relay, repo, call) == 1


@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
def test_a_write_takes_two_round_trips(relay: Relay, repo: SessionRepository, call: Call) -> None:
    assert _fewest(relay, repo, call) <= 2


@pytest.mark.parametrize("call", BATCHES.values(), ids=BATCHES)
def test_batches_of_a_hundred_and_other_methods_take_three_round_trips(
    relay: Relay, repo: SessionRepository, call: Call
) -> None:
    assert _fewest(relay, repo, call) <= 3


@pytest.mark.parametrize("calls", [1, 5])
def test_a_transaction_takes_two_round_trips_a_write_and_one_to_commit(
    relay: Relay, repo: SessionRepository, calls: int
) -> None:
    def write(repo: SessionRepository, number: int) -> None:
        with repo.transaction() as transaction:
            for each in range(calls):
                transaction.update_variable("s", f"v{each}", number)

    def read(repo: SessionRepository, _: int) -> None:
        with repo.transaction(read_only=True) as transaction:
            for each in range(calls):
                transaction.get_variable("s", f"v{each}")

    assert _fewest(relay, repo, write) <= 1 + 2 * calls
    assert _fewest(relay, repo, read) <= 1 + calls


@pytest.fixture
def refusing(outside: Connection) -> Iterator[Callable[[bool], None]]:
    """``refusing(True)``: the server refuses to add to the history."""
    outside.exec_driver_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'refused' USING ERRCODE = '23514'; END $$"
    )

    def refusing(yes: bool) -> None:
        if yes:
            outside.exec_driver_sql(
                "CREATE TRIGGER refuse BEFORE INSERT ON variable_versions EXECUTE FUNCTION refuse()"
            )
        else:
            outside.exec_driver_sql("DROP TRIGGER IF EXISTS refuse ON variable_versions")

    yield refusing
    outside.exec_driver_sql("DROP FUNCTION refuse CASCADE")


@pytest.mark.parametrize("before", range(8))
def test_a_write_works_after_one_that_failed_as_its_statements_were_prepared(
    opened: Callable[..., SessionRepository], refusing: Callable[[bool], None], before: int
) -> None:
    repo = opened(max_connections=1)
    repo.create_session("s")
    repo.register_variable("s", "n", "integer", 0)
    refusing(True)
    with repo.transaction() as transaction:
        with pytest.raises(StoreError, match="refused"):
            transaction.update_variable("s", "n", -1)
        transaction.touch("s")
    with pytest.raises(StoreError, match="refused"):
        repo.update_variable("s", "n", -1)
    refusing(False)
    for number in range(before):
        repo.update_variable("s", "n", number)
    refusing(True)
    with pytest.raises(StoreError, match="refused") as refused:
        repo.update_variable("s", "n", -1)
    refusing(False)

    assert not isinstance(refused.value, CommitUnknownError)
    assert [repo.update_variable("s", "n", number).value for number in range(3)] == [0, 1, 2]
    assert repo.get_variable("s", "n").version == before + 3


def test_large_values_do_not_wait_in_memory(repo: SessionRepository, relay: Relay) -> None:
    relay.round_trips = 0

    repo.update_variables("s", {f"v{number}": 10**4000 + number for number in range(100)})

    assert relay.round_trips <= 3
    relay.round_trips = 0
    repo.set_values("s", {f"t{number}": "x" * 700_000 for number in range(4)})
    assert relay.round_trips > 3
