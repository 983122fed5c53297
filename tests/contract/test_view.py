"""One session as a mapping of names to values."""

from __future__ import annotations

import collections.abc
import enum
import inspect

import numpy as np
import pytest

from snakestore import (
    SessionNotFoundError,
    SessionRepository,
    SnakeStoreError,
    ValidationError,
    VariableLockedError,
    VariableNotFoundError,
    create_variable,
)


class Atom(enum.Enum):
    TEMPERATURE = "temperature"


@pytest.fixture
def view(repo, sid):
    """A view of a session with the float ``temperature`` (0 to 2) and the string ``note``."""
    repo.register_variable(sid, "temperature", "float", 0.7, constraints={"min": 0, "max": 2})
    repo.register_variable(sid, "note", "string", "hello")
    return repo.session(sid)


def test_a_view_is_a_mutable_mapping(view):
    assert isinstance(view, collections.abc.MutableMapping)


# --- reading


def test_making_a_view_touches_nothing(repo, clock):
    before = repo.create_session("s")
    clock.advance(120)

    repo.session("s")
    repo.session("nobody")

    assert repo.list_sessions() == [before]


def test_a_value_is_read_by_name_and_by_enum_member(view):
    assert view["temperature"] == view[Atom.TEMPERATURE] == view.get("temperature") == 0.7
    assert "temperature" in view
    assert Atom.TEMPERATURE in view


def test_names_come_by_code_point(repo, sid):
    view = repo.session(sid)
    for name in ("b", "a", "B", "\N{PILE OF POO}", "\uffee"):
        view[name] = 1

    assert list(view) == list(view.keys()) == ["B", "a", "b", "\uffee", "\N{PILE OF POO}"]
    assert [name for name, _ in view.items()] == list(view)
    assert len(view) == 5


def test_a_missing_name_is_a_key_error(view):
    with pytest.raises(VariableNotFoundError) as read:
        view["absent"]
    with pytest.raises(KeyError):
        del view["absent"]

    assert isinstance(read.value, KeyError)
    assert view.get("absent", 5) == 5
    assert "absent" not in view


@pytest.mark.parametrize("key", [5, None, b"x", ("temperature",), 0.5])
def test_what_is_neither_text_nor_enum_is_no_key(view, key):
    assert key not in view
    assert view.get(key, "default") == "default"
    assert view.pop(key, "default") == "default"
    with pytest.raises(KeyError):
        view[key]
    with pytest.raises(KeyError):
        del view[key]


@pytest.mark.parametrize("key", ["", "a\0b", "x" * 256, "\ud800"])
def test_text_that_no_name_may_be_is_a_missing_key(view, key):
    assert key not in view
    assert view.get(key, "default") == "default"
    with pytest.raises(KeyError):
        view[key]


def test_a_missing_session_is_no_missing_key(repo):
    view = repo.session("nobody")

    for read in (
        lambda: view["x"],
        lambda: view.get("x"),
        lambda: len(view),
        lambda: list(view),
        lambda: list(view.items()),
    ):
        with pytest.raises(SessionNotFoundError):
            read()
    for write in (
        lambda: view.update(x=1),
        view.clear,
        lambda: view.__setitem__("x", 1),
        lambda: view.__delitem__("x"),
    ):
        with pytest.raises(SessionNotFoundError):
            write()


def test_values_read_are_the_callers_own(repo, sid):
    view = repo.session(sid)
    view["doc"] = {"a": [1]}

    view["doc"]["a"].append(2)
    dict(view.items())["doc"]["a"].append(3)
    next(iter(view.values()))["a"].append(4)

    assert view["doc"] == {"a": [1]}


def test_a_view_is_of_one_session_and_shows_it_as_it_is_now(repo, view):
    other = repo.session(repo.create_session("other").id)
    repo.update_variable("s", "temperature", 1.5)

    assert view["temperature"] == 1.5
    assert dict(other) == {}


# --- writing


def test_assigning_is_a_versioned_update(repo, view):
    view["temperature"] = 1
    view[Atom.TEMPERATURE] = 1.5

    found = repo.get_variable("s", "temperature")
    assert (found.value, found.version, found.type) == (1.5, 2, "float")
    assert found.constraints == {"min": 0, "max": 2}
    assert repo.get_stats("s").total_variable_updates == 4


@pytest.mark.parametrize("bad", ["warm", None, 3, True])
def test_an_assignment_obeys_type_and_constraints(view, unchanged, bad):
    with unchanged(), pytest.raises(ValidationError):
        view["temperature"] = bad


@pytest.mark.parametrize(
    ("value", "type_name", "stored"),
    [
        (True, "boolean", True),
        (1, "integer", 1),
        (10**30, "integer", 10**30),
        (1.0, "float", 1.0),
        (float("inf"), "float", float("inf")),
        ("1", "string", "1"),
        (None, "json", None),
        ([1, "a"], "json", [1, "a"]),
        ({"shape": [1], "data": [1]}, "json", {"shape": [1], "data": [1]}),
        (np.ones((1, 2)), "tensor", {"shape": [1, 2], "data": [[1.0, 1.0]]}),
        (np.arange(2), "tensor", {"shape": [2], "data": [0, 1]}),
        (b"\0a", "bytes", b"\0a"),
        (bytearray(b"ab"), "bytes", b"ab"),
    ],
)
def test_a_missing_name_is_registered_with_an_inferred_type(repo, view, value, type_name, stored):
    view["new"] = value

    made = repo.get_variable("s", "new")
    assert (made.type, made.value, made.version) == (type_name, stored, 0)
    assert type(made.value) is type(stored)


def test_update_infers_types_too(repo, sid):
    repo.session(sid).update({"a": True, "b": 2}, c=[3])

    assert [
        variable.type for variable in sorted(repo.list_variables(sid), key=lambda each: each.name)
    ] == ["boolean", "integer", "json"]


@pytest.mark.parametrize("value", [{1, 2}, (1, 2), object(), [b"x"], {1: 2}])
def test_what_json_cannot_say_is_refused(view, unchanged, value):
    with unchanged(), pytest.raises(ValidationError):
        view["new"] = value


def test_a_strict_view_registers_nothing(repo, sid, unchanged):
    repo.register_variable(sid, "known", "integer", 1)
    strict = repo.session(sid, strict=True)

    with unchanged():
        with pytest.raises(KeyError):
            strict["new"] = 1
        with pytest.raises(KeyError):
            strict.setdefault("new", 1)
        with pytest.raises((KeyError, SnakeStoreError)):
            strict.update(known=2, new=1)
    strict["known"] = 3
    strict.update(known=4)

    assert dict(strict) == {"known": 4}


def test_an_update_is_all_or_nothing(repo, view, unchanged):
    with unchanged(), pytest.raises(SnakeStoreError):
        view.update({"note": "changed", "new": 1, "temperature": "warm"})


def test_an_update_from_a_source_that_fails_midway_changes_nothing(view, unchanged):
    def pairs():
        yield "note", "changed"
        raise ZeroDivisionError

    with unchanged(), pytest.raises(ZeroDivisionError):
        view.update(pairs())


def test_clearing_is_all_or_nothing(repo, view, unchanged):
    repo.start_optimization("s", "note", "opt")

    with unchanged(), pytest.raises(SnakeStoreError):
        view.clear()


def test_clearing_takes_the_variables_only(repo, view):
    repo.put_program("s", "p", [1])

    view.clear()

    assert dict(view) == {}
    assert repo.get_stats("s").variable_count == 0
    assert repo.get_program("s", "p") == [1]


def test_deleting_and_popping(repo, view):
    del view["note"]

    assert view.pop(Atom.TEMPERATURE) == 0.7
    assert len(view) == 0
    with pytest.raises(KeyError):
        view.popitem()


def test_a_locked_variable_is_refused(repo, view, unchanged):
    repo.start_optimization("s", "note", "opt")

    with unchanged():
        with pytest.raises(VariableLockedError):
            view["note"] = "mine"
        with pytest.raises(VariableLockedError):
            del view["note"]


# --- the verbs without the session id

VERBS = sorted(
    name
    for name, method in inspect.getmembers(SessionRepository, inspect.isfunction)
    if name != "session" and {"sid", "session_id"} & set(inspect.signature(method).parameters)
)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_that_takes_a_session_is_a_method_without_it(view, verb):
    assert callable(getattr(view, verb))


def test_the_methods_answer_as_the_verbs_do(repo, view):
    assert view.get_variable("note") == repo.get_variable("s", "note")
    assert view.get_value("absent", "default") == "default"
    assert view.list_variables("te*") == repo.list_variables("s", "te*")
    assert view.has_variable("note") is True
    assert view.get_variables(["note"]) == repo.get_variables("s", ["note"])
    assert view.get_stats() == repo.get_stats("s")
    assert view.session_exists() is True
    assert view.get_session() == repo.get_session("s")


def test_the_methods_write_as_the_verbs_do(repo, view):
    view.register_variable("n", "integer", 1, constraints={"max": 9})
    view.update_variable("n", 2, expected_version=0, metadata={"why": "test"})
    view.modify_variable("n", lambda n: n + 1)
    view.update_variables({"n": 4})
    view.rollback_variable("n", 0, reason="test")
    view.update_constraints("n", {"max": 5})
    view.put_variable(create_variable(name="put", type="boolean", value=True))
    view.put_program("p", None)

    found = repo.get_variable("s", "n")
    assert (found.value, found.version, found.constraints, found.metadata["why"]) == (
        1,
        4,
        {"max": 5},
        "test",
    )
    assert [past.value for past in view.variable_history("n", limit=3)] == [4, 3, 2]
    assert repo.get_value("s", "put") is True
    assert repo.get_programs("s") == {"p": None}


def test_a_view_deletes_its_session(repo, view):
    assert view.delete_session() is True
    assert view.session_exists() is False
    assert view.delete_session() is False


def test_get_of_a_missing_name_is_an_access_too(repo, sid, clock):
    view = repo.session(sid)
    clock.advance(600)

    assert view.get("nothing", 7) == 7
    assert repo.list_sessions()[0].last_accessed == clock()


def test_get_of_what_is_no_key_gives_the_default(repo, sid):
    assert repo.session(sid).get(5, "none") == "none"
