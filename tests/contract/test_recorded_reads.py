"""Reads record their access now and then, and are in the way of nobody."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from sqlalchemy import orm

import snakestore
from snakestore import SessionRepository, StoreReadOnlyError
from tests.contract.times import A_MICROSECOND, recorded

# --- when a read is recorded


@pytest.mark.parametrize(
    ("ttl", "gap"),
    [(3600, 60), (None, 60), (600, 60), (100, 10), (50, 5), (timedelta(seconds=1), 0.1)],
)
def test_a_read_is_recorded_when_a_tenth_of_the_ttl_or_a_minute_passed(repo, clock, ttl, gap):
    start = repo.create_session("s", ttl=ttl).last_accessed
    repo.put_program("s", "p", 1)

    clock.advance(gap - A_MICROSECOND)
    repo.get_program("s", "p")
    too_soon = recorded(repo, "s")
    clock.set(start + timedelta(seconds=gap))
    repo.get_program("s", "p")

    assert too_soon == start
    assert recorded(repo, "s") == clock()


def test_a_read_too_soon_to_be_recorded_shows_the_last_one_recorded(repo, filled, clock):
    before = recorded(repo, filled)
    clock.advance(59)

    assert repo.get_session(filled).last_accessed == before


def test_the_time_counts_from_the_last_recorded_access(repo, filled, clock):
    clock.advance(59)
    repo.touch(filled)
    touched = clock()
    clock.advance(59)

    repo.get_value(filled, "x")

    assert recorded(repo, filled) == touched


def test_a_session_that_is_only_read_stays_alive(repo, filled, clock):
    for _ in range(10):
        clock.advance(1000)
        repo.get_value(filled, "x")

    assert repo.session_exists(filled)


# --- in the way of nobody


def test_a_read_does_not_wait_for_a_writer_to_record_its_access(repo, filled, second, clock):
    clock.advance(100)
    with second.transaction() as writer:
        writer.update_variable(filled, "x", 9.0)
        started = time.monotonic()

        value = repo.get_value(filled, "x")

        waited = time.monotonic() - started
    assert value == 2.0
    assert waited < 2


def test_reads_in_a_transaction_of_the_callers_own_record_nothing(backend, clock, reading, fill):
    engine = backend.engine()
    repo = backend.resources.enter_context(SessionRepository(engine, clock=clock))
    repo.create_session("s")
    fill(repo, "s")
    before = recorded(repo, "s")
    clock.advance(100)

    with engine.connect() as connection:
        reading(SessionRepository(connection, clock=clock), "s")
        connection.commit()

    assert recorded(repo, "s") == before


@pytest.mark.parametrize(
    "bind_of", [lambda engine: engine.connect(), orm.Session], ids=["Connection", "orm.Session"]
)
def test_touch_in_a_transaction_of_the_callers_own_is_recorded_by_their_commit(
    backend, clock, bind_of
):
    engine = backend.engine()
    repo = backend.resources.enter_context(SessionRepository(engine, clock=clock))
    repo.create_session("s")
    clock.advance(1)

    with bind_of(engine) as bind:
        SessionRepository(bind, clock=clock).touch("s")
        bind.commit()

    assert recorded(repo, "s") == clock()


def test_reads_work_over_a_read_only_url(tmp_path, clock, reading, fill):
    path = tmp_path / "store.db"
    with SessionRepository.open(path, clock=clock) as repo:
        repo.create_session("s")
        fill(repo, "s")
    clock.advance(100)

    with SessionRepository.open(f"sqlite:///file:{path}?mode=ro&uri=true", clock=clock) as reader:
        reading(reader, "s")
        assert recorded(reader, "s") < clock()


def test_writes_over_a_read_only_url_are_refused(tmp_path, clock, writing, fill):
    path = tmp_path / "store.db"
    with SessionRepository.open(path, clock=clock) as repo:
        repo.create_session("s")
        fill(repo, "s")

    with SessionRepository.open(f"sqlite:///file:{path}?mode=ro&uri=true", clock=clock) as reader:
        with pytest.raises(StoreReadOnlyError):
            writing(reader, "s")

        assert reader.get_value("s", "x") == 2.0


def test_an_engine_of_create_engine_and_one_of_the_caller_record_alike(tmp_path, clock):
    with SessionRepository.open(tmp_path / "store.db", clock=clock) as repo:
        repo.create_session("s")
        clock.advance(100)
        engine = snakestore.create_engine(tmp_path / "store.db")

        SessionRepository(engine, clock=clock).get_session("s")

        engine.dispose()
        assert recorded(repo, "s") == clock()
