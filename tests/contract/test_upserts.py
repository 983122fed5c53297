"""set_value, set_values and delete_variables: values by name, one or several at once."""

from __future__ import annotations

import enum

import numpy as np
import pytest

from snakestore import (
    BatchError,
    InvalidNameError,
    UnknownTypeError,
    ValidationError,
    Variable,
    VariableExistsError,
    VariableLockedError,
    VariableNotFoundError,
    VersionConflictError,
)
from tests.contract.answers import answers


class Name(enum.Enum):
    X = "x"
    NEW = "new"


# --- one value


def test_a_variable_of_the_name_is_updated(repo, filled, clock):
    clock.advance(1)

    changed = repo.set_value(filled, "x", 5, metadata={"why": "test"}, source="me")

    assert (changed.id, changed.value, changed.version) == ("x-id", 5.0, 2)
    assert (changed.metadata["why"], changed.metadata["source"]) == ("test", "me")
    assert changed.last_updated_at == clock()
    assert changed == repo.get_variable(filled, "x")
    assert [past.value for past in repo.variable_history(filled, "x")] == [2.0, 1.0]


def test_a_variable_that_is_missing_is_registered(repo, filled, clock):
    before = repo.get_stats(filled)

    made = repo.set_value(filled, "new", "hi", metadata={"why": "test"}, source="me")

    assert (made.name, made.type, made.value, made.version) == ("new", "string", "hi", 0)
    assert made.id.startswith("var_new_")
    assert made.created_at == made.last_updated_at == clock()
    assert made.metadata == {"why": "test", "source": "me", "updated_at": clock().isoformat()}
    assert made == repo.get_variable(filled, "new")
    assert repo.variable_history(filled, "new") == []
    after = repo.get_stats(filled)
    assert after.variable_count == before.variable_count + 1
    assert after.total_variable_updates == before.total_variable_updates + 1


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        (True, "boolean"),
        (1, "integer"),
        (1.0, "float"),
        ("a", "string"),
        (np.ones(2), "tensor"),
        (b"a", "bytes"),
        (None, "json"),
        ([1], "json"),
    ],
)
def test_a_type_is_inferred_as_a_view_does(repo, sid, value, type_name):
    made = repo.set_value(sid, "set", value)
    repo.session(sid)["viewed"] = value

    assert made.type == repo.get_variable(sid, "viewed").type == type_name


def test_a_type_may_be_given(repo, sid):
    made = repo.set_value(sid, "n", 1, type="float")
    again = repo.set_value(sid, "n", 2, type="float")

    assert (made.type, again.type, again.value, again.version) == ("float", "float", 2.0, 1)


def test_another_type_than_the_stored_one_is_refused(repo, filled, unchanged):
    with unchanged(), pytest.raises(VariableExistsError, match=r"float.*integer") as refused:
        repo.set_value(filled, "x", 1, type="integer")

    assert (refused.value.session_id, refused.value.name) == (filled, "x")


def test_the_stored_type_decides_and_not_the_values(repo, filled, unchanged):
    assert repo.set_value(filled, "x", 7).type == "float"
    with unchanged(), pytest.raises(ValidationError):
        repo.set_value(filled, "x", "seven")


@pytest.mark.parametrize("type_name", ["nothing", ""])
def test_an_unknown_type_is_refused(repo, sid, unchanged, type_name):
    with unchanged(), pytest.raises(UnknownTypeError):
        repo.set_value(sid, "new", 1, type=type_name)


def test_an_id_is_not_a_name(repo, filled, unchanged):
    with unchanged(), pytest.raises(VariableExistsError, match="the id of another variable"):
        repo.set_value(filled, "x-id", 3.0)
    repo.put_variable(filled, repo.get_variable(filled, "x").update_value(3.0))

    assert repo.get_value(filled, "x") == 3.0


def test_a_variable_whose_name_is_its_id_is_found_by_it(repo, sid):
    repo.register_variable(sid, "same", "integer", 1, id="same")

    assert repo.set_value(sid, "same", 2).version == 1


def test_an_expected_version_is_compared(repo, filled, unchanged):
    with unchanged(), pytest.raises(VersionConflictError) as stale:
        repo.set_value(filled, "x", 3.0, expected_version=0)
    with unchanged(), pytest.raises(VersionConflictError) as missing:
        repo.set_value(filled, "new", 3.0, expected_version=0)

    assert (stale.value.expected, stale.value.actual) == (0, 1)
    assert (missing.value.identifier, missing.value.actual) == ("new", None)
    assert repo.set_value(filled, "x", 3.0, expected_version=1).version == 2


def test_only_the_holder_of_a_lease_sets(repo, filled, unchanged):
    repo.start_optimization(filled, "x", "opt")

    with unchanged(), pytest.raises(VariableLockedError) as locked:
        repo.set_value(filled, "x", 3.0)
    with unchanged(), pytest.raises(VariableLockedError):
        repo.set_value(filled, "new", 3.0, optimizer_id="opt")

    assert locked.value.holder == "opt"
    set_by_holder = repo.set_value(filled, "x", 3.0, optimizer_id="opt")
    assert set_by_holder.optimization_status.optimizer_id == "opt"


def test_a_name_may_be_an_enum_member(repo, filled):
    assert repo.set_value(filled, Name.X, 3.0).version == 2
    assert repo.set_value(filled, Name.NEW, 3.0).name == "new"


def test_an_array_keeps_the_dtype_it_is_set_with(repo, sid):
    repo.set_value(sid, "array", np.ones(2, "f4"))
    repo.set_value(sid, "array", np.zeros(2, "f2"))

    assert repo.get_variable(sid, "array").to_numpy().dtype == np.dtype("f2")


def test_what_is_set_in_a_transaction_is_undone_with_it(repo, filled, unchanged):
    with unchanged(), pytest.raises(KeyError), repo.transaction() as transaction:
        transaction.set_value(filled, "x", 3.0)
        transaction.set_values(filled, {"new": 1, "note": "a"})
        transaction.delete_variables(filled, ["note"])
        raise KeyError


# --- several values


def test_several_are_updated_and_registered_at_once(repo, filled, clock):
    before = repo.get_stats(filled)

    done = repo.set_values(
        filled, {"new": 1, Name.X: 3, "note": "bye"}, metadata={"a": 1}, source="me"
    )

    assert list(done) == ["new", "x", "note"]
    assert {name: (each.value, each.version) for name, each in done.items()} == {
        "new": (1, 0),
        "x": (3.0, 2),
        "note": ("bye", 1),
    }
    assert all(
        each.metadata["a"] == 1 and each.metadata["source"] == "me" for each in done.values()
    )
    assert done == {name: repo.get_variable(filled, name) for name in done}
    assert [past.value for past in repo.variable_history(filled, "note")] == ["hello"]
    after = repo.get_stats(filled)
    assert after.variable_count == before.variable_count + 1
    assert after.total_variable_updates == before.total_variable_updates + 3


def test_every_refusal_of_a_name_is_in_the_batch_error(repo, filled, unchanged):
    repo.start_optimization(filled, "note", "opt")
    values = {
        "good": 1,
        "x": "hot",
        "note": "bye",
        "x-id": 1.0,
        "": 1,
        5: 1,
        "stale": 1,
        "unstorable": object(),
    }

    with unchanged(), pytest.raises(BatchError) as refused:
        repo.set_values(filled, values, expected_versions={"stale": 3})

    assert {name: type(error) for name, error in refused.value.errors.items()} == {
        "x": ValidationError,
        "note": VariableLockedError,
        "x-id": VariableExistsError,
        "": InvalidNameError,
        "5": InvalidNameError,
        "stale": VersionConflictError,
        "unstorable": ValidationError,
    }
    assert list(refused.value.conflicts) == ["note", "x-id", "stale"]


def test_a_name_given_as_text_and_as_a_member_is_refused(repo, filled, unchanged):
    with unchanged(), pytest.raises(BatchError) as refused:
        repo.set_values(filled, {"x": 3.0, Name.X: 4.0, "new": 1, Name.NEW: 2, "good": 1})

    assert refused.value.errors.keys() == {"x", "new"}
    assert {type(error) for error in refused.value.errors.values()} == {ValidationError}


def test_expected_versions_are_compared(repo, filled):
    done = repo.set_values(filled, {"x": 3.0, "new": 1}, expected_versions={"x": 1})

    assert (done["x"].version, done["new"].version) == (2, 0)


def test_setting_nothing_is_an_access_and_no_update(repo, filled, clock):
    before = repo.get_stats(filled)
    clock.advance(1)

    assert repo.set_values(filled, {}) == {}
    assert repo.get_stats(filled) == before
    assert repo.list_sessions()[0].last_accessed == clock()


WHOLE_CALL = {
    "values-list": lambda repo: repo.set_values("s", [("x", 1.0)]),
    "values-text": lambda repo: repo.set_values("s", "x"),
    "versions-list": lambda repo: repo.set_values("s", {"x": 3.0}, expected_versions=[1]),
    "versions-of-others": lambda repo: repo.set_values("s", {"x": 3.0}, expected_versions={"y": 1}),
    "versions-text": lambda repo: repo.set_values("s", {"x": 3.0}, expected_versions={"x": "1"}),
    "metadata": lambda repo: repo.set_values("s", {"x": 3.0}, metadata=5),
    "source": lambda repo: repo.set_values("s", {"x": 3.0}, source=5),
    "optimizer": lambda repo: repo.set_values("s", {"x": 3.0}, optimizer_id=5),
    "update-optimizer": lambda repo: repo.update_variables("s", {"x": 3.0}, optimizer_id=5),
    "identifiers-text": lambda repo: repo.delete_variables("s", "x"),
    "identifiers-dict": lambda repo: repo.delete_variables("s", {"x": 1}),
    "identifiers-int": lambda repo: repo.delete_variables("s", 5),
    "delete-optimizer": lambda repo: repo.delete_variables("s", ["x"], optimizer_id=5),
}


def test_what_is_wrong_with_the_whole_call_is_raised_as_itself(repo, filled, unchanged):
    with unchanged():
        told = answers(lambda call: call(repo), WHOLE_CALL)

    no_text = {"source", "optimizer", "update-optimizer", "delete-optimizer"}
    assert told == {
        name: InvalidNameError if name in no_text else ValidationError for name in WHOLE_CALL
    }


def test_many_are_set_and_deleted_at_once(repo, sid):
    values = {f"n{number:04}": number for number in range(700)}

    repo.set_values(sid, values)
    done = repo.set_values(sid, values | {"last": 1})

    assert [each.version for each in done.values()] == [1] * 700 + [0]
    assert repo.session(sid).snapshot() == values | {"last": 1}
    assert repo.delete_variables(sid, list(values)) == 700
    assert repo.get_stats(sid).variable_count == 1
    assert repo.check().ok


# --- deleting several


def test_several_are_deleted_by_id_or_name_with_their_history(repo, filled):
    updates = repo.get_stats(filled).total_variable_updates

    assert repo.delete_variables(filled, ["x-id", "note", "nothing", "x-id", "", "a\0"]) == 2

    assert repo.variable_names(filled) == []
    stats = repo.get_stats(filled)
    assert (stats.variable_count, stats.total_variable_updates) == (0, updates)
    repo.register_variable(filled, "x", "float", 1.0, id="x-id")
    assert repo.variable_history(filled, "x") == []
    assert repo.check().ok


def test_identifiers_may_come_from_a_generator(repo, filled):
    assert repo.delete_variables(filled, (name for name in ("x", Name.X, "note"))) == 2


def test_deleting_is_all_or_nothing(repo, filled, unchanged):
    repo.start_optimization(filled, "x", "opt")
    repo.set_value(filled, "other", 1)

    with unchanged(), pytest.raises(BatchError) as refused:
        repo.delete_variables(filled, ["note", "x", "other", 5])

    assert {key: type(error) for key, error in refused.value.errors.items()} == {
        "x": VariableLockedError,
        "5": InvalidNameError,
    }
    assert list(refused.value.conflicts) == ["x"]


def test_the_holder_deletes_what_it_holds_and_nothing_else(repo, filled, unchanged):
    repo.start_optimization(filled, "x", "opt")

    with unchanged(), pytest.raises(BatchError) as refused:
        repo.delete_variables(filled, ["x", "note"], optimizer_id="opt")

    assert {key: error.holder for key, error in refused.value.errors.items()} == {"note": None}
    assert repo.delete_variables(filled, ["x"], optimizer_id="opt") == 1


def test_a_variable_named_by_id_and_by_name_is_refused(repo, filled, unchanged):
    with unchanged(), pytest.raises(BatchError) as refused:
        repo.delete_variables(filled, ["x", "note", "x-id"])

    assert {key: type(error) for key, error in refused.value.errors.items()} == {
        "x": ValidationError,
        "x-id": ValidationError,
    }


# --- as methods of a view


def test_a_view_has_the_methods_without_the_session(repo, filled):
    view = repo.session(filled)

    assert view.set_value("x", 3.0).version == 2
    assert view.set_values({"new": 1, "x": 4.0})["x"].version == 3
    assert view.variable_names(prefix="n", limit=1, reverse=True) == ["note"]
    assert view.program_ids(prefix="p") == ["p"]
    assert view.delete_variables(["new", "note"]) == 2


def test_a_strict_view_names_the_missing_variable_first(repo, filled, unchanged):
    view = repo.session(filled, strict=True)

    with unchanged(), pytest.raises(VariableNotFoundError) as refused:
        view["new"] = object()
    with unchanged(), pytest.raises(VariableNotFoundError):
        view["x-id"] = 1.0

    assert refused.value.identifier == "new"


def test_popitem_reads_the_first_variable_alone(repo, sid, clock):
    view = repo.session(sid)
    view.update({"b": 2, "a": 1})
    repo.put_variable(sid, Variable(id="c", name="c", type="json", value=[3], created_at=clock()))

    assert [view.popitem() for _ in range(3)] == [("a", 1), ("b", 2), ("c", [3])]
    with pytest.raises(KeyError):
        view.popitem()
