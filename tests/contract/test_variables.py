"""Registering, getting, listing and deleting variables."""

from __future__ import annotations

import pytest

from snakestore import (
    InvalidNameError,
    MissingFieldsError,
    OptimizationStatus,
    SessionNotFoundError,
    UnknownTypeError,
    ValidationError,
    Variable,
    VariableExistsError,
    VariableNotFoundError,
)
from tests.contract.samples import Key, a_variable

# --- register


def test_register_makes_a_variable_at_version_0_now_with_an_id_of_its_own(repo, sid, clock):
    made = repo.register_variable(sid, "temperature", "float", 0.7)

    assert (made.name, made.type, made.value, made.version) == ("temperature", "float", 0.7, 0)
    assert (made.constraints, made.metadata, made.access_rules) == ({}, {}, ())
    assert made.created_at == made.last_updated_at == clock()
    assert made.id.startswith("var_temperature_")
    assert not made.optimizing
    assert repo.get_variable(sid, made.id) == made


def test_register_keeps_id_constraints_metadata_and_description(repo, sid):
    made = repo.register_variable(
        sid,
        "n",
        "integer",
        3,
        id="the-id",
        constraints={"min": 0, "max": 9},
        metadata={"unit": "lines"},
        description="how many lines",
    )

    assert made.id == "the-id"
    assert made.constraints == {"min": 0, "max": 9}
    assert made.metadata == {"unit": "lines", "description": "how many lines"}
    assert repo.get_variable(sid, "n") == made


def test_registering_normalises_the_value(repo, sid):
    assert type(repo.register_variable(sid, "f", "float", 2).value) is float
    assert type(repo.register_variable(sid, "i", "integer", 2.0).value) is int


def test_ids_given_to_variables_of_long_names_fit(repo, sid):
    name = "n" * 255

    made = repo.register_variable(sid, name, "integer", 1)

    assert len(made.id) <= 255
    assert repo.get_variable(sid, made.id) == repo.get_variable(sid, name) == made


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("x", "integer", "1"), ValidationError),
        (("x", "integer", None), ValidationError),
        (("x", "nothing known", 1), UnknownTypeError),
        (("", "integer", 1), InvalidNameError),
        ((5, "integer", 1), InvalidNameError),
    ],
)
def test_a_refused_registration_stores_nothing(repo, sid, unchanged, arguments, error):
    with unchanged(), pytest.raises(error):
        repo.register_variable(sid, *arguments)


@pytest.mark.parametrize("bad", ["", "a\0b", "x" * 256, "\ud800"])
def test_an_id_that_may_not_be_is_refused_at_registration(repo, sid, unchanged, bad):
    with unchanged(), pytest.raises(InvalidNameError):
        repo.register_variable(sid, "x", "integer", 1, id=bad)


def test_register_with_exist_ok_returns_the_variable_that_is_there(repo, sid):
    repo.register_variable(sid, "x", "integer", 1, constraints={"min": 0})
    there = repo.update_variable(sid, "x", 5)

    again = repo.register_variable(
        sid, "x", "integer", 99, constraints={"min": 0}, metadata={"new": True}, exist_ok=True
    )

    assert again == there == repo.get_variable(sid, "x")
    assert repo.get_stats(sid).total_variable_updates == 2


@pytest.mark.parametrize(
    ("type_name", "constraints"),
    [("float", {"min": 0}), ("integer", None), ("integer", {"min": 1})],
)
def test_exist_ok_refuses_where_type_or_constraints_differ(repo, sid, type_name, constraints):
    repo.register_variable(sid, "x", "integer", 1, constraints={"min": 0})

    with pytest.raises(VariableExistsError) as caught:
        repo.register_variable(sid, "x", type_name, 1, constraints=constraints, exist_ok=True)

    assert (caught.value.session_id, caught.value.name) == (sid, "x")


# --- get


def test_getting_what_is_not_there_says_what_and_where(repo, sid):
    with pytest.raises(VariableNotFoundError) as caught:
        repo.get_variable(sid, "absent")

    assert (caught.value.session_id, caught.value.identifier) == (sid, "absent")
    assert isinstance(caught.value, KeyError)
    assert "absent" in str(caught.value)


@pytest.mark.parametrize("default", [None, 0, False, "x"])
def test_a_default_stands_in_for_a_missing_variable(repo, sid, default):
    assert repo.get_variable(sid, "absent", default) is default
    assert repo.get_value(sid, "absent", default) is default


def test_a_default_never_stands_in_for_a_missing_session(repo):
    for read in (repo.get_variable, repo.get_value):
        with pytest.raises(SessionNotFoundError):
            read("nobody", "x", None)


def test_a_stored_none_is_a_value_and_no_default(repo, sid):
    repo.register_variable(sid, "nothing", "json", None)

    assert repo.get_value(sid, "nothing", "default") is None


@pytest.mark.parametrize("identifier", ["", "a\0b", "x" * 256, "\ud800"])
def test_text_that_no_name_may_be_is_simply_not_found(repo, sid, identifier):
    assert repo.has_variable(sid, identifier) is False
    assert repo.get_value(sid, identifier, "default") == "default"
    assert repo.delete_variable(sid, identifier) is False
    with pytest.raises(VariableNotFoundError):
        repo.get_variable(sid, identifier)
    with pytest.raises(VariableNotFoundError):
        repo.update_variable(sid, identifier, 1)


@pytest.mark.parametrize("identifier", [None, 5, b"x", ("x",)])
def test_what_is_neither_text_nor_enum_is_no_identifier(repo, sid, identifier):
    for verb in (repo.get_variable, repo.get_value, repo.has_variable, repo.delete_variable):
        with pytest.raises(InvalidNameError):
            verb(sid, identifier)
    with pytest.raises(InvalidNameError):
        repo.update_variable(sid, identifier, 1)


def test_has_variable_answers_by_id_and_by_name_and_no_for_a_session_that_is_not_there(repo, sid):
    repo.put_variable(sid, a_variable())

    assert repo.has_variable(sid, "var_1") is True
    assert repo.has_variable(sid, Key.TEMPERATURE) is True
    assert repo.has_variable(sid, "heat") is False
    assert repo.has_variable("nobody", "temperature") is False


def test_a_variable_may_have_one_text_as_id_and_name(repo, sid):
    repo.put_variable(sid, a_variable(id="x", name="x"))

    assert repo.get_variable(sid, "x").value == 0.7
    assert repo.variable_names(sid) == ["x"]


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.get_variable("nobody", "x"),
        lambda repo: repo.get_value("nobody", "x"),
        lambda repo: repo.put_variable("nobody", a_variable()),
        lambda repo: repo.register_variable("nobody", "x", "integer", 1),
        lambda repo: repo.update_variable("nobody", "x", 1),
        lambda repo: repo.modify_variable("nobody", "x", lambda value: value),
        lambda repo: repo.delete_variable("nobody", "x"),
        lambda repo: repo.variable_names("nobody"),
        lambda repo: repo.list_variables("nobody"),
    ],
)
def test_every_verb_refuses_a_session_that_is_not_there(repo, call):
    with pytest.raises(SessionNotFoundError) as caught:
        call(repo)

    assert caught.value.session_id == "nobody"


# --- list


def test_variables_are_listed_by_creation_then_by_id(repo, sid, clock):
    for name, id_ in (("zeta", "b"), ("alpha", "a")):
        repo.register_variable(sid, name, "integer", 1, id=id_)
    clock.advance(1)
    repo.register_variable(sid, "middle", "integer", 1, id="0")

    assert [variable.id for variable in repo.list_variables(sid)] == ["a", "b", "0"]


def test_an_update_does_not_change_the_place_in_the_list(repo, sid, clock):
    repo.register_variable(sid, "first", "integer", 1)
    clock.advance(1)
    repo.register_variable(sid, "second", "integer", 1)
    clock.advance(1)

    repo.update_variable(sid, "first", 2)

    assert [variable.name for variable in repo.list_variables(sid)] == ["first", "second"]


def test_names_come_by_code_point(repo, sid):
    for name in ("b", "a", "B", "é", "\N{PILE OF POO}", "\uffee", "10", "9", " "):
        repo.register_variable(sid, name, "integer", 1)

    assert repo.variable_names(sid) == [
        " ",
        "10",
        "9",
        "B",
        "a",
        "b",
        "é",
        "\uffee",
        "\N{PILE OF POO}",
    ]


def test_a_pattern_matches_names_not_ids(repo, sid):
    repo.register_variable(sid, "name", "integer", 1, id="id")

    assert repo.variable_names(sid, "id*") == []
    assert repo.list_variables(sid, "id*") == []


def test_nothing_is_listed_in_an_empty_session(repo, sid):
    assert repo.list_variables(sid) == []
    assert repo.variable_names(sid) == []


def test_listed_variables_are_whole(repo, sid):
    made = repo.register_variable(sid, "x", "json", {"a": [1, {"b": None}]}, metadata={"m": 1})

    assert repo.list_variables(sid) == [made]


# --- delete


@pytest.mark.parametrize("identifier", ["var_1", "temperature", Key.TEMPERATURE])
def test_delete_says_whether_something_went(repo, sid, identifier):
    repo.put_variable(sid, a_variable())

    assert repo.delete_variable(sid, identifier) is True
    assert repo.delete_variable(sid, identifier) is False
    assert not repo.has_variable(sid, "var_1")
    assert not repo.has_variable(sid, "temperature")


def test_deleting_takes_only_that_variable(repo, sid):
    repo.register_variable(sid, "a", "integer", 1)
    repo.register_variable(sid, "b", "integer", 2)
    other = repo.create_session("other").id
    repo.register_variable(other, "a", "integer", 3)

    repo.delete_variable(sid, "a")

    assert repo.variable_names(sid) == ["b"]
    assert repo.get_value(other, "a") == 3


def test_a_variable_made_again_after_a_delete_starts_anew(repo, sid):
    first = repo.register_variable(sid, "x", "integer", 1)
    repo.update_variable(sid, "x", 2)
    repo.delete_variable(sid, "x")

    again = repo.register_variable(sid, "x", "string", "one")

    assert (again.version, again.value) == (0, "one")
    assert again.id != first.id


# --- what is made


def test_a_variable_with_missing_fields_says_which():
    with pytest.raises(MissingFieldsError) as caught:
        Variable.new(name="x")

    assert "id" in caught.value.fields
    assert "name" not in caught.value.fields


def test_a_fresh_variable_is_free(repo, sid):
    assert (
        repo.register_variable(sid, "x", "integer", 1).optimization_status == OptimizationStatus()
    )
