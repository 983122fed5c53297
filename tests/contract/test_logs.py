"""Logs: entries at rising positions, appended, read from both ends, dropped from both ends."""

from __future__ import annotations

import copy
import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta

import pytest

from snakestore import LogEntry, LogNotFoundError, ValidationError, VersionConflictError
from tests.contract.answers import all_of, answers
from tests.contract.test_export import resealed
from tests.contract.test_programs import DOCUMENTS, same

TURN = {"role": "user", "content": "Hi"}


def read(repo, sid, log="chat", **bounds):
    return [(entry.position, entry.value) for entry in repo.read_log(sid, log, **bounds)]


@pytest.fixture
def chat(repo, sid):
    """The session with a log ``chat`` of the entries "a" to "e" at the positions 0 to 4."""
    repo.append_log(sid, "chat", ["a", "b", "c", "d", "e"])
    return sid


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


# --- keep_last


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        (None, "abcdefg"),
        (9, "abcdefg"),
        (7, "abcdefg"),
        (6, "bcdefg"),
        (2, "fg"),
        (1, "g"),
        (0, ""),
        (2**70, "abcdefg"),
    ],
)
def test_the_oldest_entries_beyond_keep_last_are_dropped(repo, chat, keep, kept):
    length = repo.append_log(chat, "chat", ["f", "g"], keep_last=keep)

    assert length == repo.log_length(chat, "chat") == len(kept)
    assert read(repo, chat) == [("abcdefg".index(value), value) for value in kept]
    repo.append_log(chat, "chat", ["h"])
    assert read(repo, chat, last=1) == [(7, "h")]


def test_a_new_log_may_drop_entries_at_once(repo, sid):
    assert repo.append_log(sid, "chat", range(10), keep_last=2) == 2

    assert read(repo, sid) == [(8, 8), (9, 9)]


def test_nothing_appended_drops_all_the_same(repo, chat):
    assert repo.append_log(chat, "chat", [], keep_last=1) == 1

    assert read(repo, chat) == [(4, "e")]


def test_gaps_between_positions_do_not_count(repo, chat):
    repo.pop_log(chat, "chat")
    repo.pop_log(chat, "chat")
    repo.append_log(chat, "chat", ["x", "y"])

    assert repo.append_log(chat, "chat", ["z"], keep_last=4) == 4
    assert read(repo, chat) == [(2, "c"), (5, "x"), (6, "y"), (7, "z")]


BAD_COUNTS = {"negative": -1, "text": "1", "float": 1.0, "True": True, "list": [1]}


@pytest.mark.parametrize(
    "call",
    [
        lambda repo, count: repo.append_log("s", "l", ["f"], keep_last=count),
        lambda repo, count: repo.trim_log("s", "l", keep_last=count),
        lambda repo, count: repo.read_log("s", "l", last=count),
        lambda repo, count: repo.read_log("s", "l", limit=count),
    ],
    ids=["append", "trim", "last", "limit"],
)
def test_a_count_that_may_not_be_is_refused(repo, filled, unchanged, call):
    with unchanged():
        refused = answers(lambda count: call(repo, count), BAD_COUNTS)

    assert refused == all_of(BAD_COUNTS, ValidationError)


BAD_POSITIONS = {"text": "1", "float": 1.0, "True": True, "list": [1]}


@pytest.mark.parametrize(
    "call",
    [
        lambda repo, position: repo.trim_log("s", "l", before=position),
        lambda repo, position: repo.read_log("s", "l", before=position),
        lambda repo, position: repo.read_log("s", "l", after=position),
    ],
    ids=["trim", "before", "after"],
)
def test_a_position_that_may_not_be_is_refused(repo, filled, unchanged, call):
    with unchanged():
        refused = answers(lambda position: call(repo, position), BAD_POSITIONS)

    assert refused == all_of(BAD_POSITIONS, ValidationError)


# --- reading


@pytest.mark.parametrize(
    ("bounds", "found"),
    [
        ({}, "abcde"),
        ({"after": 1}, "cde"),
        ({"after": -1}, "abcde"),
        ({"after": -(2**70)}, "abcde"),
        ({"after": 4}, ""),
        ({"after": 2**70}, ""),
        ({"before": 2}, "ab"),
        ({"before": 0}, ""),
        ({"before": 2**70}, "abcde"),
        ({"after": 0, "before": 4}, "bcd"),
        ({"after": 3, "before": 1}, ""),
        ({"last": 2}, "de"),
        ({"last": 0}, ""),
        ({"last": 99}, "abcde"),
        ({"limit": 2}, "ab"),
        ({"limit": 0}, ""),
        ({"limit": 2**70}, "abcde"),
        ({"after": 0, "limit": 2}, "bc"),
        ({"before": 4, "last": 2}, "cd"),
        ({"after": 0, "before": 4, "last": 1}, "d"),
        ({"after": 0, "before": 4, "limit": 1}, "b"),
    ],
    ids=repr,
)
def test_a_range_is_read_in_order(repo, chat, bounds, found):
    assert read(repo, chat, **bounds) == [("abcde".index(value), value) for value in found]


def test_last_and_limit_together_are_refused(repo, filled, unchanged):
    with unchanged(), pytest.raises(ValidationError, match="last or limit"):
        repo.read_log(filled, "l", last=1, limit=1)


def test_pages_by_position_return_each_entry_once(repo, sid):
    repo.append_log(sid, "chat", range(7))
    pages, after = [], None
    while page := repo.read_log(sid, "chat", after=after, limit=3):
        pages.append([entry.value for entry in page])
        after = page[-1].position

    assert pages == [[0, 1, 2], [3, 4, 5], [6]]


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.read_log("s", "nothing"),
        lambda repo: repo.read_log("s", "nothing", last=0),
        lambda repo: repo.log_length("s", "nothing"),
        lambda repo: repo.pop_log("s", "nothing"),
    ],
    ids=["read", "read-none", "length", "pop"],
)
def test_a_missing_log_is_reported_by_its_name(repo, filled, unchanged, call):
    with unchanged(), pytest.raises(LogNotFoundError) as refused:
        call(repo)

    assert (refused.value.session_id, refused.value.log) == (filled, "nothing")
    assert isinstance(refused.value, KeyError)


def test_logs_are_listed_by_code_point(repo, sid):
    names = ["b", "a", "B", "10", "9", "é", "\uffff", "😀", "a*b"]
    for name in names:
        repo.append_log(sid, name, [name])

    assert repo.list_logs(sid) == sorted(names)
    assert repo.list_logs(sid, "a*") == ["a", "a*b"]
    assert repo.list_logs(sid, "*b") == ["a*b", "b"]
    assert repo.list_logs(sid, "😀") == ["😀"]
    assert repo.list_logs(sid, "\0*") == []


# --- dropping


def test_the_newest_entry_is_popped_and_its_position_is_not_given_again(repo, chat):
    assert [repo.pop_log(chat, "chat"), repo.pop_log(chat, "chat")] == ["e", "d"]

    assert repo.append_log(chat, "chat", ["f"]) == 4
    assert read(repo, chat) == [(0, "a"), (1, "b"), (2, "c"), (5, "f")]


def test_popping_an_empty_log_is_refused_unless_there_is_a_default(repo, sid):
    repo.append_log(sid, "chat", ["a"])
    repo.pop_log(sid, "chat")

    with pytest.raises(LogNotFoundError, match="is empty"):
        repo.pop_log(sid, "chat")
    assert repo.pop_log(sid, "chat", None) is None
    assert repo.pop_log(sid, "nothing", default := object()) is default


def test_none_is_an_entry_and_no_missing_one(repo, sid):
    repo.append_log(sid, "chat", [None])

    assert repo.pop_log(sid, "chat") is None
    assert repo.log_length(sid, "chat") == 0


@pytest.mark.parametrize(
    ("bounds", "kept"),
    [
        ({"keep_last": 2}, "de"),
        ({"keep_last": 0}, ""),
        ({"keep_last": 5}, "abcde"),
        ({"keep_last": 9}, "abcde"),
        ({"before": 2}, "cde"),
        ({"before": 0}, "abcde"),
        ({"before": -1}, "abcde"),
        ({"before": 99}, ""),
        ({"before": 2**70}, ""),
        ({"before": 1, "keep_last": 2}, "de"),
        ({"before": 4, "keep_last": 3}, "e"),
    ],
    ids=repr,
)
def test_a_log_is_trimmed_from_its_oldest_end(repo, chat, bounds, kept):
    assert repo.trim_log(chat, "chat", **bounds) == 5 - len(kept)

    assert read(repo, chat) == [("abcde".index(value), value) for value in kept]
    assert repo.log_length(chat, "chat") == len(kept)
    repo.append_log(chat, "chat", ["f"])
    assert read(repo, chat, last=1) == [(5, "f")]


def test_trimming_without_saying_what_is_refused(repo, filled, unchanged):
    with unchanged(), pytest.raises(ValidationError, match="keep_last"):
        repo.trim_log(filled, "l")


def test_trimming_a_missing_log_drops_nothing(repo, filled, unchanged):
    with unchanged():
        assert repo.trim_log(filled, "nothing", keep_last=0) == 0
        assert repo.trim_log(filled, "nothing", before=9) == 0


def test_a_log_is_deleted_once_and_starts_anew_at_0(repo, chat):
    assert [repo.delete_log(chat, "chat"), repo.delete_log(chat, "chat")] == [True, False]

    assert (repo.has_log(chat, "chat"), repo.list_logs(chat)) == (False, [])
    repo.append_log(chat, "chat", ["new"])
    assert read(repo, chat) == [(0, "new")]


def test_a_log_at_the_highest_position_is_not_appended_to(repo, sid):
    repo.append_log(sid, "chat", ["a"])
    records = list(repo.export_sessions())
    [log] = [record for record in records if record["kind"] == "log"]
    log["next_position"] = 2**63 - 1
    repo.import_sessions(resealed(records), on_conflict="replace")

    with pytest.raises(ValidationError, match="highest possible position"):
        repo.append_log(sid, "chat", ["b"], keep_last=1)
    assert read(repo, sid) == [(0, "a")]


def test_logs_are_deleted_with_their_session(repo, chat):
    repo.delete_session(chat)
    repo.create_session(chat)

    assert repo.list_logs(chat) == []
    assert (repo.store_stats().logs, repo.store_stats().log_entries) == (0, 0)


def test_an_expired_session_takes_its_logs_with_it(repo, chat, clock):
    clock.advance(1e6)

    assert repo.has_log(chat, "chat") is False
    repo.create_session(chat)
    assert repo.list_logs(chat) == []


def test_a_sweep_deletes_logs(repo, chat, clock):
    clock.advance(1e6)

    assert repo.delete_expired() == 1
    assert (repo.store_stats().logs, repo.store_stats().log_entries) == (0, 0)


def test_logs_are_not_counted_in_the_stats_of_a_session(repo, sid):
    before = repo.get_stats(sid)

    repo.append_log(sid, "chat", ["a", "b"])
    repo.trim_log(sid, "chat", keep_last=1)

    assert repo.get_stats(sid) == before


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


# --- the value


def test_an_entry_is_a_frozen_value(repo, chat):
    entry = repo.read_log(chat, "chat", limit=1)[0]

    assert entry == LogEntry(position=0, value="a", created_at=entry.created_at)
    with pytest.raises(FrozenInstanceError):
        entry.value = "b"
    for same_entry in (copy.copy(entry), copy.deepcopy(entry), replace(entry)):
        assert same_entry == entry
    assert pickle.loads(pickle.dumps(entry)) == entry  # noqa: S301 - its own


@pytest.mark.parametrize(
    "fields",
    [
        {"position": -1},
        {"position": 1.0},
        {"position": True},
        {"created_at": datetime(2030, 1, 1)},  # noqa: DTZ001 - naive
        {"created_at": "2030"},
    ],
    ids=["negative", "float", "bool", "naive", "text"],
)
def test_an_entry_checks_its_position_and_time(fields):
    sound = {"position": 0, "value": None, "created_at": datetime(2030, 1, 1, tzinfo=UTC)}

    with pytest.raises(ValidationError):
        LogEntry(**sound | fields)


def test_the_time_of_an_entry_is_in_utc():
    from zoneinfo import ZoneInfo

    when = datetime(2030, 1, 1, 12, tzinfo=ZoneInfo("Asia/Tokyo"))

    entry = LogEntry(position=0, value=None, created_at=when)

    assert (entry.created_at, entry.created_at.utcoffset()) == (when, timedelta(0))
