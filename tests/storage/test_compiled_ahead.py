"""Statements that a dialect has compiled ahead are what SQLAlchemy would make of them."""

from typing import NoReturn

from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.dialects.sqlite import pysqlite

from snakestore import SessionRepository
from snakestore.storage.dialects.sqlite.compiled import COMPILATIONS
from snakestore.storage.queries.sessions import SELECT_SESSION_STATE
from snakestore.storage.queries.statement import Statement
from tests.storage.compile_ahead import compilations, source
from tests.storage.statements import all_statements

REMEDY = "a statement with a name was changed: run python -m tests.storage.compile_ahead"


def test_what_was_compiled_ahead_is_what_sqlalchemy_compiles_now():
    assert compilations() == COMPILATIONS, REMEDY


def test_the_program_writes_a_module_that_has_them():
    module: dict[str, object] = {}

    exec(source(compilations()), module)  # noqa: S102 - what the program writes

    assert module["COMPILATIONS"] == COMPILATIONS


def test_no_two_statements_have_one_name():
    names = [each.statement.name for each in all_statements() if each.statement.name]

    assert sorted(names) == sorted(set(names))


def test_a_statement_that_was_compiled_ahead_is_not_built():
    def refuse() -> NoReturn:
        raise AssertionError

    compiled = Statement(refuse, name="select_session_state").compile_for(pysqlite.dialect())

    assert compiled.sql == COMPILATIONS["select_session_state"].sql


def test_another_driver_compiles_it():
    compiled = SELECT_SESSION_STATE.compile_for(psycopg.dialect())

    assert "timestamptz_send(sessions.last_accessed)" in compiled.sql


def test_the_first_read_of_a_file_builds_no_statement(tmp_path, monkeypatch):
    SessionRepository.open(tmp_path / "s.db").close()
    monkeypatch.setattr(SELECT_SESSION_STATE, "_compiled", {})
    monkeypatch.delattr("snakestore.storage.queries.statement.compile_statement")

    with SessionRepository.open(tmp_path / "s.db") as repo:
        assert not repo.session_exists("none")
