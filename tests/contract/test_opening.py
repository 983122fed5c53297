"""Opening, closing, and leaving an Engine of the caller's as it was."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import orm, text

import snakestore
from snakestore import (
    SchemaOutdatedError,
    SessionRepository,
    StoreError,
    ValidationError,
)


@pytest.mark.parametrize(
    "address",
    [
        str,
        Path,
        lambda path: f"sqlite:///{path}",
        lambda path: sqlalchemy.make_url(f"sqlite:///{path}"),
    ],
    ids=["str", "Path", "url", "URL"],
)
def test_a_file_is_opened_by_path_or_url(tmp_path, address):
    path = tmp_path / "agent.db"

    with SessionRepository.open(address(path)) as repo:
        repo.create_session("s")

    assert path.is_file()
    with SessionRepository.open(path) as repo:
        assert repo.session_exists("s")


def test_a_relative_path_is_a_file_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    SessionRepository.open("agent.db").close()

    assert (tmp_path / "agent.db").is_file()


@pytest.mark.parametrize(
    "name",
    ["with space.db", "per%20cent.db", "q?mark.db", "hash#.db", "ünï.db", "a'b.db", "100%.db"],
)
def test_a_path_is_taken_as_it_is(tmp_path, name):
    with SessionRepository.open(tmp_path / name) as repo:
        repo.create_session("s")

    assert (tmp_path / name).is_file()
    with SessionRepository.open(str(tmp_path / name)) as repo:
        assert repo.session_exists("s")


@pytest.mark.parametrize("name", ["", "a\0b.db", "\ud800.db"], ids=ascii)
def test_text_that_cannot_be_a_path_is_refused(name):
    with pytest.raises(ValidationError, match="the path of a store"):
        SessionRepository.open(name)


def test_each_repository_in_memory_is_a_database_of_its_own():
    with SessionRepository.open("sqlite://") as one, SessionRepository.open("sqlite://") as other:
        one.create_session("s")

        assert not other.session_exists("s")


def test_the_threads_of_a_repository_in_memory_share_its_database():
    with SessionRepository.open("sqlite://") as repo:
        repo.create_session("s")
        answers = []

        thread = threading.Thread(target=lambda: answers.append(repo.session_exists("s")))
        thread.start()
        thread.join(30)

        assert answers == [True]


def test_a_missing_file_is_not_made_where_migrating_is_forbidden(tmp_path):
    path = tmp_path / "agent.db"

    with pytest.raises(SchemaOutdatedError) as refused:
        SessionRepository.open(path, migrate=False)

    assert refused.value.current is None
    assert refused.value.head
    assert list(tmp_path.iterdir()) == []


def test_an_older_schema_is_left_alone_where_migrating_is_forbidden(tmp_path):
    path = tmp_path / "agent.db"
    SessionRepository.open(path).close()
    engine = snakestore.create_engine(path)
    snakestore.downgrade(engine, "base")
    engine.dispose()
    before = path.read_bytes()

    with pytest.raises(SchemaOutdatedError):
        SessionRepository.open(path, migrate=False)

    assert path.read_bytes() == before


def test_a_present_schema_opens_where_migrating_is_forbidden(tmp_path):
    SessionRepository.open(tmp_path / "agent.db").close()

    with SessionRepository.open(tmp_path / "agent.db", migrate=False) as repo:
        assert repo.create_session("s").id == "s"


def test_an_engine_of_create_engine_serves_as_a_path_does(tmp_path, clock, fill):
    engine = snakestore.create_engine(tmp_path / "agent.db")
    snakestore.upgrade(engine)

    work_with(SessionRepository(engine, clock=clock), fill)

    engine.dispose()
    with SessionRepository.open(tmp_path / "agent.db", clock=clock) as repo:
        assert repo.get_value("s", "x") == 3.0


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"bogus": 1}, TypeError),
        ({"clock": 5}, ValidationError),
        ({"default_ttl": -1}, ValidationError),
        ({"history": -1}, ValidationError),
        ({"max_value_bytes": -1}, ValidationError),
        ({"busy_timeout": -1}, ValidationError),
        ({"busy_timeout": "long"}, ValidationError),
        ({"durability": "none"}, ValidationError),
        ({"durability": ["full"]}, ValidationError),
        ({"cache": "yes"}, ValidationError),
        ({"touch_on_read": "no"}, ValidationError),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else case.__name__,
)
def test_an_option_that_may_not_be_makes_no_file(tmp_path, options, error):
    with pytest.raises(error):
        SessionRepository.open(tmp_path / "new.db", **options)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "busy_timeout",
    [10**400, 10**5000, 1e300, float("inf")],
    ids=["over-a-float", "over-a-text", "huge", "infinite"],
)
@pytest.mark.parametrize("address", ["agent.db", "sqlite://"], ids=["file", "memory"])
def test_a_busy_timeout_may_be_longer_than_any_wait(tmp_path, monkeypatch, address, busy_timeout):
    monkeypatch.chdir(tmp_path)

    with SessionRepository.open(address, busy_timeout=busy_timeout) as repo:
        assert repo.create_session("s").id == "s"
    snakestore.create_engine(address, busy_timeout=busy_timeout).dispose()


# --- closing


def test_after_close_every_verb_is_refused(repo, filled, verb):
    repo.close()

    with pytest.raises(StoreError):
        verb(repo, filled)


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.create_session("new"),
        lambda repo: repo.session_exists("s"),
        lambda repo: repo.expired("s"),
        lambda repo: repo.delete_session("s"),
        lambda repo: repo.list_sessions(),
        lambda repo: repo.list_expired(),
        lambda repo: repo.delete_expired(),
        lambda repo: repo.delete_expired(0),
        lambda repo: repo.list_expired(0),
        lambda repo: repo.list_sessions(limit=0),
        lambda repo: repo.list_sessions("\0"),
        lambda repo: repo.store_stats(),
        lambda repo: repo.has_variable("s", "x"),
        lambda repo: repo.has_program("s", "p"),
        lambda repo: repo.transaction().__enter__(),
        lambda repo: repo.session("s")["x"],
    ],
    ids=[
        "create_session",
        "session_exists",
        "expired",
        "delete_session",
        "list_sessions",
        "list_expired",
        "delete_expired",
        "delete_expired-none",
        "list_expired-none",
        "list_sessions-none",
        "list_sessions-impossible",
        "store_stats",
        "has_variable",
        "has_program",
        "transaction",
        "view",
    ],
)
def test_after_close_the_rest_is_refused_too(repo, filled, call):
    repo.close()

    with pytest.raises(StoreError):
        call(repo)


@pytest.mark.every_backend
def test_a_block_that_is_open_at_close_may_still_end(repo, filled):
    with repo.transaction() as transaction:
        repo.close()
        changed = transaction.update_variable(filled, "x", 9.0)

    assert changed.value == 9.0
    with pytest.raises(StoreError, match="closed"):
        repo.get_value(filled, "x")


@pytest.mark.every_backend
def test_an_export_that_is_open_at_close_may_still_end(repo, filled):
    whole = list(repo.export_sessions())
    records = repo.export_sessions()
    first = next(records)
    repo.close()

    assert [first, *records] == whole


def test_closing_twice_is_closing(repo):
    repo.close()
    repo.close()

    with pytest.raises(StoreError):
        repo.list_sessions()


def test_a_repository_closes_at_the_end_of_its_with_block(open_repo):
    with open_repo() as repo:
        repo.create_session("s")

    with pytest.raises(StoreError):
        repo.get_session("s")


def test_what_was_written_is_there_after_close(backend, repo, filled, clock):
    if not backend.shared:
        pytest.skip("a database in memory ends with its repository")
    repo.close()

    assert backend.open(clock=clock).get_value(filled, "x") == 2.0


# --- an engine of the caller's is left as it is


@pytest.fixture
def theirs(tmp_path, clock, fill):
    """An Engine made with SQLAlchemy alone, migrated; before a repository was ever bound to it."""
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'theirs.db'}")
    snakestore.upgrade(engine)
    yield engine
    engine.dispose()


def listeners(engine):
    """How many listen to each event of the engine, its pool and its dialect."""
    return {
        (type(target).__name__, name): len(list(getattr(target.dispatch, name)))
        for target in (engine, engine.pool, engine.dialect)
        for name in target.dispatch._event_names
    }


def work_with(repo, fill):
    if not repo.session_exists("s"):
        repo.create_session("s")
        fill(repo, "s")
    repo.update_variable("s", "x", 3.0)
    repo.list_variables("s")
    with repo.transaction() as transaction:
        transaction.touch("s")
    repo.delete_expired()


def test_nothing_listens_to_an_engine_of_the_caller(tmp_path, fill, clock):
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'theirs.db'}")
    before = listeners(engine)

    snakestore.upgrade(engine)
    work_with(SessionRepository(engine, clock=clock), fill)
    with engine.connect() as connection:
        work_with(SessionRepository(connection, clock=clock), fill)
        connection.rollback()
    with orm.Session(engine) as session:
        work_with(SessionRepository(session, clock=clock), fill)

    assert listeners(engine) == before
    engine.dispose()


PRAGMAS = [
    "foreign_keys",
    "busy_timeout",
    "synchronous",
    "journal_mode",
    "temp_store",
    "cache_size",
    "query_only",
    "trusted_schema",
    "recursive_triggers",
]


def test_the_settings_of_a_callers_connections_stay_unchanged(theirs, clock, fill):
    def settings():
        with theirs.connect() as connection:
            driver = connection.connection.driver_connection
            pragmas = {
                pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()
                for pragma in PRAGMAS
            }
            return pragmas, driver.isolation_level, driver.row_factory, driver.text_factory

    before = settings()

    work_with(SessionRepository(theirs, clock=clock), fill)

    assert settings() == before


def test_their_connection_goes_back_to_the_pool_without_a_transaction(theirs, clock, fill):
    work_with(SessionRepository(theirs, clock=clock), fill)

    with theirs.connect() as connection:
        assert not connection.connection.driver_connection.in_transaction


def test_their_connections_keep_their_own_way_to_begin(theirs, clock, fill):
    work_with(SessionRepository(theirs, clock=clock), fill)

    with theirs.connect() as connection:
        connection.execute(text("SELECT 1"))
        assert not connection.connection.driver_connection.in_transaction
