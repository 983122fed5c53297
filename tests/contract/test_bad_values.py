"""Values, types and constraints that are refused leave everything as it was."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from snakestore import (
    BatchError,
    ConstraintError,
    UnknownTypeError,
    ValidationError,
    Variable,
    VersionConflictError,
    VersionNotFoundError,
)

# --- values and types


@pytest.mark.parametrize("type_name", ["nothing", "", "Float", "float ", "a\0b", "x" * 300])
def test_an_unknown_type_is_refused(repo, filled, unchanged, type_name):
    with unchanged(), pytest.raises(UnknownTypeError) as refused:
        repo.register_variable(filled, "new", type_name, 1.0)

    assert refused.value.type == type_name


@pytest.mark.parametrize(
    "call",
    [
        lambda repo, value: repo.update_variable("s", "x", value),
        lambda repo, value: repo.modify_variable("s", "x", lambda _: value),
        lambda repo, value: repo.set_value("s", "x", value),
        lambda repo, value: repo.put_variable("s", repo.get_variable("s", "x").update_value(value)),
        lambda repo, value: repo.register_variable(
            "s", "new", "float", value, constraints={"min": 0, "max": 10}
        ),
    ],
    ids=["update", "modify", "set", "put", "register"],
)
class TestValues:
    @pytest.mark.parametrize(
        "value", ["2.0", True, None, [1.0], {"a": 1}, b"1", 2**53 + 1], ids=repr
    )
    def test_a_value_that_the_type_does_not_take_is_refused(
        self, repo, filled, unchanged, call, value
    ):
        with unchanged(), pytest.raises(ValidationError) as refused:
            call(repo, value)

        assert refused.value.type == "float"
        assert refused.value.value == repr(value)

    @pytest.mark.parametrize(
        ("value", "constraint"),
        [(-1.0, "min"), (10.5, "max"), (math.inf, "max"), (-math.inf, "min")],
    )
    def test_a_value_that_breaks_a_constraint_is_refused(
        self, repo, filled, unchanged, call, value, constraint
    ):
        with unchanged(), pytest.raises(ConstraintError) as refused:
            call(repo, value)

        assert (refused.value.type, refused.value.constraint) == ("float", constraint)

    def test_a_huge_value_is_shown_shortened(self, repo, filled, unchanged, call):
        with unchanged(), pytest.raises(ValidationError) as refused:
            call(repo, "x" * 10_000_000)

        assert len(refused.value.value) < 200
        assert len(str(refused.value)) < 1000


@pytest.mark.parametrize(
    ("type_name", "constraints"),
    [
        ("float", {"minimum": 0}),
        ("float", {"min": "0"}),
        ("float", {"min": math.nan}),
        ("float", {"min": 2, "max": 1}),
        ("integer", {"min": 1.0}),
        ("boolean", {"min": 0}),
        ("string", {"pattern": "("}),
        ("string", {"enum": []}),
        ("choice", {"choices": []}),
    ],
)
def test_unsound_constraints_are_refused(repo, filled, unchanged, type_name, constraints):
    value = {"float": 1.5, "integer": 1, "boolean": True, "string": "a", "choice": "a"}[type_name]

    with unchanged(), pytest.raises(ValidationError):
        repo.register_variable(filled, "new", type_name, value, constraints=constraints)


# --- ints that Python will not spell


HUGE = 10**5000


KIND_OF_ERROR = (ValidationError, VersionConflictError, VersionNotFoundError, BatchError)


@pytest.mark.parametrize(
    "call",
    [
        lambda repo, huge: repo.create_session("new", ttl=huge),
        lambda repo, huge: repo.update_session("s", ttl=huge),
        lambda repo, huge: repo.create_session("new", history=-abs(huge)),
        lambda repo, huge: repo.variable_history("s", "x", limit=-abs(huge)),
        lambda repo, huge: repo.delete_expired(batch_size=-abs(huge)),
        lambda repo, huge: Variable(
            id="v",
            name="v",
            type="float",
            value=1.0,
            created_at=datetime(2030, 1, 1, tzinfo=UTC),
            version=huge,
        ),
        lambda repo, huge: repo.get_variable_version("s", "x", huge),
        lambda repo, huge: repo.rollback_variable("s", "x", huge),
        lambda repo, huge: repo.rollback_variable("s", "x", 0, expected_version=huge),
        lambda repo, huge: repo.update_variable("s", "x", 3.0, expected_version=huge),
        lambda repo, huge: repo.put_variable(
            "s", repo.get_variable("s", "x"), expected_version=huge
        ),
        lambda repo, huge: repo.update_variables("s", {"x": 3.0}, expected_versions={"x": huge}),
        lambda repo, huge: repo.update_variables("s", {huge: 3.0}),
        lambda repo, huge: repo.update_variables("s", {"x": 3.0}, expected_versions={huge: 1}),
        lambda repo, huge: repo.start_optimization("s", "x", "opt", huge),
        lambda repo, huge: repo.start_optimization("s", "x", "opt", lease=huge),
        lambda repo, huge: repo.claim_variable("s", "*", "opt", huge, lease=huge),
        lambda repo, huge: repo.get_variable("s", huge),
        lambda repo, huge: repo.update_variable("s", "x", huge),
        lambda repo, huge: repo.update_variable("s", "x", 3.0, metadata={"a": [huge]}),
        lambda repo, huge: repo.update_variable("s", "x", 3.0, source=huge),
        lambda repo, huge: repo.register_variable("s", "new", "integer", huge),
        lambda repo, huge: repo.register_variable(
            "s", "new", "integer", 1, constraints={"max": huge}
        ),
        lambda repo, huge: repo.put_program("s", "p", {"a": huge}),
    ],
    ids=[
        *(
            "ttl",
            "update-ttl",
            "history",
            "limit",
            "batch_size",
            "version",
            "get-version",
            "rollback",
            "rollback-expected",
            "update-expected",
        ),
        *(
            "put-expected",
            "batch-expected",
            "batch-key",
            "batch-expected-key",
            "pid",
            "lease",
            "claim",
            "identifier",
            "value",
            "metadata",
            "source",
        ),
        *("integer", "bound", "program"),
    ],
)
@pytest.mark.parametrize("huge", [HUGE, -HUGE], ids=["huge", "huge-negative"])
def test_an_int_of_too_many_digits_to_show_is_an_error_of_snakestore(
    repo, filled, unchanged, call, huge
):
    with unchanged(), pytest.raises(KIND_OF_ERROR) as refused:
        call(repo, huge)

    assert len(str(refused.value)) < 1000


def test_a_history_of_too_many_to_count_is_all_of_it(repo, filled):
    repo.create_session("new", history=HUGE)
    repo.update_session(filled, history=HUGE)

    assert len(repo.variable_history(filled, "x", limit=HUGE)) == 1
