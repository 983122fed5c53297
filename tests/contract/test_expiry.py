"""ExpiryMethods: idle for longer than the ttl is gone, at once and for good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from snakestore import SessionExpiredError, SessionNotFoundError
from snakestore.repository.store import expiry
from tests.contract.times import A_MICROSECOND


def test_idle_for_exactly_the_ttl_is_alive(repo, filled, clock, verb):
    clock.advance(3600)

    verb(repo, filled)

    assert repo.session_exists(filled)


def test_idle_for_a_microsecond_longer_is_gone_for_every_verb(repo, expired, verb, unchanged):
    with unchanged(), pytest.raises(SessionExpiredError) as refused:
        verb(repo, expired)

    assert refused.value.session_id == expired
    assert isinstance(refused.value, SessionNotFoundError)


@pytest.mark.parametrize("ttl", [2e-6, 0.5, 60, 86_400.25, timedelta(days=36_500)])
def test_the_bound_is_the_ttl_to_the_microsecond(repo, clock, ttl):
    seconds = repo.create_session("s", ttl=ttl).ttl

    clock.advance(seconds)
    assert not repo.expired("s")
    clock.advance(A_MICROSECOND)
    assert repo.expired("s")


def test_a_session_is_expired_by_its_last_access_whatever_expiry_is_recorded(repo, clock):
    repo.create_session("s", ttl=100)
    clock.advance(9)
    repo.touch("s")  # which leaves the recorded expiry as it is
    clock.advance(95)

    alive = (repo.list_expired(), repo.store_stats().expired_sessions, repo.delete_expired())
    clock.advance(6)

    assert alive == ([], 0, 0)
    assert repo.store_stats().expired_sessions == 1
    assert [each.id for each in repo.list_expired()] == ["s"]
    assert repo.delete_expired() == 1


def test_without_ttl_a_session_never_expires(repo, clock, verb):
    repo.create_session("s", ttl=None)
    repo.register_variable("s", "x", "float", 1.0, constraints={"min": 0, "max": 10})
    repo.update_variable("s", "x", 2.0)
    repo.register_variable("s", "note", "string", "", id="note-id")
    repo.put_program("s", "p", {})
    repo.append_log("s", "l", [1, 2])
    clock.advance(timedelta(days=365 * 1000).total_seconds())

    verb(repo, "s")

    assert not repo.expired("s")
    assert repo.list_expired() == []


@pytest.mark.parametrize(
    "question",
    [
        lambda repo, sid: repo.session_exists(sid),
        lambda repo, sid: repo.has_variable(sid, "x"),
        lambda repo, sid: repo.has_program(sid, "p"),
        lambda repo, sid: repo.has_log(sid, "l"),
    ],
    ids=["session_exists", "has_variable", "has_program", "has_log"],
)
def test_a_question_is_answered_no_where_the_session_is_expired_or_missing(
    repo, filled, clock, question
):
    before = question(repo, filled)
    clock.advance(3601)

    assert (before, question(repo, filled), question(repo, "nobody")) == (True, False, False)


def test_expired_sees_both_kinds(repo, filled, clock):
    before = repo.expired(filled)
    clock.advance(3601)

    assert (before, repo.expired(filled)) == (False, True)


def test_expired_of_a_session_that_is_not_there_is_an_error(repo):
    with pytest.raises(SessionNotFoundError):
        repo.expired("nobody")


def test_list_sessions_shows_the_expired_only_if_asked(repo, expired):
    repo.create_session("live")

    assert [session.id for session in repo.list_sessions()] == ["live"]
    assert [session.id for session in repo.list_sessions(include_expired=True)] == ["live", expired]


def test_a_limit_counts_the_live_alone(repo, clock):
    for session_id in ["a", "b", "c"]:
        repo.create_session(session_id, ttl=1)
    for session_id in ["d", "e"]:
        repo.create_session(session_id)
    clock.advance(2)

    assert [session.id for session in repo.list_sessions(limit=2)] == ["d", "e"]


def test_list_expired_shows_the_expired_alone_and_whole(repo, expired):
    repo.create_session("live")
    repo.create_session("endless", ttl=None)

    assert repo.list_expired() == repo.list_sessions(expired, include_expired=True)


@pytest.mark.parametrize(("limit", "count"), [(None, 3), (0, 0), (2, 2), (9, 3)])
def test_list_expired_takes_a_limit(repo, clock, limit, count):
    for session_id in ["a", "b", "c"]:
        repo.create_session(session_id, ttl=1)
    clock.advance(2)

    sessions = repo.list_expired(limit)

    assert len({session.id for session in sessions}) == len(sessions) == count


@pytest.mark.parametrize("limit", [None, 3, 2, 1])
def test_list_expired_begins_with_the_longest_expired(repo, clock, monkeypatch, limit):
    monkeypatch.setattr(expiry, "MIN_PAGE", 1)
    for session_id in ["a", "b", "c"]:
        repo.create_session(session_id, ttl=100)
        clock.advance(1)
    repo.touch("a")  # which leaves the recorded expiry as it is
    clock.advance(200)

    assert [session.id for session in repo.list_expired(limit)] == ["b", "c", "a"][:limit]


def test_an_expired_session_can_be_deleted(repo, expired):
    assert repo.delete_session(expired) is True

    assert repo.list_sessions(include_expired=True) == []


def test_nothing_else_revives_an_expired_session(repo, expired):
    attempts = [
        lambda: repo.touch(expired, worker_id="w"),
        lambda: repo.update_session(expired, ttl=None),
        lambda: repo.update_session(expired, ttl=100_000),
        lambda: repo.get_value(expired, "x"),
        lambda: repo.put_program(expired, "p", 1),
    ]
    for attempt in attempts:
        with pytest.raises(SessionExpiredError):
            attempt()

    assert repo.expired(expired)


def test_a_swept_session_is_not_found(repo, expired, verb):
    repo.delete_expired()

    with pytest.raises(SessionNotFoundError) as refused:
        verb(repo, expired)

    assert type(refused.value) is SessionNotFoundError


@pytest.mark.parametrize("options", [{}, {"exist_ok": True}], ids=["plain", "exist_ok"])
def test_the_id_of_an_expired_session_can_be_made_anew_and_is_empty(repo, expired, clock, options):
    session = repo.create_session(expired, ttl=60, metadata={"new": True}, **options)

    assert (session.created_at, session.ttl, session.metadata, session.last_worker_id) == (
        clock(),
        60.0,
        {"new": True},
        None,
    )
    assert (
        session.stats.variable_count,
        session.stats.program_count,
        session.stats.total_variable_updates,
    ) == (0, 0, 0)
    assert (repo.variable_names(expired), repo.program_ids(expired)) == ([], [])
    assert repo.get_session(expired) == session


def test_a_session_made_anew_has_no_history_of_the_old(repo, expired):
    repo.create_session(expired)
    repo.register_variable(expired, "x", "float", 1.0, id="x-id")

    assert repo.variable_history(expired, "x") == []
    assert repo.store_stats().versions == 0


def test_an_access_starts_the_idle_time_anew(repo, filled, clock, writing):
    clock.advance(3000)
    writing(repo, filled)
    clock.advance(3600)

    assert not repo.expired(filled)


def test_a_shorter_ttl_counts_from_the_update(repo, filled, clock):
    clock.advance(3000)
    repo.update_session(filled, ttl=10)

    clock.advance(10)
    assert not repo.expired(filled)
    clock.advance(A_MICROSECOND)
    assert repo.expired(filled)


def test_a_session_that_is_set_to_never_expire_outlives_its_old_ttl(repo, filled, clock):
    repo.update_session(filled, ttl=None)
    clock.advance(10_000_000)

    assert repo.get_value(filled, "x") == 2.0
    assert repo.list_expired() == []


def test_expiry_is_by_the_recorded_access(repo, clock):
    repo.create_session("s", ttl=100)
    repo.put_program("s", "p", 1)
    clock.advance(9)
    repo.get_program("s", "p")  # too soon after the last one to be recorded

    clock.advance(91 + A_MICROSECOND)

    assert repo.expired("s")


def test_a_clock_that_steps_back_expires_nothing(repo, filled, clock, verb):
    clock.advance(-1_000_000)

    verb(repo, filled)

    assert not repo.expired(filled)
    assert repo.list_expired() == []


def test_a_clock_that_stepped_back_and_went_on_has_lost_no_access(repo, filled, clock):
    start = clock()
    clock.advance(-2000)
    repo.touch(filled)

    clock.set(start + timedelta(seconds=3600))

    assert not repo.expired(filled)


def test_sessions_expire_each_by_its_own_ttl(repo, clock):
    for ttl in (10, 20, 30):
        repo.create_session(str(ttl), ttl=ttl)
    clock.advance(25)

    assert {session.id for session in repo.list_expired()} == {"10", "20"}
    assert [session.id for session in repo.list_sessions()] == ["30"]


def test_another_repository_sees_the_expiry_too(second, filled, clock):
    clock.advance(3601)

    with pytest.raises(SessionExpiredError):
        second.get_value(filled, "x")


END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "ttl", [3600, timedelta(days=36_525), None], ids=["hour", "century", "never"]
)
def test_a_session_made_close_to_the_end_of_time_lives_until_then(repo, clock, ttl):
    clock.set(END_OF_TIME - timedelta(seconds=5))

    made = repo.create_session("late", ttl=ttl)

    assert made.expires_at == (None if ttl is None else END_OF_TIME)
    assert not made.expired(clock())


def test_a_session_that_reaches_the_end_of_time_works_on(repo, filled, clock, writing):
    repo.update_session(filled, ttl=None)
    clock.set(END_OF_TIME - timedelta(seconds=5))
    repo.update_session(filled, ttl=3600)
    clock.set(END_OF_TIME)

    writing(repo, filled)

    assert repo.get_session(filled).expires_at == END_OF_TIME
    assert (repo.list_expired(), repo.delete_expired()) == ([], 0)
