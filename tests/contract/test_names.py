"""Names: unique, different from the ids of other variables, and renamed completely."""

from __future__ import annotations

import dataclasses
import enum
import unicodedata
from datetime import UTC, datetime

import pytest

from snakestore import InvalidNameError, Variable, VariableExistsError, VariableNotFoundError

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def a_variable(**fields):
    given = {"id": "var_1", "name": "one", "type": "integer", "value": 1, "created_at": LONG_AGO}
    return Variable(**(given | fields))


# --- unique


@pytest.fixture
def taken(repo, sid):
    """A session with two variables: ``one`` has the id ``var_1``, ``two`` has ``var_2``."""
    repo.put_variable(sid, a_variable())
    repo.put_variable(sid, a_variable(id="var_2", name="two"))
    return sid


COLLISIONS = {
    "a second variable under a taken name": lambda repo, sid: repo.register_variable(
        sid, "one", "integer", 5
    ),
    "a put under a taken name": lambda repo, sid: repo.put_variable(
        sid, a_variable(id="var_3", name="one")
    ),
    "a rename onto a taken name": lambda repo, sid: repo.put_variable(
        sid, a_variable(id="var_2", name="one")
    ),
    "a name equal to another's id": lambda repo, sid: repo.register_variable(
        sid, "var_1", "integer", 5
    ),
    "a put of a name equal to another's id": lambda repo, sid: repo.put_variable(
        sid, a_variable(id="var_3", name="var_1")
    ),
    "a rename onto another's id": lambda repo, sid: repo.put_variable(
        sid, a_variable(id="var_2", name="var_1")
    ),
    "an id equal to another's name": lambda repo, sid: repo.register_variable(
        sid, "three", "integer", 5, id="one"
    ),
    "a put of an id equal to another's name": lambda repo, sid: repo.put_variable(
        sid, a_variable(id="one", name="three")
    ),
    "a registration under a taken id": lambda repo, sid: repo.register_variable(
        sid, "three", "integer", 5, id="var_1"
    ),
}


@pytest.mark.parametrize("collide", COLLISIONS.values(), ids=COLLISIONS)
def test_a_name_or_id_that_is_taken_is_refused_and_nothing_changes(repo, taken, unchanged, collide):
    with unchanged(), pytest.raises(VariableExistsError) as caught:
        collide(repo, taken)

    assert caught.value.session_id == taken


def test_the_refusal_names_the_name(repo, taken):
    with pytest.raises(VariableExistsError) as caught:
        repo.register_variable(taken, "one", "integer", 5)

    assert caught.value.name == "one"
    assert "one" in str(caught.value)


def test_a_name_is_free_in_another_session(repo, taken):
    other = repo.create_session("other").id

    repo.register_variable(other, "one", "integer", 5, id="var_1")

    assert repo.get_value(other, "one") == 5
    assert repo.get_value(taken, "one") == 1


def test_a_name_freed_by_a_delete_may_be_taken(repo, taken):
    repo.delete_variable(taken, "one")

    repo.register_variable(taken, "one", "integer", 5)
    repo.register_variable(taken, "var_1", "integer", 6)

    assert (repo.get_value(taken, "one"), repo.get_value(taken, "var_1")) == (5, 6)


# --- renames


def rename(repo, sid, identifier, name):
    return repo.put_variable(
        sid, dataclasses.replace(repo.get_variable(sid, identifier), name=name)
    )


def test_a_rename_leaves_no_old_name_behind(repo, taken):
    rename(repo, taken, "one", "uno")

    assert repo.variable_names(taken) == ["two", "uno"]
    assert repo.get_variable(taken, "uno").id == "var_1"
    assert not repo.has_variable(taken, "one")
    with pytest.raises(VariableNotFoundError):
        repo.get_variable(taken, "one")


def test_a_rename_keeps_version_value_and_count(repo, taken):
    renamed = rename(repo, taken, "one", "uno")

    assert (renamed.version, renamed.value, renamed.id) == (0, 1, "var_1")
    assert repo.get_stats(taken).variable_count == 2


def test_a_rename_frees_the_old_name_for_another(repo, taken):
    rename(repo, taken, "one", "uno")

    rename(repo, taken, "two", "one")
    made = repo.register_variable(taken, "two", "integer", 3)

    assert repo.get_variable(taken, "one").id == "var_2"
    assert repo.get_variable(taken, "two") == made


def test_a_rename_to_its_own_name_or_id_is_no_collision(repo, taken):
    assert rename(repo, taken, "one", "one").name == "one"
    assert rename(repo, taken, "one", "var_1").name == "var_1"
    assert repo.variable_names(taken) == ["two", "var_1"]


def test_a_rename_with_a_new_value_is_one_step(repo, taken):
    put = repo.put_variable(taken, a_variable(name="uno", value=9))

    assert (put.name, put.value, put.version) == ("uno", 9, 1)
    assert repo.get_stats(taken).variable_count == 2


# --- what a name may be

GOOD_NAMES = [
    "a",
    " ",
    " padded ",
    "x" * 255,
    "\N{PILE OF POO}" * 255,
    "line\nbreak",
    "tab\t",
    "100%",
    "under_score",
    "[x]?*\\",
    "quo'te\"s; DROP TABLE variables; --",
    "a.b/c:d",
    "\x01",
    "\ufeff",
    "\u202e",
    "日本語",
    "None",
    "0",
]


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_any_other_text_is_a_name_and_comes_back_exactly(repo, sid, name):
    repo.register_variable(sid, name, "integer", 1, id="i" + name[1:])

    assert repo.variable_names(sid) == [name]
    assert repo.get_variable(sid, name).name == name
    assert repo.get_variable(sid, "i" + name[1:]).id == "i" + name[1:]


@pytest.mark.parametrize(
    "name", ["", "x" * 256, "a\0b", "\0", "\ud800", "x\udfff", None, 5, b"x", ["x"]]
)
def test_what_no_name_may_be_is_refused(repo, sid, name):
    with pytest.raises(InvalidNameError):
        repo.register_variable(sid, name, "integer", 1)

    assert repo.variable_names(sid) == []


@pytest.mark.parametrize("field", ["id", "name"])
@pytest.mark.parametrize("bad", ["", "x" * 256, "a\0b", "\ud800", None, 5])
def test_a_variable_checks_its_own_id_and_name(field, bad):
    with pytest.raises(InvalidNameError):
        a_variable(**{field: bad})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x", "X"),
        ("x", "x "),
        ("x", " x"),
        (unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")),
        ("straße", "strasse"),
        ("x", "x\n"),
        ("0", "00"),
    ],
)
def test_names_are_compared_exactly(repo, sid, one, other):
    repo.register_variable(sid, one, "integer", 1)

    assert not repo.has_variable(sid, other)
    repo.register_variable(sid, other, "integer", 2)
    assert (repo.get_value(sid, one), repo.get_value(sid, other)) == (1, 2)


def test_enum_members_name_variables_by_their_text(repo, sid):
    class Atom(enum.Enum):
        top_p = 1
        HEAT = "temperature"

    repo.register_variable(sid, Atom.HEAT, "float", 0.7, id=Atom.top_p)

    found = repo.get_variable(sid, "temperature")
    assert (found.id, found.name) == ("top_p", "temperature")
    assert type(found.id) is str
    assert repo.get_variable(sid, Atom.top_p) == repo.get_variable(sid, Atom.HEAT) == found


def test_an_enum_member_collides_with_its_text(repo, sid):
    class Atom(enum.Enum):
        HEAT = "temperature"

    repo.register_variable(sid, "temperature", "float", 0.7)

    with pytest.raises(VariableExistsError):
        repo.register_variable(sid, Atom.HEAT, "float", 0.7)
