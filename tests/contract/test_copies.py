"""Copies: what is handed out is the caller's, and changing it changes nothing stored."""

from __future__ import annotations

import pytest

from snakestore import Variable


@pytest.fixture
def nested(repo, clock):
    """A session in which everything that can be changed in place is there to be changed."""
    repo.create_session("s", metadata={"list": [1]})
    repo.put_variable(
        "s",
        Variable(
            id="v-id",
            name="v",
            type="json",
            value={"list": [1]},
            metadata={"list": [1]},
            created_at=clock(),
            access_rules=({"list": [1]},),
        ),
    )
    repo.update_variable("s", "v", {"list": [1]}, metadata={"list": [1]})
    repo.register_variable("s", "c", "choice", "a", constraints={"choices": ["a", "b"]})
    repo.put_program("s", "p", {"list": [1]})
    return "s"


HANDED_OUT = {
    "create_session": lambda repo: repo.create_session("s", exist_ok=True).metadata["list"],
    "get_session": lambda repo: repo.get_session("s").metadata["list"],
    "list_sessions": lambda repo: repo.list_sessions()[0].metadata["list"],
    "touch": lambda repo: repo.touch("s").metadata["list"],
    "update_session": lambda repo: repo.update_session("s", worker_id="w").metadata["list"],
    "get_value": lambda repo: repo.get_value("s", "v")["list"],
    "get_variable": lambda repo: repo.get_variable("s", "v").value["list"],
    "get_variable-metadata": lambda repo: repo.get_variable("s", "v").metadata["list"],
    "get_variable-constraints": lambda repo: repo.get_variable("s", "c").constraints["choices"],
    "get_variable-access-rules": lambda repo: repo.get_variable("s", "v").access_rules[0]["list"],
    "get_variables": lambda repo: repo.get_variables("s", ["v"]).found["v"].value["list"],
    "list_variables": lambda repo: repo.list_variables("s", "v")[0].value["list"],
    "list_variables-constraints": lambda repo: repo.list_variables("s", "c")[0].constraints[
        "choices"
    ],
    "update_variable": lambda repo: repo.update_variable("s", "v", {"list": [1]}).value["list"],
    "update_variable-constraints": lambda repo: repo.update_variable("s", "c", "b").constraints[
        "choices"
    ],
    "modify_variable": lambda repo: repo.modify_variable("s", "v", lambda value: value).value[
        "list"
    ],
    "update_variables": lambda repo: repo.update_variables("s", {"v": {"list": [1]}})["v"].value[
        "list"
    ],
    "start_optimization": lambda repo: repo.start_optimization("s", "v", "opt").value["list"],
    "variable_history": lambda repo: repo.variable_history("s", "v")[0].value["list"],
    "get_variable_version": lambda repo: repo.get_variable_version("s", "v", 0).value["list"],
    "view": lambda repo: repo.session("s")["v"]["list"],
    "get_program": lambda repo: repo.get_program("s", "p")["list"],
    "get_program_record": lambda repo: repo.get_program_record("s", "p").document["list"],
    "get_program_version": lambda repo: repo.get_program_version("s", "p", 0).document["list"],
    "put_program": lambda repo: repo.put_program("s", "p", {"list": [1]}).document["list"],
    "get_programs": lambda repo: repo.get_programs("s")["p"]["list"],
    "list_programs": lambda repo: repo.list_programs("s")[0]["list"],
}


def stored(repo):
    """Every list that could have been changed."""
    session, variable, choice = (
        repo.get_session("s"),
        repo.get_variable("s", "v"),
        repo.get_variable("s", "c"),
    )
    return [
        session.metadata["list"],
        variable.value["list"],
        variable.metadata["list"],
        variable.access_rules[0]["list"],
        choice.constraints["choices"],
        repo.get_variable_version("s", "v", 0).value["list"],
        repo.get_program("s", "p")["list"],
    ]


AS_WRITTEN = [[1], [1], [1], [1], ["a", "b"], [1], [1]]


@pytest.mark.parametrize("hand_out", HANDED_OUT.values(), ids=HANDED_OUT.keys())
def test_changing_what_was_handed_out_changes_nothing_stored(repo, nested, hand_out):
    hand_out(repo).append("changed")

    assert stored(repo) == AS_WRITTEN


@pytest.mark.parametrize("hand_out", HANDED_OUT.values(), ids=HANDED_OUT.keys())
def test_changing_what_was_handed_out_does_not_change_what_is_handed_out_next(
    repo, nested, hand_out
):
    hand_out(repo).clear()

    assert hand_out(repo) in ([1], ["a", "b"])


@pytest.mark.parametrize("metadata", [{"run": 7}, {"run": [7]}], ids=["flat", "nested"])
@pytest.mark.parametrize("before", [{}, {"tags": ["x"]}], ids=["none", "nested-before"])
def test_the_variables_of_a_batch_have_nothing_in_common(repo, before, metadata):
    repo.create_session("s")
    for name in "ab":
        repo.register_variable(
            "s", name, "choice", "x", constraints={"choices": ["x", "y"]}, metadata=before
        )
        repo.register_variable("s", name * 2, "integer", 0, constraints={"max": 10})
    done = repo.update_variables("s", {"a": "y", "b": "y", "aa": 1, "bb": 1}, metadata=metadata)

    for changed in ("a", "aa"):
        for document in (done[changed].metadata, done[changed].constraints):
            for part in document.values():
                if isinstance(part, list):
                    part.clear()
            document.clear()

    assert {name: done[name] for name in ("b", "bb")} == {
        name: repo.get_variable("s", name) for name in ("b", "bb")
    }
    assert repo.get_variable("s", "b").metadata["run"] == metadata["run"]


def test_metadata_given_to_a_session_stays_the_givers(repo):
    metadata = {"list": [1]}
    session = repo.create_session("s", metadata=metadata)

    metadata["list"].append(2)

    assert session.metadata == repo.get_session("s").metadata == {"list": [1]}


def test_a_value_given_to_a_variable_stays_the_givers(repo, sid):
    value, metadata = {"list": [1]}, {"list": [1]}
    variable = repo.register_variable(sid, "v", "json", value, metadata=metadata)

    value["list"].append(2)
    metadata["list"].append(2)

    assert variable.value == repo.get_value(sid, "v") == {"list": [1]}
    assert variable.metadata["list"] == repo.get_variable(sid, "v").metadata["list"] == [1]


def test_constraints_given_to_a_variable_stay_the_givers(repo, sid):
    constraints = {"choices": ["a", "b"]}
    variable = repo.register_variable(sid, "c", "choice", "a", constraints=constraints)

    constraints["choices"].append("z")

    assert (
        variable.constraints == repo.get_variable(sid, "c").constraints == {"choices": ["a", "b"]}
    )


def test_a_value_given_to_an_update_stays_the_givers(repo, nested):
    value = {"list": [1]}
    variable = repo.update_variable("s", "v", value)

    value["list"].append(2)

    assert variable.value == repo.get_value("s", "v") == {"list": [1]}


def test_a_program_stays_the_givers(repo, sid):
    program = {"list": [1]}
    repo.put_program(sid, "p", program)

    program["list"].append(2)

    assert repo.get_program(sid, "p") == {"list": [1]}


def test_a_function_that_changes_its_value_and_then_fails_changes_nothing(repo, nested):
    def spoil(value):
        value["list"].append("changed")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        repo.modify_variable("s", "v", spoil)

    assert stored(repo) == AS_WRITTEN


def test_a_function_that_changes_its_value_in_place_leaves_the_history_alone(repo, nested):
    def extend(value):
        value["list"].append(2)
        return value

    variable = repo.modify_variable("s", "v", extend)

    assert variable.value == {"list": [1, 2]}
    assert [past.value for past in repo.variable_history("s", "v")] == [
        {"list": [1]},
        {"list": [1]},
    ]
