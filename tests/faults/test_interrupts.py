"""After an exception at any instant, nothing is half done and nothing stays held."""

from __future__ import annotations

import itertools
import signal

import coverage
import pytest
import sqlalchemy

from snakestore import SessionRepository
from tests.faults import async_events, async_storm, events, storm
from tests.faults.crew import run
from tests.servers import emptied

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs Unix signals")

outside_of_coverage = pytest.mark.skipif(
    coverage.Coverage.current() is not None,
    reason="an exception that comes inside coverage's own code is lost there",
)


@outside_of_coverage
@pytest.mark.parametrize("kind", storm.EXCEPTIONS)
@pytest.mark.parametrize("store", ["file", "memory"])
def test_after_exceptions_at_random_instants_nothing_is_half_done_or_held(
    tmp_path, store, kind, size, figures
):
    hits = size(30, 1112)

    [seen] = run(storm.rage, [(store, storm.file_in(tmp_path), kind, hits, 12)], 900)

    assert seen["hits"] == hits
    figures("interrupts", store=store, kind=kind, **seen)


@outside_of_coverage
@pytest.mark.parametrize("kind", storm.EXCEPTIONS)
def test_after_exceptions_at_random_instants_a_server_has_no_transaction_open(
    postgresql_database, kind, size, figures
):
    hits = size(10, 1112)
    emptied(postgresql_database)
    url = postgresql_database.render_as_string(hide_password=False)

    [seen] = run(storm.rage, [("postgresql", url, kind, hits, 12)], 900)

    assert seen["hits"] == hits
    figures("interrupts", store="postgresql", kind=kind, **seen)


@pytest.mark.parametrize("method", events.METHODS)
@pytest.mark.parametrize("store", ["file", "memory"])
def test_after_an_exception_at_any_event_of_a_method_the_next_one_works_at_once(
    tmp_path, store, method, size
):
    step = size(1, 1, default=4)

    [hits] = run(events.strike, [(store, storm.file_in(tmp_path), method, 1, step)], 900)

    assert hits > 100 / step


@pytest.mark.slow
@pytest.mark.parametrize("method", events.METHODS)
def test_after_an_exception_at_any_event_of_a_method_a_server_has_no_transaction_open(
    postgresql_database, method, size
):
    step = size(29, 1, default=97)
    emptied(postgresql_database)
    url = postgresql_database.render_as_string(hide_password=False)

    [hits] = run(events.strike, [("postgresql", url, method, 1, step)], 900)

    assert hits > 100 / step


def test_an_exception_inside_sqlalchemy_is_raised_unchanged(tmp_path, monkeypatch):
    def strike(*_):
        raise TimeoutError

    SessionRepository.open(tmp_path / "s.db").close()
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 's.db'}")
    repo = SessionRepository(engine)
    repo.create_session("s")
    with monkeypatch.context() as patch:
        patch.setattr(engine.dialect.execution_ctx_cls, "_init_statement", strike)
        with pytest.raises(TimeoutError):
            repo.touch("s")

    assert repo.touch("s").id == "s"
    engine.dispose()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, TimeoutError, storm.Stop])
def test_an_exception_that_sqlalchemy_drops_a_connection_for_leaves_no_lock(
    tmp_path, monkeypatch, kind
):
    def strike(context):
        del context  # SQLAlchemy's frames in the traceback refer to it, and to its cursor
        raise kind

    path = storm.file_in(tmp_path)
    SessionRepository.open(path).close()
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    repo = SessionRepository(engine)
    repo.create_session("s")
    repo.register_variable("s", "n", "integer", 0)

    with (
        monkeypatch.context() as patch,
        pytest.raises(kind) as kept,
        repo.transaction() as transaction,
    ):
        transaction.update_variable("s", "n", 1)
        patch.setattr(engine.dialect.execution_ctx_cls, "_setup_result_proxy", strike)
        transaction.get_variable("s", "n")

    assert kept.value is not None
    assert storm.File(path).is_free()
    assert repo.get_value("s", "n") == 0
    engine.dispose()


@pytest.mark.parametrize("method", async_events.METHODS)
def test_after_an_exception_at_any_event_of_awaited_code_no_turn_is_lost(tmp_path, method, size):
    step = size(13, 1, default=43)

    [hits] = run(
        async_events.strike, [("file", storm.file_in(tmp_path), None, method, 1, step)], 900
    )

    assert hits > 100 / step


@pytest.mark.slow
@pytest.mark.parametrize("method", ["nested transaction", "modify_variable"])
def test_after_an_exception_at_any_event_on_an_asyncengine_no_turn_is_lost(tmp_path, method, size):
    step = size(41, 3, default=97)
    arguments = ("file", storm.file_in(tmp_path), "aiosqlite", method, 1, step)

    [hits] = run(async_events.strike, [arguments], 900)

    assert hits > 100 / step


@pytest.mark.slow
@pytest.mark.parametrize("method", ["nested transaction", "modify_variable"])
@pytest.mark.parametrize("driver", [None, "psycopg", "asyncpg"])
def test_after_an_exception_at_any_event_of_awaited_code_a_server_has_no_transaction_open(
    postgresql_database, driver, method, size
):
    step = size(97, 7, default=197)
    emptied(postgresql_database)
    url = postgresql_database.render_as_string(hide_password=False)

    [hits] = run(async_events.strike, [("postgresql", url, driver, method, 1, step)], 900)

    assert hits > 100 / step


ENDS_IN_THREADS = [(None, kind) for kind in [*async_storm.ATTACKS, *async_storm.SIGNALS]]
"""The driver, which is None for worker threads, and how tasks end."""
ENDS_ON_ENGINES = [kind for kind in async_storm.ATTACKS if kind != "a signal handler's"]
"""How tasks end on an AsyncEngine: such an exception may come inside SQLAlchemy or the driver.

They may lose a connection then, as docs/asyncio.md says. What is ours is tested at each event of
awaited code, above.
"""


@pytest.mark.parametrize(
    ("driver", "kind"),
    [*ENDS_IN_THREADS, *itertools.product(["aiosqlite"], ENDS_ON_ENGINES)],
)
def test_after_tasks_ended_at_random_instants_nothing_is_half_done_or_held(
    tmp_path, driver, kind, size, figures
):
    hits = size(20, 400)

    [seen] = run(async_storm.rage, [("file", storm.file_in(tmp_path), driver, kind, hits, 12)], 900)

    assert seen["hits"] == hits
    figures("tasks", store="file", kind=kind, **seen)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("driver", "kind"),
    [*ENDS_IN_THREADS, *itertools.product(["psycopg", "asyncpg"], ENDS_ON_ENGINES)],
)
def test_after_tasks_ended_at_random_instants_a_server_has_no_transaction_open(
    postgresql_database, driver, kind, size, figures
):
    hits = size(10, 200)
    emptied(postgresql_database)
    url = postgresql_database.render_as_string(hide_password=False)

    [seen] = run(async_storm.rage, [("postgresql", url, driver, kind, hits, 12)], 900)

    assert seen["hits"] == hits
    figures("tasks", store="postgresql", kind=kind, **seen)
