"""Stats: columns that are right after every commit."""

from __future__ import annotations

import base64
import contextlib
import itertools
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snakestore import BatchError, SessionStats, SnakeStoreError, create_variable


def counts(repo, sid):
    stats = repo.get_stats(sid)
    return stats.variable_count, stats.program_count, stats.total_variable_updates


# A filled session counts two variables, one program, and three updates: two registrations and one
# update.
FILLED = (2, 1, 3)


def test_the_filled_session_counts_as_said(repo, filled):
    assert counts(repo, filled) == FILLED


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda repo, sid: repo.register_variable(sid, "new", "float", 1.0), (3, 1, 4)),
        (
            lambda repo, sid: repo.register_variable(
                sid, "x", "float", 9.0, constraints={"min": 0, "max": 10}, exist_ok=True
            ),
            FILLED,
        ),
        (
            lambda repo, sid: repo.put_variable(
                sid, create_variable(name="new", type="float", value=1.0)
            ),
            (3, 1, 4),
        ),
        (lambda repo, sid: repo.put_variable(sid, repo.get_variable(sid, "x")), (2, 1, 4)),
        (
            lambda repo, sid: repo.put_variable(sid, repo.get_variable(sid, "x").update_value(7.0)),
            (2, 1, 4),
        ),
        (lambda repo, sid: repo.update_variable(sid, "x", 3.0), (2, 1, 4)),
        (lambda repo, sid: repo.update_variable(sid, "x", 2.0), (2, 1, 4)),
        (lambda repo, sid: repo.modify_variable(sid, "x", lambda value: value + 1), (2, 1, 4)),
        (lambda repo, sid: repo.rollback_variable(sid, "x", 0), (2, 1, 4)),
        (lambda repo, sid: repo.update_variables(sid, {"x": 3.0, "note": "bye"}), (2, 1, 5)),
        (
            lambda repo, sid: repo.update_variables(
                sid, {"x": 3.0, "note": 5, "nothing": 1}, atomic=False
            ),
            (2, 1, 4),
        ),
        (lambda repo, sid: repo.delete_variable(sid, "x"), (1, 1, 3)),
        (lambda repo, sid: repo.delete_variable(sid, "nothing"), FILLED),
        (lambda repo, sid: repo.start_optimization(sid, "x", "opt"), FILLED),
        (lambda repo, sid: repo.end_optimization(sid, "x"), FILLED),
        (lambda repo, sid: repo.put_program(sid, "new", 1), (2, 2, 3)),
        (lambda repo, sid: repo.put_program(sid, "p", "replaced"), FILLED),
        (lambda repo, sid: repo.delete_program(sid, "p"), (2, 0, 3)),
        (lambda repo, sid: repo.delete_program(sid, "nothing"), FILLED),
        (lambda repo, sid: repo.touch(sid), FILLED),
        (lambda repo, sid: repo.update_session(sid, metadata={"a": 1}), FILLED),
    ],
    ids=[
        "register",
        "register-what-is-there",
        "put-new",
        "put-unchanged",
        "put-replaced",
        "update",
        "update-to-an-equal-value",
        "modify",
        "rollback",
        "batch",
        "batch-of-which-one-applies",
        "delete",
        "delete-nothing",
        "start_optimization",
        "end_optimization",
        "new-program",
        "replaced-program",
        "delete-program",
        "delete-no-program",
        "touch",
        "update_session",
    ],
)
def test_each_change_is_counted(repo, filled, change, expected):
    change(repo, filled)

    assert counts(repo, filled) == expected


@pytest.mark.parametrize(
    "refused",
    [
        lambda repo, sid: repo.update_variable(sid, "x", 99.0),
        lambda repo, sid: repo.update_variable(sid, "x", 1.0, expected_version=7),
        lambda repo, sid: repo.update_variables(sid, {"x": 1.0, "note": 5}),
        lambda repo, sid: repo.register_variable(sid, "x", "float", 1.0),
        lambda repo, sid: repo.put_variable(
            sid, create_variable(name="x", id="other", type="float", value=1.0)
        ),
        lambda repo, sid: repo.put_program(sid, "p", {1: 1}),
    ],
    ids=["value", "version", "batch", "register", "put", "program"],
)
def test_what_is_refused_is_not_counted(repo, filled, refused):
    with pytest.raises(SnakeStoreError):
        refused(repo, filled)

    assert counts(repo, filled) == FILLED


def test_the_stats_of_a_session_are_those_of_get_stats(repo, filled):
    assert repo.get_session(filled).stats == repo.get_stats(filled)


def test_total_items_are_variables_and_programs(repo, filled):
    stats = repo.get_stats(filled)

    assert isinstance(stats, SessionStats)
    assert stats.total_items == 3


def test_the_times_of_the_stats_are_seconds_since(repo, filled, clock):
    clock.advance(100)
    repo.touch(filled)
    clock.advance(7.5)

    stats = repo.get_stats(filled)

    assert (stats.age, stats.time_since_access) == (107.5, 7.5)


def test_stats_that_differ_in_their_times_alone_are_equal(repo, filled, clock):
    before = repo.get_stats(filled)
    clock.advance(50)

    assert repo.get_stats(filled) == before
    assert repo.get_stats(filled).age != before.age


def test_the_times_of_the_stats_are_never_negative(repo, filled, clock):
    clock.advance(-100)

    stats = repo.get_stats(filled)

    assert (stats.age, stats.time_since_access) == (0.0, 0.0)


def test_each_session_counts_its_own(repo, filled):
    repo.create_session("t")
    repo.register_variable("t", "x", "float", 1.0)

    assert (counts(repo, "t"), counts(repo, filled)) == ((1, 0, 1), FILLED)


def test_another_repository_reads_the_same_counts(second, filled):
    assert counts(second, filled) == FILLED


def test_what_a_rolled_back_transaction_counted_is_not_counted(repo, filled):
    with contextlib.suppress(ZeroDivisionError), repo.transaction() as transaction:
        transaction.update_variable(filled, "x", 3.0)
        transaction.put_program(filled, "q", 1)
        raise ZeroDivisionError

    assert counts(repo, filled) == FILLED


def test_store_stats_count_the_whole_store(repo, filled):
    repo.create_session("t")
    repo.put_program("t", "q", 1)

    stats = repo.store_stats()

    assert (stats.sessions, stats.expired_sessions, stats.variables, stats.programs) == (2, 0, 2, 2)


def test_store_stats_of_an_empty_store_are_nought(repo):
    stats = repo.store_stats()

    assert (
        stats.sessions,
        stats.expired_sessions,
        stats.variables,
        stats.programs,
        stats.versions,
    ) == (0, 0, 0, 0, 0)


def test_store_stats_tell_how_many_are_expired(repo, filled, clock):
    repo.create_session("t", ttl=None)
    clock.advance(3601)

    assert repo.store_stats().expired_sessions == 1


def test_store_stats_tell_the_size(repo, sid):
    noise = base64.b85encode(
        random.Random(7).randbytes(1_000_000)
    ).decode()  # a server would pack what repeats itself
    repo.put_program(sid, "big", noise)

    assert repo.store_stats().size_bytes > 1_000_000


NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.one_of(
    st.tuples(st.just("put"), NAMES),
    st.tuples(st.just("update"), NAMES),
    st.tuples(st.just("modify"), NAMES),
    st.tuples(st.just("batch"), NAMES, NAMES),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("put_program"), NAMES),
    st.tuples(st.just("delete_program"), NAMES),
    st.tuples(st.just("refused"), NAMES),
)
FRESH = (f"stats-{number}" for number in itertools.count())


def apply(repo, sid, step, variables, programs):
    """Take one step on the repository and on the model; tell how many updates it is."""
    kind, name, *more = step
    if kind == "put":
        repo.put_variable(sid, create_variable(name=name, id=f"{name}-id", type="integer", value=1))
        variables.add(name)
        return 1
    if kind in ("update", "modify") and name in variables:
        repo.update_variable(sid, name, 1) if kind == "update" else repo.modify_variable(
            sid, name, lambda value: value + 1
        )
        return 1
    if kind == "batch":
        keys = {name, *more}
        if keys <= variables:
            return len(repo.update_variables(sid, dict.fromkeys(keys, 2)))
        with pytest.raises(BatchError):
            repo.update_variables(sid, dict.fromkeys(keys, 2))
    elif kind == "delete":
        assert repo.delete_variable(sid, name) == (name in variables)
        variables.discard(name)
    elif kind == "put_program":
        repo.put_program(sid, name, None)
        programs.add(name)
    elif kind == "delete_program":
        assert repo.delete_program(sid, name) == (name in programs)
        programs.discard(name)
    elif kind == "refused":
        with pytest.raises(SnakeStoreError):
            repo.register_variable(sid, name, "integer", "no integer")
    return 0


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=12))
def test_stats_equal_a_recount_after_every_step(repo, steps):
    sid = repo.create_session(next(FRESH)).id
    variables: set[str] = set()
    programs: set[str] = set()
    updates = 0

    for step in steps:
        updates += apply(repo, sid, step, variables, programs)

        assert counts(repo, sid) == (len(variables), len(programs), updates)
        assert (repo.variable_names(sid), repo.program_ids(sid)) == (
            sorted(variables),
            sorted(programs),
        )
