"""append_log: entries at rising positions, all of them or none."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from snakestore import ValidationError, VersionConflictError
from tests.contract.answers import all_of, answers
from tests.contract.logs.entries import read
from tests.contract.test_programs import DOCUMENTS, same

TURN = {"role": "user", "content": "Hi"}


# --- appending


def test_the_first_append_creates_the_log(repo, sid):
    assert repo.has_log(sid, "chat") is False

    assert repo.append_log(sid, "chat", [TURN, "b", None]) == 3
    assert read(repo, sid) == [(0, TURN), (1, "b"), (2, None)]


def test_entries_are_taken_from_any_iterable_in_order(repo, sid):
    lengths = [
        repo.append_log(sid, "chat", values)
        for values in ([1], (2, 3), range(4, 6), (number for number in [6]), {7: None}.keys())
    ]

    assert lengths == [1, 3, 5, 6, 7]
    assert [value for _, value in read(repo, sid)] == [1, 2, 3, 4, 5, 6, 7]


def test_nothing_appended_makes_an_empty_log(repo, sid):
    assert repo.append_log(sid, "chat", []) == 0

    assert (repo.has_log(sid, "chat"), repo.log_length(sid, "chat"), read(repo, sid)) == (
        True,
        0,
        [],
    )


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_any_json_value_is_an_entry_and_comes_back_the_same(repo, sid, document):
    repo.append_log(sid, "chat", [document, document])

    assert all(same(entry.value, document) for entry in repo.read_log(sid, "chat"))
    assert same(repo.pop_log(sid, "chat"), document)


def test_an_entry_that_is_read_belongs_to_the_caller(repo, sid):
    given = {"tags": ["a"]}
    repo.append_log(sid, "chat", [given])
    given["tags"].append("b")
    repo.read_log(sid, "chat")[0].value["tags"].append("c")

    assert read(repo, sid) == [(0, {"tags": ["a"]})]


def test_an_entry_has_the_time_at_which_it_was_appended(repo, sid, clock):
    repo.append_log(sid, "chat", ["a"])
    first = clock()
    clock.advance(5)
    repo.append_log(sid, "chat", ["b", "c"])

    times = [entry.created_at for entry in repo.read_log(sid, "chat")]
    assert times == [first, clock(), clock()]


def test_logs_of_a_session_and_of_others_are_apart(repo, chat):
    repo.create_session("t")
    repo.append_log(chat, "Chat", [1])
    repo.append_log("t", "chat", [2, 3])

    assert read(repo, chat, "Chat") == [(0, 1)]
    assert read(repo, "t") == [(0, 2), (1, 3)]
    assert repo.log_length(chat, "chat") == 5


def test_many_entries_are_appended_in_one_step(repo, sid):
    assert repo.append_log(sid, "chat", range(1500)) == 1500

    assert read(repo, sid) == [(number, number) for number in range(1500)]


NO_VALUES = {
    "str": "text",
    "bytes": b"text",
    "bytearray": bytearray(b"text"),
    "dict": TURN,
    "int": 5,
    "None": None,
}


def test_a_single_entry_instead_of_several_is_refused(repo, filled, unchanged):
    with unchanged():
        refused = answers(lambda values: repo.append_log(filled, "l", values), NO_VALUES)

    assert refused == all_of(NO_VALUES, ValidationError)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (object(), "$"),
        ({"a": [0, (1, 2)]}, "$.a[1]"),
        ([math.nan], "$[0]"),
        ({1: 2}, "$"),
        ({"a": "\ud800"}, "$.a"),
    ],
    ids=["object", "tuple", "nan", "key", "surrogate"],
)
def test_what_json_cannot_say_is_refused_with_its_path_and_nothing_is_appended(
    repo, filled, unchanged, value, path
):
    with unchanged(), pytest.raises(ValidationError, match=r"values\[1\]") as refused:
        repo.append_log(filled, "l", ["fine", value])

    assert refused.value.path == path


def test_an_exception_of_the_iterable_is_raised_unchanged(repo, filled, unchanged):
    def values():
        yield "fine"
        raise ZeroDivisionError

    with unchanged(), pytest.raises(ZeroDivisionError):
        repo.append_log(filled, "l", values())


# --- expected_length


@pytest.mark.parametrize("expected", [0, 4, 6, -1, 2**70])
def test_another_length_than_the_expected_one_is_a_conflict(repo, chat, unchanged, expected):
    with unchanged(), pytest.raises(VersionConflictError) as refused:
        repo.append_log(chat, "chat", ["f"], expected_length=expected)

    error = refused.value
    assert (error.session_id, error.identifier) == (chat, "chat")
    assert (error.expected, error.actual) == (expected, 5)


def test_the_expected_length_counts_entries_and_not_positions(repo, chat):
    repo.pop_log(chat, "chat")
    repo.trim_log(chat, "chat", keep_last=2)

    assert repo.append_log(chat, "chat", ["f"], expected_length=2) == 3


def test_a_missing_log_has_the_expected_length_0(repo, sid, unchanged):
    with unchanged(), pytest.raises(VersionConflictError) as refused:
        repo.append_log(sid, "chat", ["a"], expected_length=1)
    assert refused.value.actual is None

    assert repo.append_log(sid, "chat", ["a"], expected_length=0) == 1


@pytest.mark.parametrize("expected", ["5", 5.0, True, [5]], ids=repr)
def test_an_expected_length_that_is_no_int_is_refused(repo, filled, unchanged, expected):
    with unchanged(), pytest.raises(ValidationError, match="expected_length"):
        repo.append_log(filled, "l", ["f"], expected_length=expected)


# --- transactions


def test_what_a_transaction_appended_is_rolled_back_with_its_positions(repo, chat):
    with pytest.raises(ZeroDivisionError), repo.transaction() as transaction:
        transaction.append_log(chat, "chat", ["f"])
        transaction.append_log(chat, "other", ["x"])
        assert transaction.log_length(chat, "chat") == 6
        raise ZeroDivisionError

    repo.append_log(chat, "chat", ["g"])
    assert read(repo, chat, last=2) == [(4, "e"), (5, "g")]
    assert repo.list_logs(chat) == ["chat"]


def test_a_refused_append_leaves_its_transaction_usable(repo, chat):
    with repo.transaction() as transaction:
        transaction.append_log(chat, "chat", ["f"])
        with pytest.raises(VersionConflictError):
            transaction.append_log(chat, "chat", ["g"], expected_length=0)
        with pytest.raises(ValidationError):
            transaction.append_log(chat, "chat", [object()])
        transaction.append_log(chat, "chat", ["h"])

    assert read(repo, chat, after=4) == [(5, "f"), (6, "h")]


def test_another_repository_sees_what_was_appended(repo, second, chat):
    second.append_log(chat, "chat", ["f"])

    assert repo.append_log(chat, "chat", ["g"]) == 7
    assert read(second, chat, last=2) == [(5, "f"), (6, "g")]


def test_threads_append_each_entry_once_in_order_and_without_gaps(repo, sid):
    def append(worker):
        return [repo.append_log(sid, "chat", [[worker, number]]) for number in range(15)]

    with ThreadPoolExecutor(4) as threads:
        lengths = [length for each in threads.map(append, range(4)) for length in each]

    entries = repo.read_log(sid, "chat")
    assert sorted(lengths) == list(range(1, 61))
    assert [entry.position for entry in entries] == list(range(60))
    for worker in range(4):
        own = [entry.value[1] for entry in entries if entry.value[0] == worker]
        assert own == list(range(15))
