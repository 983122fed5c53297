"""BatchMethods: all or nothing, with each refusal under its key; or partly, by option."""

from __future__ import annotations

import dataclasses
import enum
import pickle

import pytest

from snakestore import (
    BatchError,
    ConstraintError,
    InvalidNameError,
    SessionExpiredError,
    SessionNotFoundError,
    SnakeStoreError,
    ValidationError,
    VariableBatch,
    VariableLockedError,
    VariableNotFoundError,
    VersionConflictError,
)

MORE_THAN_ONE_STATEMENT_BINDS = 40_000


class Atom(enum.Enum):
    a = 1


@pytest.fixture
def three(repo, sid):
    """A session with the integers a, b (at most 10) and c; their ids are id-a, id-b and id-c."""
    for name in "abc":
        repo.register_variable(sid, name, "integer", 0, id=f"id-{name}", constraints={"max": 10})
    return sid


def values(repo, sid):
    return {variable.name: variable.value for variable in repo.list_variables(sid)}


def refused(repo, sid, *arguments, **options):
    with pytest.raises(BatchError) as caught:
        repo.update_variables(sid, *arguments, **options)
    return caught.value


# --- all or nothing


def test_a_batch_updates_each_variable_once(repo, three, clock):
    clock.advance(5)

    done = repo.update_variables(three, {"a": 1, "id-b": 2.0, "c": 0})

    assert set(done) == {"a", "id-b", "c"}
    assert [done[key].value for key in ("a", "id-b", "c")] == [1, 2, 0]
    for variable in done.values():
        assert (variable.version, variable.last_updated_at) == (1, clock())
        assert variable == repo.get_variable(three, variable.id)
    assert repo.get_stats(three).total_variable_updates == 6


def test_the_result_is_keyed_by_the_identifier_as_text(repo, three):
    done = repo.update_variables(three, {Atom.a: 1, "id-b": 2})

    assert {type(key) for key in done} == {str}
    assert set(done) == {"a", "id-b"}


def test_metadata_and_source_are_merged_into_each(repo, three):
    repo.update_variable(three, "a", 1, metadata={"kept": 1})

    done = repo.update_variables(three, {"a": 1, "b": 2}, metadata={"run": [7]}, source="mipro")

    assert {key: done["a"].metadata[key] for key in ("kept", "run", "source")} == {
        "kept": 1,
        "run": [7],
        "source": "mipro",
    }
    assert {key: done["b"].metadata[key] for key in ("run", "source")} == {
        "run": [7],
        "source": "mipro",
    }


def test_every_refusal_is_reported_under_its_key_and_nothing_changes(repo, three, unchanged):
    repo.register_variable(three, "fine", "integer", 0)
    repo.start_optimization(three, "c", "opt")

    with unchanged():
        error = refused(
            repo, three, {"fine": 1, "a": "bad", "b": 11, "c": 1, "absent": 1, "": 1, "id-a ": 1}
        )

    kinds = {key: type(each) for key, each in error.errors.items()}
    assert issubclass(kinds.pop("a"), ValidationError)
    assert kinds == {
        "b": ConstraintError,
        "c": VariableLockedError,
        "absent": VariableNotFoundError,
        "": VariableNotFoundError,
        "id-a ": VariableNotFoundError,
    }


def test_a_single_refusal_of_one_key_is_a_batch_error_too(repo, three):
    error = refused(repo, three, {"a": "bad"})

    assert set(error.errors) == {"a"}


def test_the_error_pickles_with_what_it_says(repo, three):
    error = refused(repo, three, {"absent": 1, "b": 11})

    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - of our own making

    assert str(again) == str(error)
    assert {key: str(each) for key, each in again.errors.items()} == {
        key: str(each) for key, each in error.errors.items()
    }


def test_a_batch_of_as_many_keys_as_variables_may_name_one_that_is_absent(repo, three, unchanged):
    with unchanged():
        error = refused(repo, three, {"id-a": 1, "absent": 1, "b": 1})

    assert {key: type(each) for key, each in error.errors.items()} == {
        "absent": VariableNotFoundError
    }


def test_a_batch_of_as_many_keys_as_variables_may_name_one_twice(repo, three):
    done = repo.update_variables(three, {"id-a": 1, "a": 2, "b": 3}, atomic=False)

    assert (type(done["id-a"]), type(done["a"]), done["b"].value) == (
        ValidationError,
        ValidationError,
        3,
    )


def test_expected_versions_that_hold_let_the_batch_through(repo, three):
    repo.update_variable(three, "b", 1)

    done = repo.update_variables(
        three, {"a": 5, "b": 6, "c": 7}, expected_versions={"a": 0, "b": 1}
    )

    assert [done[key].version for key in "abc"] == [1, 2, 1]


def test_an_expected_version_that_does_not_hold_refuses_the_batch(repo, three, unchanged):
    repo.update_variable(three, "b", 1)

    with unchanged():
        error = refused(repo, three, {"a": 5, "b": 6}, expected_versions={"a": 0, "b": 0})

    assert set(error.errors) == {"b"}
    assert isinstance(error.errors["b"], VersionConflictError)
    assert (error.errors["b"].expected, error.errors["b"].actual) == (0, 1)


def test_conflicts_are_those_that_a_retry_may_mend(repo, three):
    repo.start_optimization(three, "c", "opt")

    error = refused(repo, three, {"a": 5, "b": 11, "c": 1, "absent": 1}, expected_versions={"a": 3})

    assert set(error.errors) == {"a", "b", "c", "absent"}
    assert set(error.conflicts) == {"a", "c"}


def test_one_key_has_its_refusals_in_order(repo, three):
    repo.start_optimization(three, "c", "opt")

    error = refused(repo, three, {"a": "bad", "c": "bad"}, expected_versions={"a": 3, "c": 3})

    assert isinstance(error.errors["a"], VersionConflictError)
    assert isinstance(error.errors["c"], VariableLockedError)


@pytest.mark.parametrize("atomic", [True, False])
def test_what_concerns_the_whole_call_is_raised_as_itself(repo, three, clock, atomic):
    with pytest.raises(SessionNotFoundError):
        repo.update_variables("nobody", {"a": 1}, atomic=atomic)
    with pytest.raises(SessionNotFoundError):
        repo.update_variables("nobody", {}, atomic=atomic)
    with pytest.raises(ValidationError):
        repo.update_variables(three, {"a": 1}, atomic=atomic, metadata={"no": {1, 2}})
    clock.advance(100_000)
    with pytest.raises(SessionExpiredError):
        repo.update_variables(three, {"a": 1}, atomic=atomic)


def test_an_empty_batch_does_nothing(repo, three):
    assert repo.update_variables(three, {}) == {}
    assert repo.get_stats(three).total_variable_updates == 3


def test_the_same_variable_by_id_and_by_name_is_refused_under_each_key(repo, three, unchanged):
    with unchanged():
        error = refused(repo, three, {"a": 1, "b": 2, "id-a": 3})

    assert set(error.errors) == {"a", "id-a"}
    for each in error.errors.values():
        assert isinstance(each, ValidationError)
    assert not error.conflicts


def test_a_batch_keeps_what_it_replaced_in_the_history(repo, three):
    repo.update_variables(three, {"a": 1, "b": 2})
    refused(repo, three, {"a": 5, "absent": 1})

    assert [past.value for past in repo.variable_history(three, "a")] == [0]
    assert repo.variable_history(three, "c") == []


def test_small_large_and_binary_values_are_replaced_in_one_batch(repo):
    sid = repo.create_session("sizes", history=2).id
    old = {"text": "", "large": "a", "number": 0, "array": [0.5]}
    for (name, value), type_ in zip(
        old.items(), ("string", "string", "integer", "embedding"), strict=True
    ):
        repo.register_variable(sid, name, type_, value)
    new = {"text": '\\ " {,} NULL \u2603', "large": "x" * 100_000, "number": -1, "array": [1.5]}

    for batch in (new, old, new):
        repo.update_variables(sid, batch)

    assert {name: list(v) if name == "array" else v for name, v in values(repo, sid).items()} == new
    for name, value in new.items():
        past = [each.value for each in repo.variable_history(sid, name)]
        assert [list(v) if name == "array" else v for v in past] == [old[name], value]


@pytest.mark.parametrize("limit", [0, 1, 3, 150])
def test_a_batch_prunes_each_history_by_itself(repo, limit):
    sid = repo.create_session("limited", history=limit).id
    for name in "abc":
        repo.register_variable(sid, name, "integer", 0)
    repo.update_variable(sid, "b", 1)
    repo.put_variable(sid, dataclasses.replace(repo.get_variable(sid, "c"), version=200))

    for number in range(2, 7):
        repo.update_variables(sid, dict.fromkeys("abc", number))

    written = {"a": [5, 4, 3, 2, 0], "b": [5, 4, 3, 2, 1, 0], "c": [5, 4, 3, 2, 0, 0]}
    for name, past in written.items():
        assert [each.value for each in repo.variable_history(sid, name)] == past[:limit]


def test_a_batch_of_a_thousand_is_one_step(repo, sid):
    with repo.transaction() as inside:
        for number in range(1000):
            inside.register_variable(sid, f"v{number}", "integer", 0)

    done = repo.update_variables(sid, {f"v{number}": number for number in range(1000)})

    assert len(done) == 1000
    assert repo.get_value(sid, "v999") == 999
    assert repo.get_stats(sid).total_variable_updates == 2000


# --- what can be applied


def test_not_atomic_applies_what_it_can_and_gives_the_error_for_the_rest(repo, three):
    repo.start_optimization(three, "c", "opt")

    done = repo.update_variables(
        three, {"a": 1, "b": 11, "c": 1, "absent": 1, "id-b ": 1}, atomic=False
    )

    assert done["a"] == repo.get_variable(three, "a")
    assert {key: type(each) for key, each in done.items() if key != "a"} == {
        "b": ConstraintError,
        "c": VariableLockedError,
        "absent": VariableNotFoundError,
        "id-b ": VariableNotFoundError,
    }
    assert values(repo, three) == {"a": 1, "b": 0, "c": 0}
    assert repo.get_stats(three).total_variable_updates == 4


def test_not_atomic_obeys_expected_versions_key_by_key(repo, three):
    done = repo.update_variables(
        three, {"a": 1, "b": 2}, expected_versions={"a": 0, "b": 9}, atomic=False
    )

    assert done["a"].value == 1
    assert (done["b"].expected, done["b"].actual) == (9, 0)
    assert values(repo, three) == {"a": 1, "b": 0, "c": 0}


def test_not_atomic_refuses_the_same_variable_twice_under_each_key(repo, three):
    done = repo.update_variables(three, {"a": 1, "b": 2, "id-a": 3}, atomic=False)

    assert isinstance(done["a"], ValidationError)
    assert isinstance(done["id-a"], ValidationError)
    assert values(repo, three) == {"a": 0, "b": 2, "c": 0}


@pytest.mark.parametrize(
    "updates",
    [{"absent": 1}, {"a": "bad", "b": 11}, {"a": 1, "id-a": 2}, {"a": 1}, {5: 1, "": 1}],
    ids=["absent", "bad", "twice", "conflict", "no-names"],
)
def test_not_atomic_with_every_key_refused_is_no_access(repo, three, unchanged, updates):
    with unchanged():
        done = repo.update_variables(
            three,
            updates,
            expected_versions={"a": 9} if updates == {"a": 1} else None,
            atomic=False,
        )

    assert len(done) == len(updates)
    assert all(isinstance(each, SnakeStoreError) for each in done.values())


@pytest.mark.parametrize("updates", [{}, {"a": 1, "b": 11}], ids=["empty", "some-refused"])
@pytest.mark.parametrize("atomic", [True, False], ids=["atomic", "not-atomic"])
def test_a_batch_with_nothing_to_refuse_or_something_to_apply_is_an_access(
    repo, three, clock, updates, atomic
):
    clock.advance(1)

    repo.update_variables(three, dict.fromkeys(updates, 1) if atomic else updates, atomic=atomic)

    (session,) = repo.list_sessions()
    assert session.last_accessed == clock()


# --- reading many


def test_many_are_read_by_id_name_and_enum_and_the_missing_are_listed(repo, three):
    batch = repo.get_variables(three, [Atom.a, "id-b", "absent", "", "c"])

    assert isinstance(batch, VariableBatch)
    assert batch.found == {
        "a": repo.get_variable(three, "a"),
        "id-b": repo.get_variable(three, "b"),
        "c": repo.get_variable(three, "c"),
    }
    assert batch.missing == ["absent", ""]


def test_a_variable_asked_for_twice_is_found_under_each_identifier(repo, three):
    batch = repo.get_variables(three, ["a", "id-a", "a"])

    assert batch.found == {
        "a": repo.get_variable(three, "a"),
        "id-a": repo.get_variable(three, "a"),
    }
    assert batch.missing == []


def test_nothing_asked_is_nothing_found(repo, three):
    batch = repo.get_variables(three, [])

    assert (batch.found, batch.missing) == ({}, [])


def test_any_iterable_of_identifiers_will_do(repo, three):
    assert set(repo.get_variables(three, (name for name in "ab")).found) == {"a", "b"}


def test_more_identifiers_than_one_statement_binds_are_read(repo, three):
    asked = [f"absent-{number}" for number in range(MORE_THAN_ONE_STATEMENT_BINDS)]

    batch = repo.get_variables(three, ["a", *asked, "c"])

    assert set(batch.found) == {"a", "c"}
    assert batch.missing == asked


def test_an_identifier_that_is_neither_text_nor_enum_is_refused(repo, three):
    with pytest.raises(InvalidNameError):
        repo.get_variables(three, ["a", 5])


def test_variables_read_are_the_callers_own(repo, sid):
    repo.register_variable(sid, "doc", "json", {"a": [1]})

    repo.get_variables(sid, ["doc"]).found["doc"].value["a"].append(2)

    assert repo.get_value(sid, "doc") == {"a": [1]}


def test_reading_many_of_a_session_that_is_not_there_is_refused(repo):
    with pytest.raises(SessionNotFoundError):
        repo.get_variables("nobody", [])


def test_a_renamed_variable_is_missing_under_its_old_name(repo, three):
    repo.put_variable(three, dataclasses.replace(repo.get_variable(three, "a"), name="z"))

    batch = repo.get_variables(three, ["a", "z"])

    assert (set(batch.found), batch.missing) == ({"z"}, ["a"])
