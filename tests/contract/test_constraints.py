"""update_constraints: other bounds for a value that is there, and must keep them."""

from __future__ import annotations

import pytest

from snakestore import ConstraintError, SessionNotFoundError, ValidationError, VariableNotFoundError


@pytest.fixture
def five(repo, sid):
    """A session with the integer ``x``: 5, between 0 and 10, at version 1."""
    repo.register_variable(
        sid, "x", "integer", 4, id="id-x", constraints={"min": 0, "max": 10}, metadata={"m": 1}
    )
    repo.update_variable(sid, "x", 5)
    return sid


@pytest.mark.parametrize("identifier", ["x", "id-x"])
def test_the_new_constraints_replace_the_old_and_all_else_stays(repo, five, identifier):
    before = repo.get_variable(five, "x")

    after = repo.update_constraints(five, identifier, {"max": 7})

    assert after == repo.get_variable(five, "x")
    assert after.constraints == {"max": 7}
    assert (after.version, after.value, after.metadata, after.created_at) == (
        1,
        5,
        before.metadata,
        before.created_at,
    )
    assert [past.version for past in repo.variable_history(five, "x")] == [0]


def test_updates_obey_the_new_constraints(repo, five):
    repo.update_constraints(five, "x", {"max": 7})

    with pytest.raises(ConstraintError):
        repo.update_variable(five, "x", 8)

    assert repo.update_variable(five, "x", -3).value == -3


@pytest.mark.parametrize("constraints", [{}, None])
def test_no_constraints_lift_them_all(repo, five, constraints):
    after = repo.update_constraints(five, "x", constraints)

    assert after.constraints == {}
    assert repo.update_variable(five, "x", 10**30).value == 10**30


def test_a_value_that_breaks_the_new_constraints_refuses_them(repo, five, unchanged):
    with unchanged(), pytest.raises(ConstraintError) as caught:
        repo.update_constraints(five, "x", {"min": 6})

    assert caught.value.constraint == "min"


def test_only_the_present_value_must_keep_them(repo, five):
    repo.update_constraints(five, "x", {"min": 5})

    assert repo.get_variable_version(five, "x", 0).value == 4
    assert repo.get_variable_version(five, "x", 0).constraints == {"min": 5}


@pytest.mark.parametrize(
    ("constraints", "named"),
    [
        ({"minimum": 0}, "minimum"),
        ({"min": "0"}, "min"),
        ({"min": True}, "min"),
        ({"max": 1.5}, "max"),
        ({"max": None}, "max"),
        ({"max": float("inf")}, "max"),
    ],
)
def test_unsound_constraints_are_refused_by_name(repo, five, unchanged, constraints, named):
    with unchanged(), pytest.raises(ConstraintError) as caught:
        repo.update_constraints(five, "x", constraints)

    assert caught.value.constraint == named


@pytest.mark.parametrize("constraints", [{"min": 9, "max": 8}, [("min", 1)], "min", {1: 2}])
def test_what_is_no_set_of_constraints_is_refused(repo, five, unchanged, constraints):
    with unchanged(), pytest.raises(ValidationError):
        repo.update_constraints(five, "x", constraints)


@pytest.mark.parametrize(
    ("type_name", "value", "good", "bad"),
    [
        ("float", 0.5, {"min": 0, "max": 0.5}, {"max": 0.25}),
        ("string", "ab", {"min_length": 2, "pattern": "b$"}, {"pattern": "^b"}),
        ("string", "ab", {"enum": ["ab", "c"]}, {"enum": ["c"]}),
        ("choice", "a", {"choices": ["a", "b"]}, {"choices": ["b"]}),
        (
            "module",
            "dspy.Predict",
            {"allowed_modules": ["dspy.Predict"]},
            {"allowed_modules": ["os"]},
        ),
        ("embedding", [0.5, 1.0], {"dimensions": 2}, {"dimensions": 3}),
        ("tensor", {"shape": [1, 2], "data": [[1, 2]]}, {"shape": [1, 2]}, {"shape": [2, 1]}),
    ],
)
def test_each_type_has_its_value_checked_again(repo, sid, type_name, value, good, bad):
    repo.register_variable(sid, "x", type_name, value)

    repo.update_constraints(sid, "x", good)
    with pytest.raises(ConstraintError):
        repo.update_constraints(sid, "x", bad)

    found = repo.get_variable(sid, "x")
    assert (found.constraints, found.value, found.version) == (good, value, 0)


def test_changing_constraints_counts_as_an_access(repo, five, clock):
    clock.advance(1)

    repo.update_constraints(five, "x", {"max": 7})

    assert repo.list_sessions()[0].last_accessed == clock()


def test_there_must_be_a_variable_to_constrain(repo, five):
    with pytest.raises(VariableNotFoundError):
        repo.update_constraints(five, "absent", {})
    with pytest.raises(SessionNotFoundError):
        repo.update_constraints("nobody", "x", {})


def test_constraints_given_and_handed_out_are_the_callers_own(repo, sid):
    repo.register_variable(sid, "x", "choice", "a")
    given = {"choices": ["a"]}

    after = repo.update_constraints(sid, "x", given)
    given["choices"].append("b")
    after.constraints["choices"].append("c")

    assert repo.get_variable(sid, "x").constraints == {"choices": ["a"]}
