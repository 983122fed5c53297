"""Logs are read from both ends, and dropped from both ends."""

from __future__ import annotations

import pytest

from snakestore import LogNotFoundError, ValidationError
from tests.contract.answers import all_of, answers
from tests.contract.export.records import resealed
from tests.contract.logs.entries import read

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
