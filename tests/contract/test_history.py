"""History: every value a variable had, back to it, and the session as it was then."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta, timezone

import pytest

from snakestore import (
    ConstraintError,
    SessionNotFoundError,
    ValidationError,
    Variable,
    VariableNotFoundError,
    VersionConflictError,
    VersionNotFoundError,
)

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def updated(repo, sid, clock):
    """A session where ``x`` was 0, 10, 20 and is 30, at intervals of ten seconds."""
    repo.register_variable(sid, "x", "integer", 0, id="id-x", metadata={"first": True})
    for value in (10, 20, 30):
        clock.advance(10)
        repo.update_variable(sid, "x", value, metadata={"told": value}, source=f"s{value}")
    return sid


def versions(repo, sid, identifier="x"):
    return [past.version for past in repo.variable_history(sid, identifier)]


def values(repo, sid, identifier="x"):
    return [past.value for past in repo.variable_history(sid, identifier)]


# --- what goes into it


def test_a_variable_that_was_never_updated_has_no_past(repo, sid):
    repo.register_variable(sid, "x", "integer", 0)

    assert repo.variable_history(sid, "x") == []


@pytest.mark.parametrize("identifier", ["x", "id-x"])
def test_past_values_come_newest_first(repo, updated, identifier):
    assert versions(repo, updated, identifier) == [2, 1, 0]
    assert values(repo, updated, identifier) == [20, 10, 0]


def test_a_past_variable_has_value_metadata_and_time_of_then(repo, updated, clock):
    past = repo.variable_history(updated, "x")[0]

    assert (past.version, past.value, past.type) == (2, 20, "integer")
    assert past.last_updated_at == clock() - timedelta(seconds=10)
    assert {key: past.metadata[key] for key in ("first", "told", "source")} == {
        "first": True,
        "told": 20,
        "source": "s20",
    }
    assert datetime.fromisoformat(past.metadata["updated_at"]) == past.last_updated_at


def test_the_first_value_was_written_when_the_variable_was_made(repo, updated):
    first = repo.variable_history(updated, "x")[-1]

    assert first.metadata == {"first": True}
    assert first.last_updated_at == first.created_at == repo.get_variable(updated, "x").created_at


def test_a_past_variable_has_id_name_constraints_and_rules_of_today(repo, updated):
    today = dataclasses.replace(
        repo.get_variable(updated, "x"),
        name="y",
        constraints={"min": 0},
        access_rules=({"role": "r"},),
    )
    repo.put_variable(updated, today)

    past = repo.variable_history(updated, "y")[0]

    for field in ("id", "name", "constraints", "access_rules", "created_at"):
        assert getattr(past, field) == getattr(today, field)


def test_a_past_variable_has_the_type_of_then(repo, updated):
    repo.put_variable(
        updated, dataclasses.replace(repo.get_variable(updated, "x"), type="string", value="thirty")
    )

    newest = repo.variable_history(updated, "x")[0]

    assert (newest.type, newest.value, newest.version) == ("integer", 30, 3)


WRITES = {
    "put": lambda repo, sid: repo.put_variable(
        sid, dataclasses.replace(repo.get_variable(sid, "x"), value=99)
    ),
    "put of a greater version": lambda repo, sid: repo.put_variable(
        sid, dataclasses.replace(repo.get_variable(sid, "x"), version=9)
    ),
    "update": lambda repo, sid: repo.update_variable(sid, "x", 99),
    "update to an equal value": lambda repo, sid: repo.update_variable(sid, "x", 30),
    "modify": lambda repo, sid: repo.modify_variable(sid, "x", lambda value: value),
    "batch": lambda repo, sid: repo.update_variables(sid, {"x": 99}),
    "batch that is not atomic": lambda repo, sid: repo.update_variables(
        sid, {"x": 99, "absent": 1}, atomic=False
    ),
    "rollback": lambda repo, sid: repo.rollback_variable(sid, "x", 0),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_every_change_of_the_version_keeps_the_value_it_replaced(repo, updated, write):
    replaced = repo.get_variable(updated, "x")

    write(repo, updated)

    assert values(repo, updated) == [30, 20, 10, 0]
    assert repo.variable_history(updated, "x")[0].metadata == replaced.metadata


def test_what_keeps_the_version_adds_no_past(repo, updated):
    repo.put_variable(
        updated,
        dataclasses.replace(
            repo.get_variable(updated, "x"), name="x", metadata={"other": 1}, constraints={"min": 0}
        ),
    )
    repo.update_constraints(updated, "x", {"max": 100})
    repo.start_optimization(updated, "x", "opt")
    repo.end_optimization(updated, "x")

    assert versions(repo, updated) == [2, 1, 0]


def test_a_refused_write_adds_no_past(repo, updated):
    with pytest.raises(ValidationError):
        repo.update_variable(updated, "x", "bad")
    with pytest.raises(VersionConflictError):
        repo.update_variable(updated, "x", 99, expected_version=0)

    assert versions(repo, updated) == [2, 1, 0]


def test_versions_that_were_jumped_over_are_no_part_of_it(repo, updated):
    repo.put_variable(
        updated, dataclasses.replace(repo.get_variable(updated, "x"), value=99, version=50)
    )
    repo.update_variable(updated, "x", 100)

    assert versions(repo, updated) == [50, 3, 2, 1, 0]


def test_each_variable_has_a_history_of_its_own(repo, updated):
    repo.register_variable(updated, "y", "integer", 0)
    other = repo.create_session("other").id
    repo.register_variable(other, "x", "integer", 7, id="id-x")
    repo.update_variable(other, "x", 8)

    assert values(repo, updated) == [20, 10, 0]
    assert repo.variable_history(updated, "y") == []
    assert values(repo, other) == [7]


def test_past_values_handed_out_are_the_callers_own(repo, sid):
    repo.register_variable(sid, "doc", "json", {"a": [1]}, metadata={"m": [1]})
    repo.update_variable(sid, "doc", None)

    past = repo.variable_history(sid, "doc")[0]
    past.value["a"].append(2)
    past.metadata["m"].append(2)

    again = repo.variable_history(sid, "doc")[0]
    assert (again.value, again.metadata) == ({"a": [1]}, {"m": [1]})


# --- reading it


@pytest.mark.parametrize(
    ("limit", "seen"),
    [(None, [2, 1, 0]), (0, []), (1, [2]), (2, [2, 1]), (3, [2, 1, 0]), (10**9, [2, 1, 0])],
)
def test_a_limit_takes_the_newest(repo, updated, limit, seen):
    assert [past.version for past in repo.variable_history(updated, "x", limit=limit)] == seen


@pytest.mark.parametrize("limit", [-1, 1.5, "1", True])
def test_a_limit_is_a_count(repo, updated, limit):
    with pytest.raises(ValidationError):
        repo.variable_history(updated, "x", limit=limit)


def test_one_version_is_read_alone_the_present_one_too(repo, updated):
    past = {variable.version: variable for variable in repo.variable_history(updated, "x")}

    assert [repo.get_variable_version(updated, "x", version) for version in (0, 1, 2)] == [
        past[0],
        past[1],
        past[2],
    ]
    assert repo.get_variable_version(updated, "id-x", 3) == repo.get_variable(updated, "x")


@pytest.mark.parametrize("version", [4, 2**63 - 1])
def test_a_version_that_never_was_is_not_found(repo, updated, version):
    for read in (repo.get_variable_version, repo.rollback_variable):
        with pytest.raises(VersionNotFoundError) as caught:
            read(updated, "x", version)
        assert (caught.value.session_id, caught.value.identifier, caught.value.version) == (
            updated,
            "x",
            version,
        )


def test_there_must_be_a_variable_to_have_a_past(repo, updated):
    for read in (
        repo.variable_history,
        lambda sid, name: repo.get_variable_version(sid, name, 0),
        lambda sid, name: repo.rollback_variable(sid, name, 0),
    ):
        with pytest.raises(VariableNotFoundError):
            read(updated, "absent")
        with pytest.raises(SessionNotFoundError):
            read("nobody", "x")


# --- rollback


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_rollback_is_the_old_value_as_a_new_version(repo, updated, clock, version):
    clock.advance(10)

    back = repo.rollback_variable(updated, "x", version)

    assert back == repo.get_variable(updated, "x")
    assert (back.value, back.version, back.last_updated_at) == (version * 10, 4, clock())
    assert versions(repo, updated) == [3, 2, 1, 0]
    assert repo.get_stats(updated).total_variable_updates == 5


def test_a_rollback_keeps_the_metadata_of_today_and_says_where_to_and_why(repo, updated):
    back = repo.rollback_variable(updated, "x", 1, reason="it got worse")

    assert {key: value for key, value in back.metadata.items() if key != "updated_at"} == {
        "first": True,
        "told": 30,
        "rolled_back_to": 1,
        "reason": "it got worse",
        "source": "rollback",
    }


def test_a_rollback_without_a_reason_gives_none(repo, updated):
    assert "reason" not in repo.rollback_variable(updated, "x", 1).metadata


def test_a_rollback_may_be_rolled_back(repo, updated):
    repo.rollback_variable(updated, "x", 0)

    assert repo.rollback_variable(updated, "x", 3).value == 30
    assert values(repo, updated) == [0, 30, 20, 10, 0]


def test_a_rollback_is_checked_against_the_constraints_of_today(repo, updated, unchanged):
    repo.update_constraints(updated, "x", {"min": 10})

    with unchanged(), pytest.raises(ConstraintError):
        repo.rollback_variable(updated, "x", 0)

    assert repo.rollback_variable(updated, "x", 1).value == 10


def test_a_rollback_is_checked_against_the_type_of_today(repo, updated, unchanged):
    repo.put_variable(
        updated, dataclasses.replace(repo.get_variable(updated, "x"), type="string", value="thirty")
    )

    with unchanged(), pytest.raises(ValidationError):
        repo.rollback_variable(updated, "x", 0)


def test_a_rollback_takes_the_form_that_the_type_of_today_gives(repo, updated):
    repo.put_variable(
        updated, dataclasses.replace(repo.get_variable(updated, "x"), type="float", value=0.5)
    )

    back = repo.rollback_variable(updated, "x", 1)

    assert (back.type, back.value) == ("float", 10.0)
    assert type(back.value) is float


def test_a_rollback_that_expects_another_version_changes_nothing(repo, updated, unchanged):
    with unchanged(), pytest.raises(VersionConflictError) as caught:
        repo.rollback_variable(updated, "x", 0, expected_version=2)

    assert (caught.value.expected, caught.value.actual) == (2, 3)


def test_a_rollback_to_what_is_not_there_changes_nothing(repo, updated, unchanged):
    with unchanged(), pytest.raises(VersionNotFoundError):
        repo.rollback_variable(updated, "x", 77)


# --- how much of it


@pytest.mark.parametrize(
    ("history", "kept"),
    [(0, []), (1, [104]), (100, list(range(104, 4, -1))), (None, list(range(104, -1, -1)))],
)
def test_a_session_keeps_as_many_replaced_values_as_it_was_made_to(repo, history, kept):
    sid = repo.create_session("kept", history=history).id
    repo.register_variable(sid, "x", "integer", 0)
    for value in range(1, 106):
        repo.update_variable(sid, "x", value)

    assert versions(repo, sid) == kept
    assert values(repo, sid) == kept
    assert repo.get_value(sid, "x") == 105


@pytest.mark.parametrize(
    ("options", "kept"),
    [({}, 100), ({"history": 2}, 2), ({"history": 0}, 0), ({"history": None}, 103)],
)
def test_the_default_is_the_repositorys_option(open_repo, options, kept):
    repo = open_repo(**options)
    sid = repo.create_session("s").id
    repo.register_variable(sid, "x", "integer", 0)
    for value in range(103):
        repo.update_variable(sid, "x", value)

    assert len(versions(repo, sid)) == kept


def test_the_limit_is_that_of_the_session_for_every_repository(backend, repo, clock):
    if not backend.shared:
        pytest.skip("one database per repository")
    careless = backend.second(repo, clock=clock, history=0)
    sid = repo.create_session("s", history=None).id
    repo.register_variable(sid, "x", "integer", 0)

    careless.update_variable(sid, "x", 1)

    assert versions(repo, sid) == [0]


def test_the_last_ones_are_counted_also_where_versions_jump(repo):
    sid = repo.create_session("s", history=2).id
    variable = repo.register_variable(sid, "x", "integer", 0)

    for version in (100, 200, 300):
        repo.put_variable(sid, dataclasses.replace(variable, value=version, version=version))

    assert versions(repo, sid) == [200, 100]


@pytest.mark.parametrize("length", [1, 1000], ids=["small", "large"])
@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
def test_the_last_replaced_values_are_kept_before_and_after_versions_jump(repo, together, length):
    sid = repo.create_session("s", history=3).id
    replaced = {name: [(0, name * length)] for name in "xy"}
    for name in replaced:
        repo.register_variable(sid, name, "string", name * length)

    for jump in (0, 0, 0, 0, 5, 0, 0, 9, 0, 0, 0, 0, 0):
        version = replaced["x"][-1][0] + jump + 1
        new = {name: f"{name}{version}" * length for name in replaced}
        if jump:
            for name, value in new.items():
                old = repo.get_variable(sid, name)
                repo.put_variable(sid, dataclasses.replace(old, value=value, version=version))
        elif together:
            repo.update_variables(sid, new)
        else:
            for name, value in new.items():
                repo.update_variable(sid, name, value)

        for name, value in new.items():
            pasts = repo.variable_history(sid, name)
            assert [(past.version, past.value) for past in reversed(pasts)] == replaced[name][-3:]
            replaced[name].append((version, value))


PRUNING_WRITES = {kind: write for kind, write in WRITES.items() if kind != "rollback"}


@pytest.mark.parametrize(("history", "kept"), [(0, []), (1, [3]), (2, [3, 2])])
@pytest.mark.parametrize("write", PRUNING_WRITES.values(), ids=PRUNING_WRITES)
def test_every_kind_of_write_prunes(repo, updated, write, history, kept):
    repo.update_session(updated, history=history)

    write(repo, updated)

    assert versions(repo, updated) == kept


@pytest.mark.parametrize("identifiers", [["x"], ["x", "y", "z"]], ids=len)
@pytest.mark.parametrize(
    ("history", "kept"), [(0, []), (1, [20]), (2, [20, 10]), (3, [20, 10, 0]), (None, [20, 10, 0])]
)
def test_a_session_that_keeps_less_forgets_the_rest_of_every_variable_at_once(
    repo, updated, identifiers, history, kept
):
    for name in identifiers[1:]:
        repo.register_variable(updated, name, "integer", 0)
        for value in (10, 20, 30):
            repo.update_variable(updated, name, value)
    before = [repo.get_variable(updated, name) for name in identifiers]

    repo.update_session(updated, history=history)

    assert [
        [past.value for past in repo.variable_history(updated, name)] for name in identifiers
    ] == [kept] * len(identifiers)
    assert [repo.get_variable(updated, name) for name in identifiers] == before


def test_keeping_less_counts_what_is_there_where_versions_jump(repo, updated):
    repo.put_variable(
        updated, dataclasses.replace(repo.get_variable(updated, "x"), value=40, version=1000)
    )

    repo.update_session(updated, history=2)

    assert [(past.version, past.value) for past in repo.variable_history(updated, "x")] == [
        (3, 30),
        (2, 20),
    ]


def test_keeping_less_in_one_session_leaves_the_others(repo, updated):
    other = repo.create_session("other").id
    repo.register_variable(other, "x", "integer", 0)
    repo.update_variable(other, "x", 1)

    repo.update_session(updated, history=0)

    assert [past.value for past in repo.variable_history(other, "x")] == [0]


def test_a_refused_change_of_the_session_forgets_nothing(repo, updated):
    with pytest.raises(ValidationError):
        repo.update_session(updated, history=0, ttl=-1)

    assert [past.value for past in repo.variable_history(updated, "x")] == [20, 10, 0]


def test_a_rollback_prunes(repo, updated):
    repo.update_session(updated, history=1)

    repo.rollback_variable(updated, "x", 2)

    assert versions(repo, updated) == [3]


def test_keeping_more_than_before_keeps_what_there_is(repo, updated):
    repo.update_session(updated, history=3)
    repo.update_session(updated, history=None)

    for value in range(5):
        repo.update_variable(updated, "x", value)

    assert versions(repo, updated) == [7, 6, 5, 4, 3, 2, 1, 0]


def test_updating_the_session_otherwise_leaves_how_much(repo, updated):
    repo.update_session(updated, history=1)
    repo.update_session(updated, metadata={"a": 1})

    repo.update_variable(updated, "x", 99)

    assert versions(repo, updated) == [3]


@pytest.mark.parametrize("history", [-1, 1.5, "100", True])
def test_how_much_is_a_count_or_none(repo, sid, history):
    with pytest.raises(ValidationError):
        repo.create_session("new", history=history)
    with pytest.raises(ValidationError):
        repo.update_session(sid, history=history)

    assert not repo.session_exists("new")


def test_a_pruned_version_is_not_found(repo, updated):
    repo.update_session(updated, history=1)
    repo.update_variable(updated, "x", 99)

    for read in (repo.get_variable_version, repo.rollback_variable):
        with pytest.raises(VersionNotFoundError):
            read(updated, "x", 0)


def test_a_deleted_variable_takes_its_history_along(repo, updated):
    repo.delete_variable(updated, "x")
    with pytest.raises(VariableNotFoundError):
        repo.variable_history(updated, "x")

    repo.register_variable(updated, "x", "integer", 5, id="id-x")

    assert repo.get_variable(updated, "x").version == 0
    assert repo.variable_history(updated, "x") == []


def test_a_deleted_session_takes_its_history_along(repo, updated):
    repo.delete_session(updated)
    repo.create_session(updated)

    repo.register_variable(updated, "x", "integer", 5, id="id-x")

    assert repo.variable_history(updated, "x") == []


# --- the session as it was


def test_values_are_read_as_they_were_at_a_moment(repo, updated, clock):
    now = clock()

    seen = {
        ago: repo.get_variables(updated, ["x"], at=now - timedelta(seconds=ago)).found["x"].value
        for ago in (30, 25, 20, 15, 10, 5, 0, -99)
    }

    assert seen == {30: 0, 25: 0, 20: 10, 15: 10, 10: 20, 5: 20, 0: 30, -99: 30}


def test_all_variables_are_listed_as_they_were_at_a_moment(repo, updated, clock):
    repo.register_variable(updated, "y", "string", "new")

    then = repo.list_variables(updated, at=clock() - timedelta(seconds=15))
    now = repo.list_variables(updated, at=clock())

    assert then == [repo.get_variable_version(updated, "x", 1)]
    assert now == repo.list_variables(updated)


def test_a_pattern_narrows_what_is_listed_then(repo, updated, clock):
    repo.register_variable(updated, "y", "integer", 1)

    assert [variable.name for variable in repo.list_variables(updated, "y*", at=clock())] == ["y"]


def test_a_variable_is_missing_before_it_was_made(repo, updated, clock):
    before = clock() - timedelta(seconds=31)

    batch = repo.get_variables(updated, ["x", "absent"], at=before)

    assert (batch.found, batch.missing) == ({}, ["x", "absent"])
    assert repo.list_variables(updated, at=before) == []


def test_a_variable_deleted_since_is_not_shown_then(repo, updated, clock):
    then = clock() - timedelta(seconds=5)
    repo.delete_variable(updated, "x")

    assert repo.get_variables(updated, ["x"], at=then).missing == ["x"]
    assert repo.list_variables(updated, at=then) == []


def test_a_variable_is_found_then_by_its_name_of_today(repo, updated, clock):
    repo.put_variable(updated, dataclasses.replace(repo.get_variable(updated, "x"), name="y"))

    batch = repo.get_variables(updated, ["x", "y", "id-x"], at=clock() - timedelta(seconds=15))

    assert {key: variable.value for key, variable in batch.found.items()} == {"y": 10, "id-x": 10}
    assert batch.missing == ["x"]


def test_a_moment_whose_value_was_pruned_is_refused(repo, updated, clock):
    repo.register_variable(updated, "y", "integer", 1)
    repo.update_session(updated, history=1)
    repo.update_variable(updated, "x", 40)
    pruned, kept = clock() - timedelta(seconds=15), clock()

    with pytest.raises(VersionNotFoundError) as caught:
        repo.get_variables(updated, ["x", "y"], at=pruned)
    with pytest.raises(VersionNotFoundError):
        repo.list_variables(updated, at=pruned)

    assert caught.value.session_id == updated
    assert "x" in str(caught.value)
    assert [variable.value for variable in repo.list_variables(updated, at=kept)] == [40, 1]


def test_what_is_not_asked_for_may_be_pruned(repo, updated, clock):
    repo.register_variable(updated, "y", "integer", 1)
    repo.update_session(updated, history=0)
    clock.advance(10)
    repo.update_variable(updated, "x", 40)
    then = clock() - timedelta(seconds=5)

    assert repo.get_variables(updated, ["y"], at=then).found["y"].value == 1
    assert [variable.value for variable in repo.list_variables(updated, "y", at=then)] == [1]


def test_a_moment_is_the_same_in_every_zone(repo, updated, clock):
    moment = (clock() - timedelta(seconds=15)).astimezone(timezone(timedelta(hours=-7)))

    assert repo.get_variables(updated, ["x"], at=moment).found["x"].value == 10


@pytest.mark.parametrize("moment", [datetime(2021, 1, 1), "2021-01-01", 5])  # noqa: DTZ001 - the point
def test_a_moment_is_an_aware_datetime(repo, updated, moment):
    with pytest.raises(ValidationError):
        repo.get_variables(updated, ["x"], at=moment)
    with pytest.raises(ValidationError):
        repo.list_variables(updated, at=moment)


def test_the_time_of_a_version_finds_that_version(repo, updated):
    for past in [repo.get_variable(updated, "x"), *repo.variable_history(updated, "x")]:
        assert (
            repo.get_variables(updated, ["x"], at=past.last_updated_at).found["x"].version
            == past.version
        )


# --- pruning


def test_pruning_keeps_the_last_ones_of_every_variable(repo, updated):
    other = repo.create_session("other").id
    repo.register_variable(other, "x", "integer", 0)
    repo.update_variable(other, "x", 1)

    pruned = repo.prune_history(keep=1)

    assert pruned == 2
    assert versions(repo, updated) == [2]
    assert versions(repo, other) == [0]


@pytest.mark.parametrize(
    ("keep", "kept"), [(0, []), (2, [2, 1]), (3, [2, 1, 0]), (10**9, [2, 1, 0])]
)
def test_pruning_keeps_as_many_as_keep_says(repo, updated, keep, kept):
    assert repo.prune_history(keep=keep) == 3 - len(kept)
    assert versions(repo, updated) == kept
    assert repo.get_value(updated, "x") == 30


def test_pruning_takes_what_is_older_than_a_moment(repo, updated, clock):
    too_young = repo.prune_history(older_than=clock() - timedelta(days=1))
    kept = versions(repo, updated)
    old_enough = repo.prune_history(older_than=clock() + timedelta(days=1))

    assert (too_young, kept) == (0, [2, 1, 0])
    assert (old_enough, versions(repo, updated)) == (3, [])


@pytest.mark.parametrize("age", [timedelta(days=10**6), timedelta.max])
def test_nothing_is_older_than_time_itself(repo, updated, age):
    assert repo.prune_history(updated, older_than=age) == 0


def test_pruning_leaves_values_versions_and_stats(repo, updated):
    before, stats = repo.get_variable(updated, "x"), repo.get_stats(updated)

    repo.prune_history(keep=0)

    assert repo.get_variable(updated, "x") == before
    assert repo.get_stats(updated) == stats
    assert repo.update_variable(updated, "x", 40).version == 4
    assert versions(repo, updated) == [3]


@pytest.mark.parametrize("keep", [-1, 1.5, "1"])
def test_what_pruning_keeps_is_a_count(repo, updated, keep):
    with pytest.raises(ValidationError):
        repo.prune_history(keep=keep)

    assert versions(repo, updated) == [2, 1, 0]


def test_a_variable_put_with_a_version_has_no_earlier_ones(repo, sid, clock):
    repo.put_variable(
        sid, Variable(id="i", name="x", type="integer", value=1, created_at=LONG_AGO, version=5)
    )

    assert repo.get_variables(sid, ["x"], at=clock()).found["x"].version == 5
    with pytest.raises(VersionNotFoundError):
        repo.get_variable_version(sid, "x", 4)


@pytest.mark.parametrize("kept", [1, 2, 5])
def test_the_history_is_full_and_no_fuller_after_each_update(repo, kept):
    repo.create_session("bounded", history=kept)
    repo.register_variable("bounded", "n", "integer", 0)

    lengths = []
    for number in range(1, kept + 3):
        repo.update_variable("bounded", "n", number)
        lengths.append(len(repo.variable_history("bounded", "n")))

    assert lengths == [min(number, kept) for number in range(1, kept + 3)]
