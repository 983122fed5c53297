"""A log as a sequence of its values."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import pytest

from snakestore import InvalidNameError, LogNotFoundError, SessionNotFoundError
from snakestore.repository.logs import sequence


class Name(enum.Enum):
    CHAT = "chat"


@pytest.fixture
def values():
    """What the log ``chat`` has, after pops that left gaps between the positions."""
    return ["a", "b", "c", "x", "y", "z", "end"]


@pytest.fixture
def log(repo, sid, values):
    repo.append_log(sid, "chat", ["a", "b", "c", "gone", "gone"])
    repo.pop_log(sid, "chat")
    repo.pop_log(sid, "chat")
    repo.append_log(sid, "chat", values[3:])
    return repo.log(sid, "chat")


@pytest.fixture
def statements(repo, monkeypatch):
    """The names of the runner's methods that were called: each is one statement or snapshot."""
    repo.log("s", "l")  # skips the test where there is none
    called = []
    for name in ("lookup", "read"):
        original = getattr(repo._runner, name)

        def run(*args, _name=name, _original=original, **kwargs):
            called.append(_name)
            return _original(*args, **kwargs)

        monkeypatch.setattr(repo._runner, name, run)
    return called


def test_a_log_is_a_sequence_of_values(log, values):
    assert isinstance(log, Sequence)
    assert (len(log), list(log), list(reversed(log))) == (7, values, values[::-1])
    assert ("x" in log, "gone" in log, log.count("a"), log.index("x")) == (True, False, 1, 3)


@pytest.mark.parametrize("index", [*range(-7, 7)])
def test_an_index_counts_from_both_ends(log, values, index):
    assert log[index] == values[index]


@pytest.mark.parametrize("index", [7, -8, 2**70, -(2**70)])
def test_an_index_out_of_range_is_an_index_error(log, index):
    with pytest.raises(IndexError, match="out of range"):
        log[index]


BOUNDS = [None, 0, 1, 3, 6, 7, 9, 2**70, -1, -3, -7, -9, -(2**70)]


@pytest.mark.parametrize("step", [None, 1, 2, 5, -1, -2])
def test_a_slice_is_that_of_a_list(log, values, step):
    slices = [slice(start, stop, step) for start in BOUNDS for stop in BOUNDS]

    assert [log[each] for each in slices] == [values[each] for each in slices]


def test_a_slice_from_one_end_is_one_statement(log, statements):
    assert log[-3:] == ["y", "z", "end"]
    assert (log[:2], log[2:4], log[-4:-2], log[:-5]) == (
        ["a", "b"],
        ["c", "x"],
        ["x", "y"],
        ["a", "b"],
    )

    assert statements == ["lookup"] * 5


@pytest.mark.parametrize("wrong", ["a", 1.0, None])
def test_an_index_that_is_no_int_is_a_type_error(log, wrong):
    with pytest.raises(TypeError):
        log[wrong]
    with pytest.raises(TypeError):
        log["a":"b"]


def test_a_step_of_0_is_a_value_error(log):
    with pytest.raises(ValueError, match="zero"):
        log[::0]


def test_index_searches_between_bounds(repo, sid):
    log = repo.log(sid, "chat")
    log.extend(["a", "b", "a", "b"])

    assert (log.index("b"), log.index("a", 1), log.index("b", -1), log.index("a", 0, 1)) == (
        1,
        2,
        3,
        0,
    )
    for bounds in ((3,), (1, 2)):
        with pytest.raises(ValueError, match="not in the log"):
            log.index("a", *bounds)


def test_iteration_reads_pages(repo, sid, statements, monkeypatch):
    monkeypatch.setattr(sequence, "PAGE", 3)
    log = repo.log(sid, "chat")
    log.extend(range(7))

    assert list(iter(log)) == [*range(7)]  # list(log) asks for the length too
    assert statements == ["lookup"] * 3
    assert list(reversed(log)) == [*range(6, -1, -1)]
    assert statements == ["lookup"] * 6


def test_iteration_sees_what_is_appended_meanwhile_and_outlives_a_deletion(repo, sid, monkeypatch):
    monkeypatch.setattr(sequence, "PAGE", 2)
    log = repo.log(sid, "chat")
    log.extend([0, 1])
    seen = iter(log)

    found = [next(seen), next(seen)]
    log.append(2)
    found.append(next(seen))
    repo.delete_log(sid, "chat")

    assert found == [0, 1, 2]
    assert list(seen) == []


def test_a_log_is_appended_to_extended_popped_from_and_cleared(repo, sid):
    log = repo.log(sid, "chat")

    assert log.append({"n": 1}) is None
    log.extend(number for number in (2, 3))
    assert (log.pop(), list(log)) == (3, [{"n": 1}, 2])
    log.clear()

    assert (len(log), list(log), log[-20:]) == (0, [], [])
    log.append("after")
    assert [(entry.position, entry.value) for entry in repo.read_log(sid, "chat")] == [(3, "after")]


def test_a_missing_log_is_an_empty_sequence_until_something_is_appended(repo, sid):
    log = repo.log(sid, "chat")

    log.clear()

    assert (len(log), list(log), list(reversed(log)), log[:], log[1:-1], "a" in log) == (
        0,
        [],
        [],
        [],
        [],
        False,
    )
    with pytest.raises(IndexError):
        log[0]
    assert repo.has_log(sid, "chat") is False


@pytest.mark.parametrize("kind", [IndexError, LogNotFoundError])
def test_popping_what_is_not_there_is_refused_unless_there_is_a_default(repo, sid, kind):
    log = repo.log(sid, "chat")

    with pytest.raises(kind):
        log.pop()
    assert log.pop(None) is None
    log.append("a")
    assert (log.pop("default"), log.pop("default")) == ("a", "default")


@pytest.mark.parametrize("index", [0, -1])
def test_popping_at_an_index_is_refused_because_it_would_remove_another_value(repo, sid, index):
    log = repo.log(sid, "chat")
    log.extend(["a", "b"])

    with pytest.raises(TypeError, match="no index"):
        log.pop(index)
    assert list(log) == ["a", "b"]


def test_a_missing_session_is_refused_when_it_is_used(repo):
    log = repo.log("nobody", "chat")

    for use in (len, list, lambda log: log[0], lambda log: log[:], lambda log: log.append(1)):
        with pytest.raises(SessionNotFoundError):
            use(log)


def test_the_view_of_a_session_has_its_logs(repo, sid):
    view = repo.session(sid)

    view.log(Name.CHAT).append("a")

    assert repr(view.log("chat")) == "LogView('s', 'chat')"
    assert (list(view.log("chat")), view.list_logs(), dict(view)) == (["a"], ["chat"], {})
    assert (view.append_log("chat", ["b"]), view.log_length("chat")) == (2, 2)
    assert [entry.value for entry in view.read_log("chat", last=1)] == ["b"]
    assert (view.has_log("chat"), view.pop_log("chat"), view.trim_log("chat", keep_last=0)) == (
        True,
        "b",
        1,
    )
    assert view.delete_log("chat")


def test_a_name_that_is_no_text_is_refused(repo, sid):
    for make in (lambda: repo.log(sid, 5), lambda: repo.log(5, "chat")):
        with pytest.raises(InvalidNameError):
            make()


def test_in_a_transaction_a_log_belongs_to_it(repo, sid):
    with pytest.raises(ZeroDivisionError), repo.transaction() as transaction:
        log = transaction.log(sid, "chat")
        log.append("a")
        assert list(log) == ["a"]
        raise ZeroDivisionError

    assert list(repo.log(sid, "chat")) == []
