"""Errors: one base class, data as attributes, messages that name the remedy, pickling."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime

import pytest

import snakestore
from snakestore import (
    BatchError,
    CommitUnknownError,
    ConflictError,
    ConstraintError,
    CorruptStoreError,
    InvalidNameError,
    LeaseLostError,
    LogNotFoundError,
    MissingFieldsError,
    NotFoundError,
    ProgramNotFoundError,
    SchemaError,
    SchemaOutdatedError,
    SchemaTooNewError,
    SessionExistsError,
    SessionExpiredError,
    SessionNotFoundError,
    SnakeStoreError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    UnknownTypeError,
    ValidationError,
    VariableExistsError,
    VariableLockedError,
    VariableNotFoundError,
    VersionConflictError,
    VersionNotFoundError,
)

SOON = datetime(2030, 1, 1, tzinfo=UTC)

ANCESTORS = {
    SnakeStoreError: (Exception,),
    NotFoundError: (SnakeStoreError, LookupError),
    SessionNotFoundError: (NotFoundError,),
    SessionExpiredError: (SessionNotFoundError,),
    VersionNotFoundError: (NotFoundError,),
    VariableNotFoundError: (NotFoundError, KeyError),
    ProgramNotFoundError: (NotFoundError, KeyError),
    LogNotFoundError: (NotFoundError, KeyError),
    ConflictError: (SnakeStoreError,),
    SessionExistsError: (ConflictError,),
    VariableExistsError: (ConflictError,),
    VersionConflictError: (ConflictError,),
    VariableLockedError: (ConflictError,),
    LeaseLostError: (VariableLockedError,),
    ValidationError: (SnakeStoreError, ValueError),
    UnknownTypeError: (ValidationError,),
    ConstraintError: (ValidationError,),
    InvalidNameError: (ValidationError,),
    MissingFieldsError: (ValidationError,),
    BatchError: (SnakeStoreError,),
    StoreError: (SnakeStoreError,),
    StoreBusyError: (StoreError,),
    CommitUnknownError: (StoreError,),
    StoreReadOnlyError: (StoreError,),
    StoreFullError: (StoreError,),
    CorruptStoreError: (StoreError,),
    SchemaError: (StoreError,),
    SchemaOutdatedError: (SchemaError,),
    SchemaTooNewError: (SchemaError,),
}

MADE = [
    (SessionNotFoundError("s"), {"session_id": "s"}),
    (SessionExpiredError("s"), {"session_id": "s"}),
    (VariableNotFoundError("s", "x"), {"session_id": "s", "identifier": "x"}),
    (ProgramNotFoundError("s", "p"), {"session_id": "s", "program_id": "p"}),
    (LogNotFoundError("s", "l"), {"session_id": "s", "log": "l"}),
    (LogNotFoundError("s", "l", empty=True), {"session_id": "s", "log": "l"}),
    (VersionNotFoundError("s", "x", 3), {"session_id": "s", "identifier": "x", "version": 3}),
    (SessionExistsError("s"), {"session_id": "s"}),
    (VariableExistsError("s", "x"), {"session_id": "s", "name": "x"}),
    (
        VersionConflictError("s", "x", 3, 4),
        {"session_id": "s", "identifier": "x", "expected": 3, "actual": 4},
    ),
    (
        VersionConflictError("s", "x", 3, None),
        {"session_id": "s", "identifier": "x", "expected": 3, "actual": None},
    ),
    (
        VersionConflictError.of_log("s", "l", 3, None),
        {"session_id": "s", "identifier": "l", "expected": 3, "actual": None},
    ),
    (
        VariableLockedError("s", "x", "opt", SOON),
        {"session_id": "s", "identifier": "x", "holder": "opt", "expires_at": SOON},
    ),
    (VariableLockedError("s", "x", "opt", None), {"holder": "opt", "expires_at": None}),
    (VariableLockedError("s", "x", None, None), {"holder": None, "expires_at": None}),
    (
        LeaseLostError("s", "x", "opt", SOON),
        {"session_id": "s", "identifier": "x", "holder": "opt", "expires_at": SOON},
    ),
    (LeaseLostError("s", "x", None, None), {"holder": None, "expires_at": None}),
    (
        ValidationError("no", type="float", value="hot", path="$.a[0]"),
        {"type": "float", "value": "'hot'", "path": "$.a[0]"},
    ),
    (ValidationError("no"), {"path": None}),
    (UnknownTypeError("colour"), {"type": "colour"}),
    (
        ConstraintError("no", constraint="max", type="float", value=9),
        {"type": "float", "constraint": "max", "value": "9", "path": None},
    ),
    (InvalidNameError("no", value=""), {"value": "''"}),
    (MissingFieldsError(["id", "name"]), {"fields": ["id", "name"]}),
    (StoreError("no"), {}),
    (StoreBusyError("no"), {}),
    (CommitUnknownError(), {}),
    (StoreReadOnlyError("no"), {}),
    (StoreFullError("no"), {}),
    (CorruptStoreError("no"), {}),
    (SchemaError("no", current=None, head="0002"), {"current": None, "head": "0002"}),
    (SchemaOutdatedError("no", current="0001", head="0002"), {"current": "0001", "head": "0002"}),
    (SchemaTooNewError("no", current="0003", head="0002"), {"current": "0003", "head": "0002"}),
]
ERRORS = [error for error, _ in MADE]


def name(value):
    return type(value).__name__ if isinstance(value, Exception) else ""


@pytest.mark.parametrize(
    ("kind", "ancestors"), ANCESTORS.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_an_error_has_its_base_classes(kind, ancestors):
    assert all(issubclass(kind, ancestor) for ancestor in ancestors)


def test_only_missing_variables_programs_and_logs_are_key_errors():
    assert {kind for kind in ANCESTORS if issubclass(kind, KeyError)} == {
        VariableNotFoundError,
        ProgramNotFoundError,
        LogNotFoundError,
    }


def test_every_error_is_exported():
    assert {kind.__name__ for kind in ANCESTORS} <= set(snakestore.__all__)


@pytest.mark.parametrize(("error", "attributes"), MADE, ids=name)
def test_an_error_carries_its_data(error, attributes):
    assert {attribute: getattr(error, attribute) for attribute in attributes} == attributes


@pytest.mark.parametrize("error", ERRORS, ids=name)
def test_an_error_pickles_whole(error):
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled by ourselves, as between processes

    assert type(back) is type(error)
    assert (str(back), vars(back)) == (str(error), vars(error))


@pytest.mark.parametrize("error", ERRORS, ids=name)
def test_an_error_copies_whole(error):
    back = copy.deepcopy(error)

    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("error", ERRORS, ids=name)
def test_the_text_of_an_error_is_its_message(error):
    assert str(error) == error.args[0]
    assert not str(error).startswith(('"', "'"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SessionNotFoundError("s"), ["'s'", "create_session"]),
        (SessionExpiredError("s"), ["'s'", "expired", "create_session"]),
        (VariableNotFoundError("s", "x"), ["'x'", "register_variable"]),
        (ProgramNotFoundError("s", "p"), ["'p'", "put_program"]),
        (LogNotFoundError("s", "l"), ["'s'", "no log 'l'", "append_log()"]),
        (LogNotFoundError("s", "l", empty=True), ["'l'", "is empty", "append_log()"]),
        (
            VersionConflictError.of_log("s", "l", 3, 4),
            ["Log 'l'", "expected length 3, found 4", "retry"],
        ),
        (VersionConflictError.of_log("s", "l", 3, None), ["found no such log"]),
        (VersionNotFoundError("s", "x", 3), ["'x'", "3", "variable_history"]),
        (SessionExistsError("s"), ["'s'", "exist_ok"]),
        (
            VersionConflictError("s", "x", 3, 4),
            ["'x'", "expected version 3, found 4", "modify_variable()"],
        ),
        (VersionConflictError("s", "x", 3, None), ["expected version 3, found no such variable"]),
        (VariableLockedError("s", "x", "opt", SOON), ["'opt'", "until 2030", "end_optimization()"]),
        (
            VariableLockedError("s", "x", None, None),
            [
                "is not being optimised",
                "start_optimization()",
                "re-read the variable",
                "decide again",
            ],
        ),
        (
            LeaseLostError("s", "x", "opt", SOON),
            ["'opt' holds the variable until 2030", "Start again", "decide again"],
        ),
        (
            LeaseLostError("s", "x", None, None),
            ["has expired or was ended", "re-read the variable"],
        ),
        (LeaseLostError("s", "x", None, None, "it is the parent's"), ["lost: it is the parent's."]),
        (BatchError({"a": StoreError("no")}), ["nothing was written (1 error): 'a': no"]),
        (UnknownTypeError("colour", known=["float"]), ["'colour'", "float", "register_type"]),
        (MissingFieldsError(["id"]), ["Missing required fields: ['id']"]),
    ],
    ids=name,
)
def test_a_message_names_its_subject_and_the_remedy(error, words):
    assert [word for word in words if word not in str(error)] == []


def test_a_batch_error_has_all_errors_and_those_that_a_retry_may_resolve():
    conflict, locked = (
        VersionConflictError("s", "a", 1, 2),
        VariableLockedError("s", "b", "opt", None),
    )
    wrong = ValidationError("no", value=1)

    error = BatchError({"a": conflict, "b": locked, "c": wrong})

    assert error.errors == {"a": conflict, "b": locked, "c": wrong}
    assert error.conflicts == {"a": conflict, "b": locked}


def test_a_batch_error_pickles_with_all_it_holds():
    error = BatchError(
        {"a": VersionConflictError("s", "a", 1, 2), "b": VariableNotFoundError("s", "b")}
    )

    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled by ourselves, as between processes

    assert (type(back.errors["a"]), back.errors["a"].actual) == (VersionConflictError, 2)
    assert (type(back.errors["b"]), back.errors["b"].identifier) == (VariableNotFoundError, "b")
    assert list(back.conflicts) == ["a"]


def test_the_text_of_a_huge_batch_error_is_short():
    error = BatchError(
        {
            f"key-{number}": VariableNotFoundError("s" * 255, f"key-{number}")
            for number in range(10_000)
        }
    )

    assert len(str(error)) < 2000
    assert len(error.errors) == 10_000


@pytest.mark.parametrize(
    "value",
    ["x" * 10_000_000, list(range(100_000)), {"a": "x" * 100_000}, b"x" * 10_000_000],
    ids=["str", "list", "dict", "bytes"],
)
def test_the_value_of_an_error_is_shortened_text(value):
    error = ValidationError("no", value=value)

    assert isinstance(error.value, str)
    assert len(error.value) < 200


def test_a_value_whose_repr_raises_is_still_shown():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    assert "Broken" in ValidationError("no", value=Broken()).value


def test_a_network_file_system_is_one_kind_of_unsafe_place():
    assert issubclass(snakestore.NetworkFileSystemWarning, snakestore.UnsafeFileWarning)
    assert issubclass(snakestore.UnsafeFileWarning, UserWarning)


def test_a_cause_is_kept():
    with pytest.raises(StoreError) as refused:
        raise StoreError("no") from OSError("disk")  # noqa: EM101 - the shortest thing to raise

    assert isinstance(refused.value.__cause__, OSError)
