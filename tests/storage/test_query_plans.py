"""Which part of an index each statement reads, by SQLite's query plans.

Only store_stats, check and unbounded listings read a whole table. A statement that gives a session
and more of a key reads by all that it gives, not the whole session.
"""

from __future__ import annotations

import re
import sqlite3

import pytest
from sqlalchemy import bindparam, or_, select
from sqlalchemy.dialects.sqlite import pysqlite

from snakestore import SessionRepository
from snakestore.storage.queries import checks
from snakestore.storage.queries.columns import variables
from snakestore.storage.queries.statement import Statement
from tests.storage.statements import ONLY_WITH_ARRAYS, NamedStatement, named_statements

DIALECT = pysqlite.dialect(paramstyle="qmark")
MAY_SCAN = {
    "sessions.SELECT_COUNTS",  # store_stats counts rows, and says so
    "sessions.SELECT_OFTEN_EMPTY",  # EXISTS ends at the first row
}
SEARCH = re.compile(r"SEARCH (?P<table>\w+) USING .*INDEX \w+ \((?P<columns>.*)\)")
STATEMENTS = {each.name: each for each in named_statements() if each.name not in ONLY_WITH_ARRAYS}
ORDERED = {
    name: each
    for name, each in STATEMENTS.items()
    if name.partition("-")[0]
    in {
        "sessions.SELECT_SESSIONS",
        "variables.SELECT_NAMES",
        "variables.SELECT_BY_CREATION",
        "variables.SELECT_IDENTITIES_BY_CREATION",
        "leases.CLAIM_OLDEST",
        "programs.SELECT_IDS",
        "logs.SELECT_NAMES",
    }
}
CHECKED = [table for table in vars(checks).values() if isinstance(table, checks.CheckedTable)]
KEYED = {name: each for name, each in STATEMENTS.items() if each.keys_given()}


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
            repo.append_log(f"s{number}", "l", range(20))
    connection = sqlite3.connect(path)
    # copy() creates it in its target
    connection.execute("CREATE TABLE snakestore_copied_sessions (session_id PRIMARY KEY, checksum)")
    yield connection
    connection.close()


def plan(connection: sqlite3.Connection, each: NamedStatement) -> list[str]:
    prepared = each.compiled(DIALECT)
    rows = connection.execute(
        f"EXPLAIN QUERY PLAN {prepared.sql}", prepared.bind(each.parameters(DIALECT))
    )
    return [detail for *_, detail in rows]


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_statement_of_a_method_reads_a_whole_table(connection, name):
    steps = plan(connection, STATEMENTS[name])

    # what is gone through was read before by an index: a page of a log, a subquery
    computed = [step.split()[1] for step in steps if step.startswith("CO-ROUTINE")]
    harmless = ("CONSTANT", "SCAN page", *(f"SCAN {name}" for name in computed))
    scans = [
        step
        for step in steps
        if step.startswith("SCAN") and not any(each in step for each in harmless)
    ]
    assert not scans or name in MAY_SCAN, steps


@pytest.mark.parametrize("name", KEYED)
def test_a_statement_that_gives_a_session_and_a_key_reads_by_both(connection, name):
    steps = plan(connection, KEYED[name])

    assert reads_by_keys(steps, KEYED[name]), steps


def reads_by_keys(steps: list[str], statement: NamedStatement) -> bool:
    """Whether each search uses all that the statement gives of one of the table's keys."""
    searches = [found for step in steps if (found := SEARCH.match(step))]
    keys = statement.keys_given()
    return keys.keys() <= {search["table"] for search in searches} and all(
        any(part <= set(re.findall(r"[a-z_]+", search["columns"])) for part in parts)
        for search in searches
        for parts in [keys.get(search["table"], [set()])]
    )


@pytest.mark.parametrize("name", ORDERED)
def test_a_listing_in_the_order_of_an_index_sorts_nothing(connection, name):
    steps = plan(connection, ORDERED[name])

    assert not [step for step in steps if "TEMP B-TREE" in step]


@pytest.mark.parametrize("table", CHECKED, ids=lambda table: table.name)
@pytest.mark.parametrize("part", ["keys", "rows"])
def test_a_page_of_check_begins_where_the_last_one_ended(connection, table, part):
    steps = plan(connection, NamedStatement(table.name, getattr(table, part)))

    key = ",".join(table.key)
    assert f"(({key})>(" in steps[0] or f"({key}>?)" in steps[0], steps


def test_a_statement_that_reads_the_whole_session_for_a_key_is_noticed(connection):
    columns = (variables.c.id, variables.c.name)
    by_any = or_(*(column == bindparam(each) for column in columns for each in ("one", "other")))
    query = Statement(lambda: select(*columns).where(variables.c.session_id == "s", by_any))
    statement = NamedStatement("by any", query)

    steps = plan(connection, statement)

    assert not reads_by_keys(steps, statement), steps


def test_the_statements_are_all_here():
    assert {
        "sessions.SELECT_SESSION_STATE",
        "sessions.SELECT_SESSIONS-after-upper-limit",
        "variables.SELECT_NAMES-lower-upper-limit-reverse",
        "copying.TABLES-0.keys",
    } <= STATEMENTS.keys()
    assert {
        "variables.SELECT_VALUE",
        "variables.SELECT_FOR_OVERWRITE",
        "variables.SELECT_NAME_CONFLICTS",
        "leases.CLAIM_FIRST",
        "variables.UPDATE",
        "history.OF_VARIABLES.prune",
        "history.OF_PROGRAMS.archive",
        "programs.SELECT_PROGRAM",
        "logs.SELECT_PAGE-above-below-limit-offset-reverse",
        "logs.DELETE_OLDEST",
    } <= KEYED.keys()
