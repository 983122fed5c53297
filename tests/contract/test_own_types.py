"""Types that users register: their errors are translated, and their values read back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from snakestore import (
    BatchError,
    ConstraintError,
    UnknownTypeError,
    ValidationError,
    VariableType,
    create_variable,
    register_type,
    validate,
)
from snakestore.types import registry
from snakestore.types.arrays import EmbeddingType


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(registry, "_types", dict(registry._types))


# --- a type that raises what Python raises

MINE, MINE_TOO, MOST_IS_EMPTY = (
    ValueError("mine"),
    TypeError("mine too"),
    ValueError("most is empty"),
)
PROBLEMS = {
    "normalise-ValueError": ("unsound", ValueError),
    "normalise-TypeError": (7, TypeError),
    "check-ValueError": ("odd", ValueError),
    "check-TypeError": ("even", TypeError),
}
every_problem = pytest.mark.parametrize(("value", "problem"), PROBLEMS.values(), ids=PROBLEMS)


@pytest.fixture
def rough(own_registry, repo, filled):
    """A session with ``r``, whose type refuses texts with built-in errors."""

    @register_type
    class Rough(VariableType):
        name = "rough"
        constraints = ("most",)

        def check_constraints(self, constraints):
            super().check_constraints(constraints)
            if constraints.get("most") == "":
                raise MOST_IS_EMPTY

        def normalise(self, value):
            if value == "unsound":
                raise MINE
            return " ".join(value.split() if isinstance(value, str) else value)

        def check(self, value, constraints):
            if value == "odd":
                raise MINE
            if value == "even":
                raise MINE_TOO

    repo.register_variable(filled, "r", "rough", " fine ")
    return filled


REFUSED_BY = {
    "register": lambda repo, value: repo.register_variable("s", "new", "rough", value),
    "put": lambda repo, value: repo.put_variable(
        "s", repo.get_variable("s", "r").update_value(value)
    ),
    "update": lambda repo, value: repo.update_variable("s", "r", value),
    "modify": lambda repo, value: repo.modify_variable("s", "r", lambda _: value),
    "create_variable": lambda repo, value: create_variable(name="new", type="rough", value=value),
    "validate": lambda repo, value: validate(value, "rough"),
}


@every_problem
@pytest.mark.parametrize("call", REFUSED_BY.values(), ids=REFUSED_BY)
def test_an_exception_of_python_that_a_type_raises_is_a_validation_error(
    repo, rough, unchanged, call, value, problem
):
    with unchanged(), pytest.raises(ValidationError) as refused:
        call(repo, value)

    assert refused.value.type == "rough"
    assert isinstance(refused.value.__cause__, problem)
    assert str(refused.value.__cause__) in str(refused.value)


@every_problem
def test_a_batch_holds_it_under_its_key(repo, rough, unchanged, value, problem):
    with unchanged(), pytest.raises(BatchError) as refused:
        repo.update_variables(rough, {"x": 3.0, "r": value})

    assert set(refused.value.errors) == {"r"}
    assert type(refused.value.errors["r"]) is ValidationError
    assert isinstance(refused.value.errors["r"].__cause__, problem)


@every_problem
def test_not_atomic_applies_the_others(repo, rough, value, problem):
    done = repo.update_variables(rough, {"x": 3.0, "r": value}, atomic=False)

    assert type(done["r"]) is ValidationError
    assert (repo.get_value(rough, "x"), repo.get_value(rough, "r")) == (3.0, "fine")


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.register_variable("s", "new", "rough", "a", constraints={"most": ""}),
        lambda repo: repo.update_constraints("s", "r", {"most": ""}),
        lambda repo: validate("a", "rough", {"most": ""}),
    ],
    ids=["register", "update_constraints", "validate"],
)
def test_an_exception_that_a_type_raises_over_constraints_is_a_validation_error(
    repo, rough, unchanged, call
):
    with unchanged(), pytest.raises(ValidationError, match="most is empty") as refused:
        call(repo)

    assert refused.value.type == "rough"
    assert type(refused.value.__cause__) is ValueError


def test_a_validation_error_is_raised_as_it_is(repo, filled):
    with pytest.raises(ConstraintError) as refused:
        repo.update_variable(filled, "x", 11.0)

    assert refused.value.__cause__ is None


# --- a type derived from an array type that writes both forms


@pytest.fixture
def labelled(own_registry):
    """An embedding that is stored readable as well."""

    @register_type
    class Labelled(EmbeddingType):
        name = "labelled"

        def encode(self, value):
            _, blob = super().encode(value)
            return json.dumps({"count": len(value)}), blob

        def decode(self, text, blob):
            decoded = super().decode(None, blob)
            assert json.loads(text) == {"count": len(decoded)}
            return decoded


@pytest.mark.parametrize(
    "value", [[1, 2.5], np.array([1, 2.5], "f4"), ()], ids=["list", "array", "empty"]
)
@pytest.mark.parametrize(
    "write",
    [
        lambda repo, value: repo.register_variable("s", "a", "labelled", value),
        lambda repo, value: repo.put_variable(
            "s", create_variable(name="a", type="labelled", value=value)
        ),
        lambda repo, value: (
            repo.register_variable("s", "a", "labelled", [7])
            and repo.update_variable("s", "a", value)
        ),
        lambda repo, value: (
            repo.register_variable("s", "a", "labelled", [7])
            and repo.modify_variable("s", "a", lambda _: value)
        ),
        lambda repo, value: (
            repo.register_variable("s", "a", "labelled", [7])
            and repo.update_variables("s", {"a": value})["a"]
        ),
    ],
    ids=["register", "put", "update", "modify", "batch"],
)
def test_text_and_bytes_of_a_derived_type_are_read_back(repo, sid, labelled, write, value):
    written = write(repo, value)

    assert repo.get_value(sid, "a") == list(value)
    assert repo.get_variable(sid, "a") == repo.list_variables(sid)[0] == written


def test_a_derived_type_is_put_back_and_rolled_back(repo, sid, labelled):
    repo.register_variable(sid, "a", "labelled", [1, 2, 3])
    repo.put_variable(sid, repo.get_variable(sid, "a"))
    repo.update_variable(sid, "a", [4])

    rolled = repo.rollback_variable(sid, "a", 0)

    assert (rolled.value, rolled.version) == ([1.0, 2.0, 3.0], 2)
    assert repo.get_value(sid, "a") == [1.0, 2.0, 3.0]
    assert [past.value for past in repo.variable_history(sid, "a")] == [[4.0], [1.0, 2.0, 3.0]]


# --- a type that this process does not know


@pytest.fixture
def unknown(repo, filled, monkeypatch):
    """A session with ``u``, whose type is no longer registered."""
    with monkeypatch.context() as then:
        then.setattr(registry, "_types", dict(registry._types))
        register_type(type("Passing", (VariableType,), {"name": "passing"}))
        repo.register_variable(filled, "u", "passing", [1])
    return filled


def test_a_view_knows_and_deletes_what_it_cannot_read(repo, unknown):
    view = repo.session(unknown)
    with pytest.raises(UnknownTypeError, match="passing"):
        view["u"]
    assert "u" in view
    assert list(view) == ["note", "u", "x"]

    del view["u"]

    assert "u" not in view
    assert dict(view) == {"note": "hello", "x": 2.0}


def test_a_view_that_holds_what_it_cannot_read_is_cleared(repo, unknown):
    repo.session(unknown).clear()

    assert repo.variable_names(unknown) == []
