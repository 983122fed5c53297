"""A session keeps as many replaced values as it was made to."""

from __future__ import annotations

import dataclasses

import pytest

from snakestore import ValidationError, VariableNotFoundError, VersionNotFoundError
from tests.contract.history.past import WRITES, values, versions


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
