"""An error in snakestore's own code is raised as it is, and never as damage to the user's data."""

from __future__ import annotations

import pytest
from sqlalchemy import orm

import snakestore
from snakestore import SessionRepository
from snakestore.storage.mapping import variables
from snakestore.storage.queries.statement import Statement
from snakestore.types import FloatType

CALLS = {
    "create_session": lambda repo: repo.create_session("new"),
    "get_session": lambda repo: repo.get_session("s"),
    "session_exists": lambda repo: repo.session_exists("s"),
    "list_sessions": lambda repo: repo.list_sessions(),
    "update_session": lambda repo: repo.update_session("s", metadata={"a": 1}),
    "touch": lambda repo: repo.touch("s"),
    "expired": lambda repo: repo.expired("s"),
    "delete_session": lambda repo: repo.delete_session("s"),
    "get_stats": lambda repo: repo.get_stats("s"),
    "list_expired": lambda repo: repo.list_expired(),
    "delete_expired": lambda repo: repo.delete_expired(),
    "store_stats": lambda repo: repo.store_stats(),
    "get_variable": lambda repo: repo.get_variable("s", "x"),
    "get_value": lambda repo: repo.get_value("s", "x"),
    "has_variable": lambda repo: repo.has_variable("s", "x"),
    "variable_names": lambda repo: repo.variable_names("s"),
    "list_variables": lambda repo: repo.list_variables("s"),
    "get_variables": lambda repo: repo.get_variables("s", ["x"]),
    "register_variable": lambda repo: repo.register_variable("s", "new", "float", 1.0),
    "update_variable": lambda repo: repo.update_variable("s", "x", 2.0),
    "modify_variable": lambda repo: repo.modify_variable("s", "x", lambda value: value + 1),
    "update_variables": lambda repo: repo.update_variables("s", {"x": 2.0}),
    "update_constraints": lambda repo: repo.update_constraints("s", "x", {"min": 0.0}),
    "delete_variable": lambda repo: repo.delete_variable("s", "x"),
    "variable_history": lambda repo: repo.variable_history("s", "x"),
    "get_variable_version": lambda repo: repo.get_variable_version("s", "x", 0),
    "rollback_variable": lambda repo: repo.rollback_variable("s", "x", 0),
    "prune_history": lambda repo: repo.prune_history("s", keep=1),
    "start_optimization": lambda repo: repo.start_optimization("s", "x", "optimiser"),
    "renew_optimization": lambda repo: repo.renew_optimization("s", "x", "optimiser", lease=1),
    "claim_variable": lambda repo: repo.claim_variable("s", "*", "optimiser", lease=1),
    "end_optimization": lambda repo: repo.end_optimization("s", "x"),
    "put_program": lambda repo: repo.put_program("s", "p", {}),
    "get_program": lambda repo: repo.get_program("s", "p", None),
    "get_program_record": lambda repo: repo.get_program_record("s", "p"),
    "program_history": lambda repo: repo.program_history("s", "p"),
    "get_program_version": lambda repo: repo.get_program_version("s", "p", 0),
    "rollback_program": lambda repo: repo.rollback_program("s", "p", 0),
    "list_programs": lambda repo: repo.list_programs("s"),
    "program_ids": lambda repo: repo.program_ids("s"),
    "has_program": lambda repo: repo.has_program("s", "p"),
    "delete_program": lambda repo: repo.delete_program("s", "p"),
    "check": lambda repo: repo.check(),
}
READS_A_VALUE = (
    "get_variable",
    "get_value",
    "list_variables",
    "get_variables",
    "modify_variable",
    "update_constraints",
    "variable_history",
    "get_variable_version",
    "rollback_variable",
    "check",
)
MESSAGE = "a bug"
BUGS = [TypeError, AttributeError, ValueError, KeyError, OverflowError]


def fill(repo):
    repo.create_session("s")
    repo.register_variable("s", "x", "float", 1.0)
    repo.update_variable("s", "x", 1.5)


@pytest.fixture
def x(repo):
    fill(repo)
    return repo


def plant(monkeypatch, error, *targets):
    """Make attributes of classes or modules raise an error, as a bug in them would."""

    def broken(*_args, **_kwargs):
        raise error(MESSAGE)

    for owner, name in targets:
        monkeypatch.setattr(owner, name, broken)


STATEMENTS = [(Statement, "compile_for"), (Statement, "compile_expanding")]


@pytest.mark.parametrize("method", CALLS)
def test_a_bug_is_raised_unchanged_and_the_repository_works_on(x, monkeypatch, method):
    with monkeypatch.context() as patch, pytest.raises(TypeError, match=MESSAGE):
        plant(patch, TypeError, *STATEMENTS)
        CALLS[method](x)

    assert x.get_value("s", "x") == 1.5
    assert x.update_variable("s", "x", 2.0).version == 2


@pytest.mark.parametrize("error", BUGS)
@pytest.mark.parametrize("method", ["get_value", "list_variables", "update_variable", "touch"])
def test_an_exception_of_a_bug_is_raised_unchanged(x, monkeypatch, method, error):
    plant(monkeypatch, error, *STATEMENTS)

    with pytest.raises(error, match=MESSAGE) as caught:
        CALLS[method](x)

    assert type(caught.value) is error


@pytest.mark.parametrize("error", [TypeError, AttributeError, KeyError])
@pytest.mark.parametrize("method", READS_A_VALUE)
def test_a_bug_in_a_type_of_the_library_is_no_damage(x, monkeypatch, method, error):
    plant(monkeypatch, error, (FloatType, "decode"))

    with pytest.raises(error, match=MESSAGE):
        CALLS[method](x)


@pytest.mark.parametrize(
    "method",
    ["get_variable", "list_variables", "get_variables", "update_variable", "variable_history"],
)
def test_a_bug_in_the_mapping_is_no_damage(x, monkeypatch, method):
    plant(monkeypatch, TypeError, (variables, "unchecked_variable"))

    with pytest.raises(TypeError, match=MESSAGE):
        CALLS[method](x)


@pytest.mark.parametrize("method", ["get_value", "update_variable", "put_program", "list_sessions"])
def test_a_bug_in_a_transaction_block_is_raised_unchanged(x, monkeypatch, method):
    with x.transaction() as block:
        with monkeypatch.context() as patch, pytest.raises(TypeError, match=MESSAGE):
            plant(patch, TypeError, *STATEMENTS)
            CALLS[method](block)
        block.update_variable("s", "x", 2.0)

    assert x.get_value("s", "x") == 2.0


@pytest.mark.parametrize("bind", ["connection", "session"])
@pytest.mark.parametrize("method", ["get_value", "update_variable", "put_program", "list_sessions"])
def test_a_bug_in_a_transaction_of_the_callers_own_is_raised_unchanged(
    tmp_path, monkeypatch, method, bind
):
    engine = snakestore.create_engine(tmp_path / "own.db")
    snakestore.upgrade(engine)
    with engine.connect() as connection, orm.Session(connection) as session:
        repo = SessionRepository(connection if bind == "connection" else session)
        fill(repo)
        with monkeypatch.context() as patch, pytest.raises(TypeError, match=MESSAGE):
            plant(patch, TypeError, *STATEMENTS)
            CALLS[method](repo)

        assert repo.update_variable("s", "x", 2.0).version == 2
    engine.dispose()
