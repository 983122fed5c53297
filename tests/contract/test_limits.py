"""max_value_bytes: how large a value, a program or a log entry may be in its stored form."""

from __future__ import annotations

import inspect

import pytest

from snakestore import (
    AsyncSessionRepository,
    BatchError,
    SessionRepository,
    ValidationError,
    create_variable,
    types,
)
from snakestore.types import registry

LIMIT = 64
MIB = 2**20


@pytest.fixture
def repo(open_repo):
    return open_repo(max_value_bytes=LIMIT)


def of_bytes(size):
    """A text of so many bytes, stored as JSON text between quotes."""
    return "x" * (size - 2)


def put(repo, value):
    repo.put_variable("s", create_variable(name="new", type="string", value=value))


def put_again(repo, value):
    repo.put_variable("s", repo.get_variable("s", "note").update_value(value))


WRITES = {
    "register": lambda repo, value: repo.register_variable("s", "new", "string", value),
    "put": put,
    "put-again": put_again,
    "update": lambda repo, value: repo.update_variable("s", "note", value),
    "modify": lambda repo, value: repo.modify_variable("s", "note", lambda _: value),
    "batch": lambda repo, value: repo.update_variables("s", {"x": 3.0, "note": value}),
    "program": lambda repo, value: repo.put_program("s", "p", value),
    "log": lambda repo, value: repo.append_log("s", "l", ["small", value]),
}
every_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


def refusal_of(write, repo, value):
    """What ``write`` is refused with; for a batch, what its one refused key is."""
    with pytest.raises((ValidationError, BatchError)) as refused:
        write(repo, value)
    if isinstance(refused.value, BatchError):
        assert set(refused.value.errors) == {"note"}
        return refused.value.errors["note"]
    return refused.value


@every_write
def test_a_value_of_just_so_many_bytes_is_taken(repo, filled, write):
    write(repo, of_bytes(LIMIT))

    stored = [variable.value for variable in repo.list_variables(filled)]
    stored += repo.list_programs(filled) + [entry.value for entry in repo.read_log(filled, "l")]
    assert of_bytes(LIMIT) in stored


@every_write
@pytest.mark.parametrize(
    ("value", "size"),
    [(of_bytes(LIMIT + 1), "65"), (of_bytes(5000), "5,000"), ("é" * 32, "66")],
    ids=["one", "many", "UTF-8"],
)
def test_a_byte_more_is_refused_with_the_size_and_nothing_changes(
    repo, filled, unchanged, write, value, size
):
    with unchanged():
        refused = refusal_of(write, repo, value)

    assert isinstance(refused, ValidationError)
    assert f"{size} bytes" in str(refused)
    assert f"max_value_bytes={LIMIT}" in str(refused)


@pytest.mark.parametrize(
    ("type_name", "value"),
    [("embedding", [0.5] * 20), ("tensor", {"shape": [20], "data": list(range(20))})],
)
def test_the_bytes_of_an_array_are_counted_as_they_are_stored(open_repo, type_name, value):
    _, _, blob = types.encode_value(type_name, value, {})
    fitting, small = open_repo(max_value_bytes=len(blob)), open_repo(max_value_bytes=len(blob) - 1)
    for repo, sid in ((fitting, "fitting"), (small, "small")):
        repo.create_session(sid)

    fitting.register_variable("fitting", "a", type_name, value)
    with pytest.raises(ValidationError, match=f"{len(blob)} bytes"):
        small.register_variable("small", "a", type_name, value)

    assert fitting.get_value("fitting", "a") == value
    assert small.variable_names("small") == []


def test_text_and_bytes_of_one_value_are_counted_together(repo, sid, monkeypatch):
    monkeypatch.setattr(registry, "_types", dict(registry._types))

    @types.register_type
    class Both(types.StringType):
        name = "both"

        def encode(self, value):
            return value, value.encode()

        def decode(self, text, blob):
            return text

    repo.register_variable(sid, "fits", "both", "x" * 32)

    with pytest.raises(ValidationError, match="66 bytes"):
        repo.register_variable(sid, "new", "both", "x" * 33)
    with pytest.raises(ValidationError, match="80 bytes"):
        repo.update_variable(sid, "fits", "x" * 40)
    assert repo.variable_names(sid) == ["fits"]


def test_not_atomic_refuses_the_too_large_alone(repo, filled):
    done = repo.update_variables(filled, {"x": 3.0, "note": of_bytes(LIMIT + 1)}, atomic=False)

    assert (repo.get_value(filled, "x"), repo.get_value(filled, "note")) == (3.0, "hello")
    assert isinstance(done["note"], ValidationError)


def test_a_document_of_a_view_is_held_to_it_too(repo, filled, unchanged):
    with unchanged(), pytest.raises(ValidationError, match="max_value_bytes"):
        repo.session(filled)["new"] = {"a": of_bytes(LIMIT)}


def test_metadata_is_not_counted(repo, filled):
    updated = repo.update_variable(filled, "x", 3.0, metadata={"a": of_bytes(10 * LIMIT)})

    assert updated.metadata["a"] == of_bytes(10 * LIMIT)


# --- what is there already


@pytest.fixture
def limited(backend, open_repo, clock):
    """A repository with a limit, on data where ``note`` was too large for it, and then small."""
    if not backend.shared:
        pytest.skip("one database per repository")
    roomy = open_repo(max_value_bytes=None)
    roomy.create_session("s")
    roomy.register_variable("s", "note", "string", of_bytes(LIMIT + 1))
    roomy.put_program("s", "p", of_bytes(LIMIT + 1))
    roomy.update_variable("s", "note", "small")
    return backend.second(roomy, clock=clock, max_value_bytes=LIMIT)


def test_a_rollback_to_what_is_too_large_is_refused(limited):
    before = limited.get_variable("s", "note"), limited.get_stats("s")

    with pytest.raises(ValidationError, match="65 bytes"):
        limited.rollback_variable("s", "note", 0)
    with pytest.raises(ValidationError, match="65 bytes"):
        limited.rollback_program("s", "p", 0)

    assert (limited.get_variable("s", "note"), limited.get_stats("s")) == before


def test_what_is_too_large_and_there_is_read_and_deleted(limited):
    assert limited.variable_history("s", "note")[0].value == of_bytes(LIMIT + 1)
    assert limited.get_program("s", "p") == of_bytes(LIMIT + 1)
    assert limited.delete_program("s", "p")
    assert limited.delete_variable("s", "note")


# --- the option


def test_without_a_limit_any_size_is_taken(open_repo):
    repo = open_repo(max_value_bytes=None)
    repo.create_session("s")

    repo.register_variable("s", "a", "string", of_bytes(MIB))

    assert repo.get_value("s", "a") == of_bytes(MIB)


def test_a_limit_of_nothing_takes_nothing(open_repo):
    repo = open_repo(max_value_bytes=0)
    repo.create_session("s")

    with pytest.raises(ValidationError, match="1 bytes"):
        repo.put_program("s", "p", 0)


@pytest.mark.parametrize(
    "of",
    [
        SessionRepository,
        SessionRepository.open,
        AsyncSessionRepository,
        AsyncSessionRepository.open,
    ],
)
def test_the_default_is_64_mebibytes(of):
    assert inspect.signature(of).parameters["max_value_bytes"].default == 64 * MIB


@pytest.mark.parametrize(
    "limit",
    [-1, 1.5, True, "64", -(10**5000)],
    ids=lambda limit: str(limit) if isinstance(limit, str | float) else type(limit).__name__,
)
def test_a_limit_is_a_count_or_none(open_repo, limit):
    with pytest.raises(ValidationError, match="max_value_bytes"):
        open_repo(max_value_bytes=limit)
