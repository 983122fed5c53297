"""Session and SessionStats are frozen values."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from snakestore import OptimizationStatus, Session, SessionStats, ValidationError
from tests.values.extremes import NAIVE


def make_stats(**counts):
    numbers = {
        "variable_count": 2,
        "program_count": 1,
        "total_variable_updates": 5,
        "age": 10.0,
        "time_since_access": 1.0,
        **counts,
    }
    return SessionStats(**numbers, total_items=numbers["variable_count"] + numbers["program_count"])


@pytest.fixture
def make(clock):
    """``make(ttl)``: a session made now."""

    def make_session(ttl=60.0, **fields):
        end = None if ttl is None else clock() + timedelta(seconds=ttl)
        given = {
            "id": "s",
            "created_at": clock(),
            "last_accessed": clock(),
            "ttl": ttl,
            "expires_at": end,
            "last_worker_id": None,
        }
        return Session(**given | {"metadata": {}, "stats": make_stats()} | fields)

    return make_session


@pytest.mark.parametrize(
    ("idle", "expired"),
    [(0, False), (59.999999, False), (60, False), (60.000001, True), (1e6, True), (-1e6, False)],
)
def test_a_session_is_expired_when_idle_for_strictly_longer_than_its_ttl(
    make, clock, idle, expired
):
    session = make(60.0)

    assert session.expired(clock() + timedelta(seconds=idle)) is expired
    assert session.expired(now=clock() + timedelta(seconds=idle)) is expired


def test_a_session_without_ttl_is_never_expired(make):
    assert make(None).expired(datetime.max.replace(tzinfo=UTC)) is False


def test_expired_uses_the_current_time_by_default(make):
    assert make(60.0).expired() is True
    assert (
        make(
            60.0,
            last_accessed=datetime.now(UTC),
            expires_at=datetime.now(UTC) + timedelta(seconds=60),
        ).expired()
        is False
    )


def test_age_and_time_since_access_are_seconds(make, clock):
    session = make(last_accessed=clock() + timedelta(seconds=2))

    now = clock() + timedelta(seconds=5.5)

    assert (session.age(now), session.time_since_access(now)) == (5.5, 3.5)


def test_age_and_time_since_access_are_never_negative(make, clock):
    earlier = clock() - timedelta(seconds=5)

    assert (make().age(earlier), make().time_since_access(earlier)) == (0.0, 0.0)


@pytest.mark.parametrize("question", ["expired", "age", "time_since_access"])
def test_a_naive_now_is_refused(make, question):
    for session in (make(), make(ttl=None)):
        with pytest.raises(ValueError, match="aware"):
            getattr(session, question)(NAIVE)


def test_sessions_are_equal_by_value(make):
    assert make() == make()
    assert make() != make(id="t")
    assert make() != make(metadata={"a": 1})
    assert make() != make(stats=make_stats(variable_count=3))


def test_sessions_read_at_different_times_are_equal(make):
    assert make(stats=make_stats(age=1.0)) == make(stats=make_stats(age=2.0))


def test_stats_do_not_compare_their_times():
    assert make_stats(age=1.0, time_since_access=1.0) == make_stats(age=2.0, time_since_access=0.5)
    assert make_stats() != make_stats(program_count=9)
    assert make_stats() != make_stats(total_variable_updates=9)


def test_stats_take_their_fields_by_position_too():
    assert SessionStats(2, 1, 5, 0.0, 0.0, 3) == SessionStats(
        variable_count=2,
        program_count=1,
        total_variable_updates=5,
        age=0.0,
        time_since_access=0.0,
        total_items=3,
    )


@pytest.mark.parametrize(
    ("value", "field"), [(make_stats(), "age"), (make_stats(), "variable_count")]
)
def test_stats_are_frozen(value, field):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, field, 0)


def test_a_session_is_frozen_and_has_slots_alone(make):
    session = make()

    with pytest.raises(dataclasses.FrozenInstanceError):
        session.ttl = None
    assert not hasattr(session, "__dict__")


def test_a_session_is_keyword_only(clock):
    with pytest.raises(TypeError):
        Session("s", clock(), clock(), None, None, None, {}, make_stats())


@pytest.mark.parametrize("field", ["created_at", "last_accessed", "expires_at"])
def test_a_naive_time_is_refused(make, field):
    with pytest.raises(ValidationError, match=f"{field} must be an aware datetime"):
        make(**{field: NAIVE})


@pytest.mark.parametrize("field", ["started_at", "expires_at"])
def test_a_naive_time_of_an_optimisation_is_refused(field):
    with pytest.raises(ValidationError, match=f"{field} must be an aware datetime"):
        OptimizationStatus(optimizing=True, optimizer_id="opt", **{field: NAIVE})
