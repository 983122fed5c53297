"""Sweeping: expired sessions go in small transactions, and the counts add up."""

from __future__ import annotations

import threading

import pytest

from snakestore import SessionRepository
from snakestore.repository.store import expiry


@pytest.fixture
def many(repo, clock):
    """Five expired sessions, each with something in it, and two live ones."""
    for number in range(5):
        sid = repo.create_session(f"old-{number}", ttl=10).id
        repo.register_variable(sid, "x", "integer", number)
        repo.update_variable(sid, "x", number + 1)
        repo.put_program(sid, "p", number)
    repo.create_session("endless", ttl=None)
    repo.create_session("live")
    clock.advance(11)
    return repo


def ids(repo):
    return [session.id for session in repo.list_sessions(include_expired=True)]


def test_a_sweep_removes_the_expired_and_only_those(many):
    assert many.delete_expired() == 5

    assert ids(many) == ["endless", "live"]


def test_a_sweep_takes_along_what_the_sessions_held(many):
    many.delete_expired()

    stats = many.store_stats()
    assert (
        stats.sessions,
        stats.expired_sessions,
        stats.variables,
        stats.programs,
        stats.versions,
    ) == (2, 0, 0, 0, 0)


CONTENTS = {
    "variable": lambda repo, sid: repo.register_variable(sid, "x", "integer", 1),
    "program": lambda repo, sid: repo.put_program(sid, "p", 1),
    "versions of a program": lambda repo, sid: [repo.put_program(sid, "p", n) for n in range(3)],
    "log": lambda repo, sid: [repo.append_log(sid, "l", [1]), repo.pop_log(sid, "l")],
    "entries of a log": lambda repo, sid: repo.append_log(sid, "l", [1, 2]),
}


@pytest.mark.parametrize("content", CONTENTS)
def test_a_sweep_takes_along_what_only_one_of_the_sessions_held(repo, clock, content):
    for sid in ("empty-1", "holder", "empty-2"):
        repo.create_session(sid, ttl=10)
    CONTENTS[content](repo, "holder")
    clock.advance(11)

    assert repo.delete_expired() == 3

    stats = repo.store_stats()
    held = (stats.variables, stats.programs, stats.versions, stats.logs, stats.log_entries)
    assert held == (0, 0, 0, 0, 0)


def test_a_transaction_of_a_sweep_deletes_few_entries_of_logs(backend, many, clock, monkeypatch):
    if not backend.sweeps_together:
        pytest.skip("each session is deleted in a transaction of its own")
    monkeypatch.setattr(expiry, "MAX_ENTRIES", 10)
    lengths = {"long-1": 4, "long-2": 6, "long-3": 1, "long-4": 99, "long-5": 1, "long-6": 9}
    for sid, length in lengths.items():
        many.create_session(sid, ttl=10)
        clock.advance(1e-6)  # the order of the sweep
        many.append_log(sid, "a", range(length - length // 2))
        many.append_log(sid, "b", range(length // 2))
    clock.advance(11)
    progress = []

    assert many.delete_expired(progress=progress.append) == 11

    # five without logs and 4 + 6; 1; 99; 1 + 9
    assert progress == [7, 8, 9, 11]
    assert ids(many) == ["endless", "live"]
    assert (many.store_stats().logs, many.store_stats().log_entries) == (0, 0)


def test_a_second_sweep_finds_nothing(many):
    many.delete_expired()

    assert many.delete_expired() == 0


def test_nothing_expired_is_nothing_swept(repo, filled, clock):
    clock.advance(3600)

    assert repo.delete_expired() == 0
    assert repo.session_exists(filled)


@pytest.mark.parametrize(("limit", "count"), [(None, 5), (0, 0), (1, 1), (3, 3), (99, 5)])
@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_a_sweep_removes_at_most_its_limit(many, limit, count, batch_size):
    assert many.delete_expired(limit, batch_size=batch_size) == count

    assert len(ids(many)) == 7 - count


def test_progress_is_called_with_the_running_count_after_each_batch(many):
    counts = []

    many.delete_expired(batch_size=2, progress=counts.append)

    assert counts == [2, 4, 5]


def test_progress_counts_within_the_limit(many):
    counts = []

    many.delete_expired(3, batch_size=2, progress=counts.append)

    assert counts == [2, 3]


def test_each_batch_is_committed_when_progress_is_called(many):
    left = []

    many.delete_expired(batch_size=2, progress=lambda _: left.append(len(ids(many))))

    assert left == [5, 3, 2]


def test_other_writers_get_their_turn_between_batches(many, second):
    made = []

    many.delete_expired(
        batch_size=1, progress=lambda done: made.append(second.create_session(f"new-{done}").id)
    )

    assert ids(many) == sorted(["endless", "live", *made])
    assert len(made) == 5


def test_a_session_touched_in_time_stays(repo, clock):
    repo.create_session("s", ttl=10)
    clock.advance(10)
    repo.touch("s")
    clock.advance(10)

    assert repo.delete_expired() == 0
    assert repo.session_exists("s")


def test_a_session_whose_ttl_was_lifted_stays(repo, clock):
    repo.create_session("s", ttl=10)
    repo.update_session("s", ttl=None)
    clock.advance(1000)

    assert repo.delete_expired() == 0


def test_a_session_whose_ttl_was_shortened_goes(repo, clock):
    repo.create_session("s")
    repo.update_session("s", ttl=5)
    clock.advance(6)

    assert repo.delete_expired() == 1


def test_a_session_made_anew_stays(many):
    many.create_session("old-0")

    assert many.delete_expired() == 4
    assert many.session_exists("old-0")


def test_several_sweepers_share_the_work_and_their_counts_add_up(repo, backend, clock):
    for number in range(60):
        repo.create_session(f"old-{number}", ttl=10)
    repo.create_session("live")
    clock.advance(11)
    sweepers = [backend.second(repo, clock=clock) if backend.shared else repo for _ in range(3)]
    counts = []

    threads = [
        threading.Thread(
            target=lambda sweeper=sweeper: counts.append(sweeper.delete_expired(batch_size=3))
        )
        for sweeper in sweepers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(counts) == 3
    assert sum(counts) == 60
    assert ids(repo) == ["live"]


def test_a_sweep_in_a_transaction_of_the_callers_own_goes_with_it(backend, clock):
    engine = backend.engine()
    repo = SessionRepository(engine, clock=clock)
    for number in range(3):
        repo.create_session(f"old-{number}", ttl=10)
    clock.advance(11)

    with engine.connect() as connection:
        swept = SessionRepository(connection, clock=clock).delete_expired(batch_size=1)
        connection.rollback()

    assert swept == 3
    assert len(ids(repo)) == 3
