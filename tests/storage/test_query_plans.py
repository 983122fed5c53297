"""Only store_stats, check and unbounded listings scan a table, by SQLite's query plans."""

from __future__ import annotations

import sqlite3
from collections import defaultdict

import pytest
from sqlalchemy.dialects.sqlite import pysqlite

from snakestore import SessionRepository
from snakestore.storage.queries import history, leases, programs, sessions, variables
from snakestore.storage.queries.columns import RangeQuery
from snakestore.storage.queries.statement import CompiledStatement, Statement

DIALECT = pysqlite.dialect(paramstyle="qmark")
MAY_SCAN = {"sessions.SELECT_COUNTS"}  # store_stats counts rows, and says so


def _forms(name: str, thing: object) -> list[tuple[str, CompiledStatement]]:
    if isinstance(thing, RangeQuery):
        flags = [
            (after, bounded, limited)
            for after in (False, True)
            for bounded in (False, True)
            for limited in (False, True)
        ]
        return [
            (
                f"{name}-{after}-{bounded}-{limited}",
                thing.variant(after=after, bounded=bounded, limited=limited).compile_for(DIALECT),
            )
            for after, bounded, limited in flags
        ]
    if isinstance(thing, Statement):
        return [
            (
                name,
                thing.compile_expanding(DIALECT, 4)
                if thing.expanding
                else thing.compile_for(DIALECT),
            )
        ]
    if isinstance(thing, tuple) and thing and all(isinstance(each, Statement) for each in thing):
        return [
            form for number, each in enumerate(thing) for form in _forms(f"{name}-{number}", each)
        ]
    return []


STATEMENTS = [
    form
    for module in (sessions, variables, leases, history, programs)
    for name, thing in vars(module).items()
    for form in _forms(f"{module.__name__.rpartition('.')[2]}.{name}", thing)
]


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    path = tmp_path_factory.mktemp("plans") / "plans.db"
    with SessionRepository.open(path) as repo:
        for number in range(20):
            repo.create_session(f"s{number}")
            for name in "abc":
                repo.register_variable(f"s{number}", name, "integer", 0)
                repo.update_variable(f"s{number}", name, 1)
            repo.put_program(f"s{number}", "p", None)
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


@pytest.mark.parametrize(("name", "prepared"), STATEMENTS, ids=[name for name, _ in STATEMENTS])
def test_no_statement_of_a_verb_reads_a_whole_table(connection, name, prepared):
    # any key will do: only the plan is asked for
    parameters = prepared.bind(_Anything())

    plan = [
        detail
        for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {prepared.sql}", parameters)
    ]

    scans = [step for step in plan if step.startswith("SCAN") and "CONSTANT" not in step]
    assert not scans or name in MAY_SCAN, plan


def test_the_statements_are_all_here():
    names = {name.partition("-")[0] for name, _ in STATEMENTS}

    assert {
        "sessions.SELECT_SESSION_STATE",
        "variables.SELECT_VALUE",
        "variables.UPDATE",
        "variables.SELECT_NAME_CONFLICTS",
        "programs.SELECT_PROGRAM",
    } <= names


class _Anything(defaultdict):
    """Parameters of whatever name, all NULL."""

    def __init__(self):
        super().__init__(lambda: None)

    def __ror__(self, fixed):
        merged = _Anything()
        merged.update(fixed)
        return merged
