"""The short path of lookups: one statement, and in all that is observed a read like any other."""

from __future__ import annotations

import re
import sqlite3
from contextlib import contextmanager

import pytest

from snakestore import (
    CorruptStoreError,
    SessionExpiredError,
    SessionNotFoundError,
    SessionRepository,
    SnakeStoreError,
    StoreBusyError,
    StoreError,
    VariableNotFoundError,
)
from snakestore.storage.execution.autocommit import AutocommitRunner
from snakestore.storage.mapping.sessions import QuietSessions

READS = ("get_value", "get_variable")
TTL = 1000.0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "direct.db"


@pytest.fixture
def repo(path, clock):
    with SessionRepository.open(path, clock=clock) as repo:
        repo.create_session("s", ttl=TTL)
        repo.register_variable("s", "x", "json", {"a": [1]}, id="an-id")
        repo.register_variable("s", "größe", "integer", 7)
        yield repo


@contextmanager
def traced(repo):
    """The SQL that the repository's connection runs in the block."""
    seen: list[str] = []
    connection = repo._runner._connections.idle[-1].driver_connection
    connection.set_trace_callback(seen.append)
    yield seen
    connection.set_trace_callback(None)


@pytest.fixture
def operations(monkeypatch):
    """What ran by the long way from here on."""
    ran: list[str] = []
    lookup = AutocommitRunner.lookup

    def _noted(self, operation, *args, **kwargs):
        ran.append(operation.__name__)
        return lookup(self, operation, *args, **kwargs)

    monkeypatch.setattr(AutocommitRunner, "lookup", _noted)
    return ran


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("identifier", ["x", "an-id", "größe"])
def test_a_read_is_one_statement(repo, operations, read, identifier):
    getattr(repo, read)("s", identifier)

    with traced(repo) as statements:
        getattr(repo, read)("s", identifier)

    assert [each.partition(" ")[0] for each in statements] == ["SELECT"]
    assert operations == []


@pytest.mark.parametrize("read", READS)
def test_a_missing_variable_needs_no_second_statement(repo, operations, read):
    assert getattr(repo, read)("s", "nothing", None) is None
    with pytest.raises(VariableNotFoundError):
        getattr(repo, read)("s", "nothing")

    assert operations == []


@pytest.mark.parametrize("read", READS)
def test_an_access_that_is_due_is_recorded_once(repo, clock, read):
    clock.advance(60)

    getattr(repo, read)("s", "x")

    assert repo.list_sessions()[0].last_accessed == clock()
    with traced(repo) as statements:
        getattr(repo, read)("s", "x")
    assert len(statements) == 1


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("idle", [59.999999, 60.0, 500.0, TTL])
def test_where_no_access_is_recorded_an_old_one_costs_nothing(
    repo, path, clock, operations, read, idle
):
    with SessionRepository.open(path, clock=clock, touch_on_read=False) as reader:
        clock.advance(idle)

        getattr(reader, read)("s", "x")

    assert operations == []


@pytest.mark.parametrize("options", [{}, {"touch_on_read": False}])
@pytest.mark.parametrize("read", READS)
def test_a_session_expires_at_the_first_microsecond(repo, path, clock, options, read):
    with SessionRepository.open(path, clock=clock, **options) as reader:
        getattr(reader, read)("s", "x")
        clock.advance(TTL + 0.000001)

        with pytest.raises(SessionExpiredError):
            getattr(reader, read)("s", "x")


@pytest.mark.parametrize("read", READS)
def test_a_shorter_ttl_of_another_process_counts_at_once(repo, path, clock, read):
    getattr(repo, read)("s", "x")
    with SessionRepository.open(path, clock=clock) as other:
        other.update_session("s", ttl=1.0)
    clock.advance(1.5)

    with pytest.raises(SessionExpiredError):
        getattr(repo, read)("s", "x")


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("text", ["", "\ud800", "x\0", "n" * 256])
def test_text_that_cannot_be_a_name_finds_nothing(repo, read, text):
    assert getattr(repo, read)("s", text, None) is None
    with pytest.raises(SessionNotFoundError):
        getattr(repo, read)(text, "x")


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    ("column", "cell"),
    [("last_accessed", "yesterday"), ("last_accessed", b"\xff"), ("ttl", "long"), ("ttl", 1e300)],
)
def test_a_damaged_session_is_named(repo, path, read, column, cell):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(f"UPDATE sessions SET {column} = ?", (cell,))
    connection.close()

    with pytest.raises(CorruptStoreError, match=column):
        getattr(repo, read)("s", "x")


@pytest.mark.parametrize("column", ["created_at", "last_updated_at", "optimization_expires_at"])
@pytest.mark.parametrize("cell", ["soon", b"\xff"])
def test_a_damaged_time_of_a_variable_is_named(repo, path, operations, column, cell):
    repo.start_optimization("s", "x", "an optimiser", lease=9)
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE variables SET {column} = ? WHERE name = 'x'", (cell,))
    connection.close()

    with pytest.raises(CorruptStoreError, match=column):
        repo.get_variable("s", "x")
    assert repo.get_value("s", "x") == {"a": [1]}
    assert operations == ["_get_variable"]


@pytest.mark.parametrize("column", ["optimization_started_at", "optimization_expires_at"])
def test_a_damaged_time_of_a_lease_that_nobody_holds_is_named(repo, path, column):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(f"UPDATE variables SET {column} = 'soon' WHERE name = 'x'")
    connection.close()

    with pytest.raises(CorruptStoreError, match=column):
        repo.get_variable("s", "x")


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("identifier", ["x", "an-id"])
@pytest.mark.parametrize("damage", ["type = 'unheard-of'", "value = '{oops'"])
def test_a_value_that_cannot_be_read_is_named_as_by_the_long_way(
    repo, path, read, identifier, damage
):
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE variables SET {damage} WHERE name = 'x'")
    connection.close()
    with repo.transaction() as block, pytest.raises(SnakeStoreError) as expected:
        getattr(block, read)("s", identifier)

    with pytest.raises(SnakeStoreError) as refused:
        getattr(repo, read)("s", identifier)

    assert (refused.type, str(refused.value)) == (expected.type, str(expected.value))


def test_a_lease_is_read_with_its_expiry(repo, clock, operations):
    repo.start_optimization("s", "x", "an optimiser", lease=9)

    held = repo.get_variable("s", "x").optimization_status
    clock.advance(9)

    assert held.optimizer_id == "an optimiser"
    assert held.expires_at == clock()
    assert not repo.get_variable("s", "x").optimizing
    assert operations == []


@pytest.mark.parametrize("read", READS)
def test_more_sessions_than_are_remembered_expire_each_by_its_own_ttl(
    repo, clock, monkeypatch, read
):
    monkeypatch.setattr(QuietSessions, "_MAX", 2)
    for number in range(5):
        repo.create_session(f"s{number}", ttl=100.0 * (number + 1))
        repo.register_variable(f"s{number}", "x", "integer", number)
    for _ in range(2):
        for number in range(5):
            getattr(repo, read)(f"s{number}", "x")

    clock.advance(301)

    for number in range(3):
        with pytest.raises(SessionExpiredError):
            getattr(repo, read)(f"s{number}", "x")
    assert repo.get_value("s3", "x") == 3


def test_columns_of_a_lookup_have_names_of_one_letter(repo):
    repo.get_value("s", "x")

    with traced(repo) as statements:
        repo.get_value("s", "x")

    assert re.findall(r" AS (\w+)[, ]", statements[0].partition("FROM")[0]) == list("abcde")


@pytest.mark.parametrize("read", READS)
def test_a_busy_database_is_reported_after_the_tries_of_any_other_read(path, clock, read):
    with SessionRepository.open(path, clock=clock, busy_timeout=0.05) as repo:
        repo.create_session("s")
        repo.register_variable("s", "x", "integer", 1)
        getattr(repo, read)("s", "x")
        repo._runner._connections.idle[0].driver_connection.execute("PRAGMA journal_mode = DELETE")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(StoreBusyError):
            getattr(repo, read)("s", "x")

        other.close()
        assert repo.get_value("s", "x") == 1


@pytest.mark.parametrize("read", READS)
def test_a_closed_repository_reads_nothing(repo, read):
    repo.close()

    with pytest.raises(StoreError, match="closed"):
        getattr(repo, read)("s", "x")


@pytest.mark.parametrize("read", READS)
def test_a_callers_open_block_is_passed_by(repo, read):
    with repo.transaction() as tx:
        tx.update_variable("s", "x", {"a": [2]})

        assert tx.get_value("s", "x") == {"a": [2]}
        found = getattr(repo, read)("s", "x")

    assert (found if read == "get_value" else found.value) == {"a": [1]}


@pytest.mark.parametrize("read", READS)
def test_what_interrupts_a_read_comes_out_and_leaves_the_connection_free(path, read):
    class Stop(BaseException):
        pass

    stops = []

    def clock():
        if stops:
            raise stops.pop()
        return clock.now

    with SessionRepository.open(path) as seed:
        seed.create_session("s")
        seed.register_variable("s", "x", "integer", 1)
        clock.now = seed.get_session("s").last_accessed
    with SessionRepository.open(path, clock=clock) as repo:
        getattr(repo, read)("s", "x")
        stops.append(Stop())

        with pytest.raises(Stop):
            getattr(repo, read)("s", "x")

        assert len(repo._runner._connections.idle) == repo._runner._connections.open_count
        assert repo.get_value("s", "x") == 1
