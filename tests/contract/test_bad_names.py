"""Invalid names and ids, and missing sessions: each has its error, and changes nothing."""

from __future__ import annotations

import enum

import pytest

from snakestore import (
    InvalidNameError,
    LogNotFoundError,
    ProgramNotFoundError,
    SessionNotFoundError,
    VariableNotFoundError,
    create_variable,
)
from tests.contract.answers import all_of, answers

NO_NAMES = {"empty": "", "256-long": "x" * 256, "nul": "a\0b", "lone-surrogate": "a\ud800b"}
NO_TEXTS = {"int": 5, "bytes": b"s", "float": 1.5, "tuple": ("s",), "object": object()}
HUGE = "x" * 10_000_000


class Word(enum.StrEnum):
    ONE = "one"


# --- no such session


def test_a_verb_on_an_unknown_session_is_refused(repo, filled, verb, unchanged):
    with unchanged(), pytest.raises(SessionNotFoundError) as refused:
        verb(repo, "nobody")

    assert type(refused.value) is SessionNotFoundError
    assert refused.value.session_id == "nobody"


def test_a_session_of_an_impossible_name_is_not_found(repo, filled, verb, unchanged):
    with unchanged():
        refused = answers(lambda name: verb(repo, name), NO_NAMES)

    assert refused == all_of(NO_NAMES, SessionNotFoundError)


def test_a_session_id_that_is_no_text_is_refused(repo, filled, verb, unchanged):
    with unchanged():
        refused = answers(lambda name: verb(repo, name), NO_TEXTS)

    assert refused == all_of(NO_TEXTS, InvalidNameError)


def test_a_huge_session_id_is_reported_shortened(repo):
    with pytest.raises(SessionNotFoundError) as refused:
        repo.get_session(HUGE)

    assert len(str(refused.value)) < 1000


# --- names

NAMED = {
    "create_session": lambda repo, name: repo.create_session(name),
    "create_session-worker": lambda repo, name: repo.create_session("new", worker_id=name),
    "create_session-exist-ok-worker": lambda repo, name: repo.create_session(
        "s", worker_id=name, exist_ok=True
    ),
    "update_session-worker": lambda repo, name: repo.update_session("s", worker_id=name),
    "touch-worker": lambda repo, name: repo.touch("s", worker_id=name),
    "register_variable": lambda repo, name: repo.register_variable("s", name, "float", 1.0),
    "register_variable-id": lambda repo, name: repo.register_variable(
        "s", "new", "float", 1.0, id=name
    ),
    "set_value": lambda repo, name: repo.set_value("s", name, 1.0),
    "put_program": lambda repo, name: repo.put_program("s", name, 1),
    "append_log": lambda repo, name: repo.append_log("s", name, [1]),
    "start_optimization": lambda repo, name: repo.start_optimization("s", "x", name),
    "claim_variable": lambda repo, name: repo.claim_variable("s", "*", name, lease=1),
    "claim_variable-none": lambda repo, name: repo.claim_variable("s", "none", name, lease=1),
    "create_variable": lambda repo, name: create_variable(name=name, type="float", value=1.0),
    "create_variable-id": lambda repo, name: create_variable(
        name="new", type="float", value=1.0, id=name
    ),
}


@pytest.mark.parametrize("call", NAMED.values(), ids=NAMED.keys())
def test_a_name_that_may_not_be_is_refused(repo, filled, unchanged, call):
    bad = NO_NAMES | NO_TEXTS

    with unchanged():
        refused = answers(lambda name: call(repo, name), bad)

    assert refused == all_of(bad, InvalidNameError)


@pytest.mark.parametrize("call", NAMED.values(), ids=NAMED.keys())
def test_a_huge_name_is_refused_with_a_short_message(repo, filled, unchanged, call):
    with unchanged(), pytest.raises(InvalidNameError) as refused:
        call(repo, HUGE)

    assert 0 < len(refused.value.value) < 200
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize("good", ["x" * 255, "😀" * 255, "\n", "\x01", Word.ONE], ids=ascii)
@pytest.mark.parametrize("call", NAMED.values(), ids=NAMED.keys())
def test_any_other_text_is_a_name(repo, filled, call, good):
    call(repo, good)  # and nothing is refused

    assert repo.session_exists(filled)


def test_the_longest_name_comes_back_whole(repo, sid):
    name = "é" * 255

    variable = repo.register_variable(sid, name, "float", 1.0)

    assert variable.name == name
    assert 0 < len(variable.id) <= 255
    assert repo.get_variable(sid, name) == repo.get_variable(sid, variable.id) == variable


@pytest.mark.parametrize("no_name", NO_NAMES.values(), ids=NO_NAMES.keys())
def test_nothing_has_an_impossible_name(repo, filled, unchanged, no_name):
    with unchanged():
        assert repo.session_exists(no_name) is False
        assert repo.has_variable(filled, no_name) is False
        assert repo.has_program(filled, no_name) is False
        assert repo.delete_session(no_name) is False
        assert repo.delete_variable(filled, no_name) is False
        assert repo.delete_program(filled, no_name) is False
        assert repo.has_log(filled, no_name) is False
        assert repo.delete_log(filled, no_name) is False
        assert repo.trim_log(filled, no_name, keep_last=0) == 0
        assert repo.pop_log(filled, no_name, "default") == "default"
        assert repo.get_value(filled, no_name, "default") == "default"
        assert repo.get_program(filled, no_name, "default") == "default"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda repo, name: repo.get_variable("s", name), VariableNotFoundError),
        (lambda repo, name: repo.get_value("s", name), VariableNotFoundError),
        (lambda repo, name: repo.update_variable("s", name, 1.0), VariableNotFoundError),
        (
            lambda repo, name: repo.modify_variable("s", name, lambda value: value),
            VariableNotFoundError,
        ),
        (lambda repo, name: repo.start_optimization("s", name, "opt"), VariableNotFoundError),
        (lambda repo, name: repo.end_optimization("s", name), VariableNotFoundError),
        (lambda repo, name: repo.variable_history("s", name), VariableNotFoundError),
        (lambda repo, name: repo.get_variable_version("s", name, 0), VariableNotFoundError),
        (lambda repo, name: repo.rollback_variable("s", name, 0), VariableNotFoundError),
        (lambda repo, name: repo.get_program("s", name), ProgramNotFoundError),
        (lambda repo, name: repo.read_log("s", name), LogNotFoundError),
        (lambda repo, name: repo.log_length("s", name), LogNotFoundError),
        (lambda repo, name: repo.pop_log("s", name), LogNotFoundError),
    ],
    ids=[
        "get_variable",
        "get_value",
        "update",
        "modify",
        "start",
        "end",
        "history",
        "version",
        "rollback",
        "get_program",
        "read_log",
        "log_length",
        "pop_log",
    ],
)
def test_what_has_an_impossible_name_is_not_found(repo, filled, unchanged, call, error):
    with unchanged():
        refused = answers(lambda name: call(repo, name), NO_NAMES)

    assert refused == all_of(NO_NAMES, error)


LOOK_UPS = {
    "session_exists": lambda repo, name: repo.session_exists(name),
    "expired": lambda repo, name: repo.expired(name),
    "delete_session": lambda repo, name: repo.delete_session(name),
    "list_sessions-after": lambda repo, name: repo.list_sessions(after=name),
    "get_variable": lambda repo, name: repo.get_variable("s", name),
    "get_variable-default": lambda repo, name: repo.get_variable("s", name, None),
    "get_value-default": lambda repo, name: repo.get_value("s", name, None),
    "has_variable": lambda repo, name: repo.has_variable("s", name),
    "update_variable": lambda repo, name: repo.update_variable("s", name, 1.0),
    "delete_variable": lambda repo, name: repo.delete_variable("s", name),
    "end_optimization": lambda repo, name: repo.end_optimization("s", name),
    "get_program": lambda repo, name: repo.get_program("s", name),
    "get_program_record": lambda repo, name: repo.get_program_record("s", name),
    "program_history": lambda repo, name: repo.program_history("s", name),
    "get_program_version": lambda repo, name: repo.get_program_version("s", name, 0),
    "rollback_program": lambda repo, name: repo.rollback_program("s", name, 0),
    "get_program-default": lambda repo, name: repo.get_program("s", name, None),
    "has_program": lambda repo, name: repo.has_program("s", name),
    "delete_program": lambda repo, name: repo.delete_program("s", name),
    "read_log": lambda repo, name: repo.read_log("s", name),
    "log_length": lambda repo, name: repo.log_length("s", name),
    "has_log": lambda repo, name: repo.has_log("s", name),
    "append_log": lambda repo, name: repo.append_log("s", name, [1]),
    "pop_log-default": lambda repo, name: repo.pop_log("s", name, None),
    "trim_log": lambda repo, name: repo.trim_log("s", name, keep_last=1),
    "delete_log": lambda repo, name: repo.delete_log("s", name),
    "list_logs": lambda repo, name: repo.list_logs("s", name),
}


@pytest.mark.parametrize("call", LOOK_UPS.values(), ids=LOOK_UPS.keys())
def test_a_look_up_by_what_is_no_text_is_refused(repo, filled, unchanged, call):
    with unchanged():
        refused = answers(lambda name: call(repo, name), NO_TEXTS)

    assert refused == all_of(NO_TEXTS, InvalidNameError)
