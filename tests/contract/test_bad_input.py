"""Bad input: each its own error, with what it is about, and nothing changed."""

from __future__ import annotations

import enum
import math
from datetime import UTC, datetime, timedelta

import pytest

from snakestore import (
    ConstraintError,
    InvalidNameError,
    ProgramNotFoundError,
    SessionNotFoundError,
    SnakeStoreError,
    UnknownTypeError,
    ValidationError,
    Variable,
    VariableExistsError,
    VariableLockedError,
    VariableNotFoundError,
    VersionConflictError,
    VersionNotFoundError,
    create_variable,
)

NAIVE = datetime(2030, 1, 1, tzinfo=UTC).replace(tzinfo=None)
NO_NAMES = {"empty": "", "256-long": "x" * 256, "nul": "a\0b", "lone-surrogate": "a\ud800b"}
NO_TEXTS = {"int": 5, "bytes": b"s", "float": 1.5, "tuple": ("s",), "object": object()}
HUGE = "x" * 10_000_000


class Number(enum.IntEnum):
    ONE = 1


class Word(enum.StrEnum):
    ONE = "one"


def answers(call, table):
    """What ``call`` answers to each entry of a table: the kind of the refusal, or None."""
    told = {}
    for name, entry in table.items():
        try:
            call(entry)
        except SnakeStoreError as refusal:
            told[name] = type(refusal)
        else:
            told[name] = None
    return told


def all_of(table, kind):
    """The answers where every entry of a table gets the same."""
    return dict.fromkeys(table, kind)


# --- no such session -------------------------------------------------------------------------------------------------


def test_a_verb_on_an_unknown_session_is_refused(repo, filled, verb, unchanged):
    with unchanged(), pytest.raises(SessionNotFoundError) as refused:
        verb(repo, "nobody")

    assert type(refused.value) is SessionNotFoundError
    assert refused.value.session_id == "nobody"


def test_a_session_of_an_impossible_name_is_not_found(repo, filled, verb, unchanged):
    with unchanged():
        told = answers(lambda name: verb(repo, name), NO_NAMES)

    assert told == all_of(NO_NAMES, SessionNotFoundError)


def test_a_session_id_that_is_no_text_is_refused(repo, filled, verb, unchanged):
    with unchanged():
        told = answers(lambda name: verb(repo, name), NO_TEXTS)

    assert told == all_of(NO_TEXTS, InvalidNameError)


def test_a_huge_session_id_is_told_shortened(repo):
    with pytest.raises(SessionNotFoundError) as refused:
        repo.get_session(HUGE)

    assert len(str(refused.value)) < 1000


# --- names -----------------------------------------------------------------------------------------------------------

NAMED = {
    "create_session": lambda repo, name: repo.create_session(name),
    "create_session-worker": lambda repo, name: repo.create_session("new", worker_id=name),
    "create_session-exist-ok-worker": lambda repo, name: repo.create_session("s", worker_id=name, exist_ok=True),
    "update_session-worker": lambda repo, name: repo.update_session("s", worker_id=name),
    "touch-worker": lambda repo, name: repo.touch("s", worker_id=name),
    "register_variable": lambda repo, name: repo.register_variable("s", name, "float", 1.0),
    "register_variable-id": lambda repo, name: repo.register_variable("s", "new", "float", 1.0, id=name),
    "put_program": lambda repo, name: repo.put_program("s", name, 1),
    "start_optimization": lambda repo, name: repo.start_optimization("s", "x", name),
    "create_variable": lambda repo, name: create_variable(name=name, type="float", value=1.0),
    "create_variable-id": lambda repo, name: create_variable(name="new", type="float", value=1.0, id=name),
}


@pytest.mark.parametrize("call", NAMED.values(), ids=NAMED.keys())
def test_a_name_that_may_not_be_is_refused(repo, filled, unchanged, call):
    bad = NO_NAMES | NO_TEXTS

    with unchanged():
        told = answers(lambda name: call(repo, name), bad)

    assert told == all_of(bad, InvalidNameError)


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
        assert repo.get_value(filled, no_name, "default") == "default"
        assert repo.get_program(filled, no_name, "default") == "default"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda repo, name: repo.get_variable("s", name), VariableNotFoundError),
        (lambda repo, name: repo.get_value("s", name), VariableNotFoundError),
        (lambda repo, name: repo.update_variable("s", name, 1.0), VariableNotFoundError),
        (lambda repo, name: repo.modify_variable("s", name, lambda value: value), VariableNotFoundError),
        (lambda repo, name: repo.start_optimization("s", name, "opt"), VariableNotFoundError),
        (lambda repo, name: repo.end_optimization("s", name), VariableNotFoundError),
        (lambda repo, name: repo.variable_history("s", name), VariableNotFoundError),
        (lambda repo, name: repo.get_variable_version("s", name, 0), VariableNotFoundError),
        (lambda repo, name: repo.rollback_variable("s", name, 0), VariableNotFoundError),
        (lambda repo, name: repo.get_program("s", name), ProgramNotFoundError),
    ],
    ids=["get_variable", "get_value", "update", "modify", "start", "end", "history", "version", "rollback", "get_program"],
)
def test_what_has_an_impossible_name_is_not_found(repo, filled, unchanged, call, error):
    with unchanged():
        told = answers(lambda name: call(repo, name), NO_NAMES)

    assert told == all_of(NO_NAMES, error)


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
    "get_program-default": lambda repo, name: repo.get_program("s", name, None),
    "has_program": lambda repo, name: repo.has_program("s", name),
    "delete_program": lambda repo, name: repo.delete_program("s", name),
}


@pytest.mark.parametrize("call", LOOK_UPS.values(), ids=LOOK_UPS.keys())
def test_a_look_up_by_what_is_no_text_is_refused(repo, filled, unchanged, call):
    with unchanged():
        told = answers(lambda name: call(repo, name), NO_TEXTS)

    assert told == all_of(NO_TEXTS, InvalidNameError)


# --- ttl -------------------------------------------------------------------------------------------------------------

BAD_TTLS = {
    "negative": -1,
    "nought": 0,
    "float-nought": 0.0,
    "negative-float": -0.5,
    "NaN": math.nan,
    "infinite": math.inf,
    "negative-infinite": -math.inf,
    "True": True,
    "False": False,
    "text": "60",
    "bytes": b"60",
    "list": [60],
    "complex": 60j,
    "a-microsecond": 1e-6,
    "tiny": 5e-324,
    "timedelta-nought": timedelta(0),
    "negative-timedelta": timedelta(seconds=-1),
    "timedelta-of-a-microsecond": timedelta(microseconds=1),
    "timedelta-over-100-years": timedelta(days=36_600),
    "longest-timedelta": timedelta.max,
    "over-100-years": 36_600 * 86_400,
    "huge": 1e300,
    "too-huge-for-a-float": 10**400,
}


@pytest.mark.parametrize(
    "call",
    [
        lambda repo, ttl: repo.create_session("new", ttl=ttl),
        lambda repo, ttl: repo.create_session(ttl=ttl),
        lambda repo, ttl: repo.update_session("s", ttl=ttl, metadata={"a": 1}),
    ],
    ids=["create_session", "create_session-without-id", "update_session"],
)
def test_a_ttl_that_may_not_be_is_refused(repo, filled, unchanged, call):
    with unchanged():
        told = answers(lambda ttl: call(repo, ttl), BAD_TTLS)

    assert told == all_of(BAD_TTLS, ValidationError)


def test_a_default_ttl_that_may_not_be_is_refused(open_repo):
    told = answers(lambda ttl: open_repo(default_ttl=ttl), BAD_TTLS)

    assert told == all_of(BAD_TTLS, ValidationError)


# --- limits ----------------------------------------------------------------------------------------------------------

LIMITED = {
    "list_sessions": lambda repo, limit: repo.list_sessions(limit=limit),
    "list_expired": lambda repo, limit: repo.list_expired(limit),
    "delete_expired": lambda repo, limit: repo.delete_expired(limit),
    "variable_history": lambda repo, limit: repo.variable_history("s", "x", limit=limit),
}


BAD_LIMITS = {"negative": -1, "float": 1.0, "half": 0.5, "NaN": math.nan, "True": True, "False": False, "text": "1", "huge-negative": -(10**30)}


@pytest.mark.parametrize("call", LIMITED.values(), ids=LIMITED.keys())
def test_a_limit_that_is_no_count_is_refused(repo, filled, clock, call):
    repo.create_session("old", ttl=1)
    clock.advance(2)

    told = answers(lambda limit: call(repo, limit), BAD_LIMITS)

    assert told == all_of(BAD_LIMITS, ValidationError)
    assert len(repo.list_expired()) == 1


@pytest.mark.parametrize("call", LIMITED.values(), ids=LIMITED.keys())
def test_a_huge_limit_is_a_limit(repo, filled, call):
    assert call(repo, 10**30) == call(repo, None)


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, True, "2", None], ids=repr)
def test_a_batch_size_that_is_no_positive_count_is_refused(repo, clock, batch_size):
    repo.create_session("old", ttl=1)
    clock.advance(2)

    with pytest.raises(ValidationError):
        repo.delete_expired(batch_size=batch_size)

    assert len(repo.list_expired()) == 1


@pytest.mark.parametrize("history", [-1, 1.5, True, "3", math.inf], ids=repr)
@pytest.mark.parametrize(
    "call",
    [
        lambda repo, history: repo.create_session("new", history=history),
        lambda repo, history: repo.update_session("s", history=history, metadata={"a": 1}),
    ],
    ids=["create_session", "update_session"],
)
def test_a_history_that_is_no_count_is_refused(repo, filled, unchanged, call, history):
    with unchanged(), pytest.raises(ValidationError):
        call(repo, history)


# --- metadata --------------------------------------------------------------------------------------------------------

TAKES_METADATA = {
    "create_session": lambda repo, metadata: repo.create_session("new", metadata=metadata),
    "update_session": lambda repo, metadata: repo.update_session("s", metadata=metadata, worker_id="w"),
    "update_session-replace": lambda repo, metadata: repo.update_session("s", metadata=metadata, replace_metadata=True),
    "register_variable": lambda repo, metadata: repo.register_variable("s", "new", "float", 1.0, metadata=metadata),
    "update_variable": lambda repo, metadata: repo.update_variable("s", "x", 3.0, metadata=metadata),
    "modify_variable": lambda repo, metadata: repo.modify_variable("s", "x", lambda value: 3.0, metadata=metadata),
    "create_variable": lambda repo, metadata: create_variable(name="new", type="float", value=1.0, metadata=metadata),
}


NOT_JSON = {
    "object": ({"a": object()}, "$.a"),
    "deep-object": ({"a": [0, {"b": object()}]}, "$.a[1].b"),
    "tuple": ({"a": (1, 2)}, "$.a"),
    "set": ({"a": {1, 2}}, "$.a"),
    "bytes": ({"a": b"x"}, "$.a"),
    "NaN": ({"a": math.nan}, "$.a"),
    "infinity": ({"a": [math.inf]}, "$.a[0]"),
    "datetime": ({"a": NAIVE}, "$.a"),
    "surrogate": ({"a": "\ud800"}, "$.a"),
    "IntEnum": ({"a": Number.ONE}, "$.a"),
    "StrEnum": ({"a": Word.ONE}, "$.a"),
}


@pytest.mark.parametrize("call", TAKES_METADATA.values(), ids=TAKES_METADATA.keys())
def test_metadata_that_json_cannot_say_is_refused_with_its_path(repo, filled, unchanged, call):
    paths = {}

    with unchanged():
        for name, (metadata, _) in NOT_JSON.items():
            with pytest.raises(ValidationError) as refused:
                call(repo, metadata)
            paths[name] = refused.value.path

    assert paths == {name: path for name, (_, path) in NOT_JSON.items()}


NOT_OBJECTS = {
    "int-key": {1: 2},
    "None-key": {None: 1},
    "deep-bool-key": {"a": {True: 1}},
    "surrogate-key": {"\ud800": 1},
    "list": [],
    "pairs": [("a", 1)],
    "text": "a",
    "int": 5,
    "bool": True,
    "object": object(),
}


@pytest.mark.parametrize("call", TAKES_METADATA.values(), ids=TAKES_METADATA.keys())
def test_metadata_that_is_no_dict_of_text_keys_is_refused(repo, filled, unchanged, call):
    with unchanged():
        told = answers(lambda metadata: call(repo, metadata), NOT_OBJECTS)

    assert told == all_of(NOT_OBJECTS, ValidationError)


def test_metadata_nested_too_deep_is_refused(repo, filled, unchanged):
    deep: dict = {}
    for _ in range(1000):
        deep = {"a": deep}

    with unchanged(), pytest.raises(ValidationError):
        repo.update_session(filled, metadata=deep)


# --- values and types ------------------------------------------------------------------------------------------------


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
        lambda repo, value: repo.put_variable("s", repo.get_variable("s", "x").update_value(value)),
        lambda repo, value: repo.register_variable("s", "new", "float", value, constraints={"min": 0, "max": 10}),
    ],
    ids=["update", "modify", "put", "register"],
)
class TestValues:
    @pytest.mark.parametrize("value", ["2.0", True, None, [1.0], {"a": 1}, b"1", 2**53 + 1], ids=repr)
    def test_a_value_that_the_type_does_not_take_is_refused(self, repo, filled, unchanged, call, value):
        with unchanged(), pytest.raises(ValidationError) as refused:
            call(repo, value)

        assert refused.value.type == "float"
        assert refused.value.value == repr(value)

    @pytest.mark.parametrize(("value", "constraint"), [(-1.0, "min"), (10.5, "max"), (math.inf, "max"), (-math.inf, "min")])
    def test_a_value_that_breaks_a_constraint_is_refused(self, repo, filled, unchanged, call, value, constraint):
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


# --- times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("now", [NAIVE, "2030-01-01T00:00:00Z", None, 1.5], ids=repr)
def test_a_clock_that_tells_no_aware_time_is_refused(open_repo, now):
    with pytest.raises(ValidationError):
        open_repo(clock=lambda: now).create_session("s")


@pytest.mark.parametrize("field", ["created_at", "last_updated_at"])
def test_a_naive_datetime_is_refused(clock, field):
    times = {"created_at": clock(), field: NAIVE}

    with pytest.raises(ValidationError):
        Variable(id="v", name="v", type="float", value=1.0, **times)


def test_a_naive_creation_time_is_refused():
    with pytest.raises(ValidationError):
        create_variable(name="v", type="float", value=1.0, created_at=NAIVE)


# --- the order of refusals: session, variable, lock, version, name, value -----------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.update_variable("nobody", "nothing", object()),
        lambda repo: repo.update_variable("nobody", "", object(), expected_version=9, optimizer_id="opt"),
        lambda repo: repo.register_variable("nobody", "", "nothing", object()),
        lambda repo: repo.put_variable("nobody", Variable(id="v", name="v", type="nothing", value=1, created_at=repo.create_session().created_at)),
        lambda repo: repo.update_variables("nobody", {"nothing": object()}),
        lambda repo: repo.start_optimization("nobody", "nothing", ""),
        lambda repo: repo.put_program("nobody", "", object()),
        lambda repo: repo.update_session("nobody", ttl=-1),
        lambda repo: repo.update_session("nobody", metadata={"a": object()}),
        lambda repo: repo.touch("nobody", worker_id=""),
        lambda repo: repo.get_variable_version("nobody", "nothing", 99),
    ],
    ids=["update", "update-all", "register", "put", "batch", "start", "program", "ttl", "metadata", "touch", "version"],
)
def test_a_missing_session_is_told_first(repo, call):
    with pytest.raises(SessionNotFoundError):
        call(repo)


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.update_variable("s", "nothing", object()),
        lambda repo: repo.update_variable("s", "nothing", 1.0, optimizer_id="opt"),
        lambda repo: repo.start_optimization("s", "nothing", ""),
        lambda repo: repo.rollback_variable("s", "nothing", 99),
        lambda repo: repo.get_variable_version("s", "nothing", 99),
    ],
    ids=["update-value", "update-lock", "start", "rollback", "version"],
)
def test_a_missing_variable_is_told_before_what_is_wrong_with_the_call(repo, filled, unchanged, call):
    with unchanged(), pytest.raises(VariableNotFoundError) as refused:
        call(repo)

    assert (refused.value.session_id, refused.value.identifier) == ("s", "nothing")


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.update_variable("s", "x", 3.0, expected_version=99),
        lambda repo: repo.update_variable("s", "x", object()),
        lambda repo: repo.put_variable("s", repo.get_variable("s", "x").update_value("hot"), expected_version=99),
        lambda repo: repo.put_variable("s", Variable(id="x-id", name="note", type="float", value=1.0, created_at=repo.get_session("s").created_at)),
        lambda repo: repo.rollback_variable("s", "x", 0, expected_version=99),
        lambda repo: repo.rollback_variable("s", "x", 99),
    ],
    ids=["update-version", "update-value", "put-version-value", "put-name", "rollback-version", "rollback-to-nothing"],
)
def test_a_lock_is_told_before_version_name_and_value(repo, filled, unchanged, call):
    repo.start_optimization(filled, "x", "holder")

    with unchanged(), pytest.raises(VariableLockedError) as refused:
        call(repo)

    assert (refused.value.session_id, refused.value.holder, refused.value.expires_at) == ("s", "holder", None)


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.update_variable("s", "x", object(), expected_version=99),
        lambda repo: repo.put_variable("s", repo.get_variable("s", "x").update_value("hot"), expected_version=99),
        lambda repo: repo.put_variable(
            "s",
            Variable(id="x-id", name="note", type="float", value=1.0, created_at=repo.get_session("s").created_at),
            expected_version=99,
        ),
    ],
    ids=["update-value", "put-value", "put-name"],
)
def test_a_version_is_told_before_name_and_value(repo, filled, unchanged, call):
    with unchanged(), pytest.raises(VersionConflictError) as refused:
        call(repo)

    assert (refused.value.session_id, refused.value.expected, refused.value.actual) == ("s", 99, 1)


def test_a_version_expected_of_nothing_is_told_before_the_value(repo, filled, unchanged, clock):
    variable = Variable(id="new", name="new", type="float", value="hot", created_at=clock())

    with unchanged(), pytest.raises(VersionConflictError) as refused:
        repo.put_variable(filled, variable, expected_version=3)

    assert (refused.value.expected, refused.value.actual) == (3, None)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda repo: repo.register_variable("s", "x", "float", "hot"), VariableExistsError),
        (lambda repo: repo.register_variable("s", "x", "float", 99.0, id="new"), VariableExistsError),
        (lambda repo: repo.register_variable("s", "", "float", "hot"), InvalidNameError),
        (
            lambda repo: repo.put_variable("s", Variable(id="new", name="x", type="float", value="hot", created_at=repo.get_session("s").created_at)),
            VariableExistsError,
        ),
        (lambda repo: repo.put_program("s", "", object()), InvalidNameError),
    ],
    ids=["register-taken", "register-taken-id", "register-no-name", "put-taken", "program"],
)
def test_a_name_is_told_before_the_value(repo, filled, unchanged, call, error):
    with unchanged(), pytest.raises(error):
        call(repo)


@pytest.mark.parametrize("version", [99, 2, -1])
@pytest.mark.parametrize(
    "call",
    [lambda repo, version: repo.get_variable_version("s", "x", version), lambda repo, version: repo.rollback_variable("s", "x", version)],
    ids=["get", "rollback"],
)
def test_a_version_that_never_was_is_not_found(repo, filled, unchanged, call, version):
    with unchanged(), pytest.raises(VersionNotFoundError) as refused:
        call(repo, version)

    assert (refused.value.session_id, refused.value.identifier, refused.value.version) == ("s", "x", version)


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.get_session(),
        lambda repo: repo.touch(),
        lambda repo: repo.register_variable("s", "new", "float"),
        lambda repo: repo.update_variable("s", "x"),
        lambda repo: repo.put_variable("s"),
        lambda repo: repo.get_variable("s"),
        lambda repo: repo.modify_variable("s", "x"),
        lambda repo: repo.start_optimization("s", "x"),
        lambda repo: repo.put_program("s", "p"),
        lambda repo: create_variable(name="x", type="float"),
    ],
    ids=["get_session", "touch", "register", "update", "put", "get", "modify", "start", "put_program", "create_variable"],
)
def test_a_missing_argument_is_a_type_error(repo, filled, unchanged, call):
    with unchanged(), pytest.raises(TypeError):
        call(repo)


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.create_session("t", 60),
        lambda repo: repo.list_sessions("*", 1),
        lambda repo: repo.delete_expired(1, 2),
        lambda repo: repo.update_variable("s", "x", 3.0, 1),
        lambda repo: repo.create_session("t", lifetime=60),
    ],
    ids=["create_session", "list_sessions", "delete_expired", "update_variable", "unknown"],
)
def test_an_argument_out_of_place_is_a_type_error(repo, filled, unchanged, call):
    with unchanged(), pytest.raises(TypeError):
        call(repo)
