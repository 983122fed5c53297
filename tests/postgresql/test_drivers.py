"""Other drivers than psycopg, on an Engine of the user's."""

from __future__ import annotations

import math
from importlib.util import find_spec

import pytest
import sqlalchemy
from sqlalchemy import orm

import snakestore
from snakestore import SessionRepository, StoreError, ValidationError, VariableNotFoundError
from snakestore.storage.schema.revisions import HEAD
from tests.contract.backends import for_driver
from tests.servers import missing

VALUES = {
    "float": math.nan,
    "integer": 2**80,
    "string": "NUL \0, emoji 🐍, quote ' and % and :x and ?",
    "json": {"z": -0.0, "a": [1, 1.0, None, "\0", 1e300]},
    "embedding": [0.1, 0.2],
    "tensor": {"shape": [2, 1], "data": [[1], [2**62]]},
}


@pytest.fixture(params=["psycopg", "psycopg2", "pg8000"])
def engine(request, url):
    """An Engine of the user's, made with SQLAlchemy alone."""
    if find_spec(request.param) is None:
        missing(f"no driver {request.param}: pip install 'snakestore[test]'")
    engine = sqlalchemy.create_engine(for_driver(url, request.param))
    yield engine
    engine.dispose()


def test_every_value_is_read_back_by_another_driver_as_it_was_written(engine, opened):
    repo, other = SessionRepository(engine), opened()
    repo.create_session("s", metadata={"a": 1}, ttl=90.5)
    for kind, value in VALUES.items():
        repo.register_variable("s", kind, kind, value)
        repo.update_variable("s", kind, value, metadata={"b": [1.0]})
    repo.put_program("s", "p%s", VALUES["json"])

    assert repr(repo.list_variables("s")) == repr(other.list_variables("s"))
    assert {kind: repr(repo.get_value("s", kind)) for kind in VALUES} == {
        kind: repr(value) for kind, value in VALUES.items()
    }
    assert repo.get_program("s", "p%s") == VALUES["json"]
    assert repo.list_sessions() == other.list_sessions()


def test_a_batch_replaces_values_of_every_kind(engine, opened):
    repo, other = SessionRepository(engine), opened()
    repo.create_session("s", history=1)
    for kind, value in VALUES.items():
        repo.register_variable("s", kind, kind, value)

    for _ in range(2):
        repo.update_variables("s", VALUES)

    assert repr(repo.list_variables("s")) == repr(other.list_variables("s"))
    for kind, value in VALUES.items():
        assert repr(repo.get_value("s", kind)) == repr(value)
        assert [repr(each.value) for each in repo.variable_history("s", kind)] == [repr(value)]
    assert repo.prune_history(keep=0) == len(VALUES)
    assert repo.delete_variables("s", list(VALUES)) == len(VALUES)


def test_verbs_of_every_kind_work(engine):
    repo = SessionRepository(engine)
    repo.create_session("s")
    repo.register_variable("s", "x", "integer", 0)
    for _ in range(3):
        repo.modify_variable("s", "x", lambda value: value + 1)
    repo.start_optimization("s", "x", "opt", 7)
    repo.update_variables("s", {"x": 9}, optimizer_id="opt")
    repo.end_optimization("s", "x", "opt")
    repo.rollback_variable("s", "x", 1)
    with pytest.raises(VariableNotFoundError), repo.transaction() as transaction:
        transaction.put_program("s", "lost", 1)
        transaction.get_value("s", "nothing")
    with repo.transaction(read_only=True) as transaction:
        batch = transaction.get_variables("s", ["x", "y"])

    assert (batch.found["x"].value, batch.missing) == (1, ["y"])
    assert [past.value for past in repo.variable_history("s", "x")] == [9, 3, 2, 1, 0]
    assert repo.program_ids("s") == []
    assert repo.delete_expired() == 0
    assert repo.delete_session("s")


@pytest.mark.parametrize(
    "bind_of", [lambda engine: engine.connect(), orm.Session], ids=["Connection", "orm.Session"]
)
def test_a_refused_verb_leaves_a_transaction_of_the_users_usable(engine, bind_of):
    with bind_of(engine) as bind:
        repo = SessionRepository(bind)
        repo.create_session("s")
        repo.register_variable("s", "x", "integer", 0)
        with pytest.raises(ValidationError):
            repo.update_variable("s", "x", "text")
        repo.update_variable("s", "x", 1)
        bind.commit()

    assert SessionRepository(engine).get_value("s", "x") == 1


def test_a_connection_that_is_lost_in_a_block_is_reported_as_such(engine, outside):
    repo = SessionRepository(engine)
    repo.create_session("s")

    with pytest.raises(StoreError, match="nothing was written"), repo.transaction() as transaction:
        transaction.touch("s")
        outside.exec_driver_sql(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        transaction.touch("s")

    assert repo.session_exists("s")


def test_the_migrations_run(engine):
    snakestore.downgrade(engine, "base")
    snakestore.upgrade(engine)

    assert snakestore.current(engine) == HEAD


@pytest.mark.parametrize("driver", ["psycopg2", "pg8000", "asyncpg"])
def test_open_takes_psycopg_and_says_what_to_do_with_others(driver):
    with pytest.raises(StoreError, match=r"give that to the repository"):
        SessionRepository.open(f"postgresql+{driver}://ada@db/agents")
