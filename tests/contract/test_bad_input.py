"""Bad arguments: each its own error, with what it is about, and nothing changed."""

from __future__ import annotations

import enum
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from snakestore import ValidationError, Variable, create_variable
from tests.contract.answers import all_of, answers

NAIVE = datetime(2030, 1, 1, tzinfo=UTC).replace(tzinfo=None)


class Number(enum.IntEnum):
    ONE = 1


class Word(enum.StrEnum):
    ONE = "one"


# --- ttl


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
        refused = answers(lambda ttl: call(repo, ttl), BAD_TTLS)

    assert refused == all_of(BAD_TTLS, ValidationError)


def test_a_default_ttl_that_may_not_be_is_refused(open_repo):
    refused = answers(lambda ttl: open_repo(default_ttl=ttl), BAD_TTLS)

    assert refused == all_of(BAD_TTLS, ValidationError)


# --- limits


LIMITED = {
    "list_sessions": lambda repo, limit: repo.list_sessions(limit=limit),
    "list_expired": lambda repo, limit: repo.list_expired(limit),
    "delete_expired": lambda repo, limit: repo.delete_expired(limit),
    "variable_history": lambda repo, limit: repo.variable_history("s", "x", limit=limit),
    "variable_names": lambda repo, limit: repo.variable_names("s", limit=limit),
    "list_variables": lambda repo, limit: repo.list_variables("s", limit=limit),
    "program_ids": lambda repo, limit: repo.program_ids("s", limit=limit),
}


BAD_LIMITS = {
    "negative": -1,
    "float": 1.0,
    "half": 0.5,
    "NaN": math.nan,
    "True": True,
    "False": False,
    "text": "1",
    "huge-negative": -(10**30),
}


@pytest.mark.parametrize("call", LIMITED.values(), ids=LIMITED.keys())
def test_a_limit_that_is_no_count_is_refused(repo, filled, clock, call):
    repo.create_session("old", ttl=1)
    clock.advance(2)

    refused = answers(lambda limit: call(repo, limit), BAD_LIMITS)

    assert refused == all_of(BAD_LIMITS, ValidationError)
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


# --- metadata


TAKES_METADATA = {
    "create_session": lambda repo, metadata: repo.create_session("new", metadata=metadata),
    "update_session": lambda repo, metadata: repo.update_session(
        "s", metadata=metadata, worker_id="w"
    ),
    "update_session-replace": lambda repo, metadata: repo.update_session(
        "s", metadata=metadata, replace_metadata=True
    ),
    "register_variable": lambda repo, metadata: repo.register_variable(
        "s", "new", "float", 1.0, metadata=metadata
    ),
    "update_variable": lambda repo, metadata: repo.update_variable(
        "s", "x", 3.0, metadata=metadata
    ),
    "set_value": lambda repo, metadata: repo.set_value("s", "x", 3.0, metadata=metadata),
    "set_value-new": lambda repo, metadata: repo.set_value("s", "new", 3.0, metadata=metadata),
    "set_values": lambda repo, metadata: repo.set_values("s", {"x": 3.0}, metadata=metadata),
    "modify_variable": lambda repo, metadata: repo.modify_variable(
        "s", "x", lambda value: 3.0, metadata=metadata
    ),
    "create_variable": lambda repo, metadata: create_variable(
        name="new", type="float", value=1.0, metadata=metadata
    ),
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
        refused = answers(lambda metadata: call(repo, metadata), NOT_OBJECTS)

    assert refused == all_of(NOT_OBJECTS, ValidationError)


def test_metadata_nested_too_deep_is_refused(repo, filled, unchanged):
    deep: dict = {}
    for _ in range(1000):
        deep = {"a": deep}

    with unchanged(), pytest.raises(ValidationError):
        repo.update_session(filled, metadata=deep)


# --- source


@pytest.mark.parametrize("source", ["\ud800", "a\udfffb", 5, None, b"python"], ids=ascii)
@pytest.mark.parametrize(
    "call",
    [
        lambda repo, source: repo.update_variable("s", "x", 3.0, source=source),
        lambda repo, source: repo.modify_variable("s", "x", lambda value: 3.0, source=source),
        lambda repo, source: repo.update_variables("s", {"x": 3.0}, source=source),
        lambda repo, source: repo.update_variables("s", {"x": 3.0}, source=source, atomic=False),
        lambda repo, source: repo.set_value("s", "x", 3.0, source=source),
        lambda repo, source: repo.set_value("s", "new", 3.0, source=source),
        lambda repo, source: repo.set_values("s", {"x": 3.0}, source=source),
    ],
    ids=["update", "modify", "batch", "batch-not-atomic", "set", "set-new", "set-several"],
)
def test_a_source_that_no_database_stores_as_text_is_refused(repo, filled, unchanged, call, source):
    with unchanged(), pytest.raises(ValidationError):
        call(repo, source)


# --- times


@pytest.mark.parametrize("now", [NAIVE, "2030-01-01T00:00:00Z", None, 1.5], ids=repr)
def test_a_clock_that_returns_no_aware_time_is_refused(open_repo, now):
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


@pytest.mark.parametrize(
    "when",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
    ],
    ids=["before year 1", "after 9999"],
)
def test_a_time_that_utc_cannot_express_is_refused(repo, sid, when):
    with pytest.raises(ValidationError, match="9999"):
        repo.list_variables(sid, at=when)

    with pytest.raises(ValidationError, match="9999"):
        create_variable(name="v", type="float", value=1.0, created_at=when)
