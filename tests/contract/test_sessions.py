"""Sessions: made, read, listed, changed and deleted."""

from __future__ import annotations

import enum
from datetime import timedelta

import pytest

from snakestore import Session, SessionExistsError, SessionNotFoundError


class Agent(enum.Enum):
    PLANNER = "planner"
    CRITIC = 2


# --- create


def test_a_new_session_is_empty_and_lives_an_hour(repo, clock):
    session = repo.create_session("s")

    assert isinstance(session, Session)
    assert (session.id, session.created_at, session.last_accessed) == ("s", clock(), clock())
    assert (session.ttl, session.expires_at) == (3600.0, clock() + timedelta(hours=1))
    assert (session.last_worker_id, session.metadata) == (None, {})
    assert (
        session.stats.variable_count,
        session.stats.program_count,
        session.stats.total_variable_updates,
    ) == (0, 0, 0)


def test_sessions_without_a_given_id_get_ids_of_their_own(repo):
    ids = {repo.create_session().id for _ in range(20)}

    assert len(ids) == 20
    assert all(repo.session_exists(session_id) for session_id in ids)


def test_a_session_keeps_its_metadata_and_its_worker(repo):
    repo.create_session("s", metadata={"user": {"name": "Zoë"}, "tries": 3}, worker_id="worker-1")

    session = repo.get_session("s")
    assert session.metadata == {"user": {"name": "Zoë"}, "tries": 3}
    assert session.last_worker_id == "worker-1"


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [
        (60, 60.0),
        (0.5, 0.5),
        (timedelta(minutes=2), 120.0),
        (2e-6, 2e-6),
        (timedelta(microseconds=2), 2e-6),
        (timedelta(days=36_500), 3_153_600_000.0),
    ],
)
def test_a_ttl_is_seconds_or_a_timedelta_and_given_back_as_float_seconds(repo, ttl, seconds):
    session = repo.create_session("s", ttl=ttl)

    assert session.ttl == seconds
    assert type(session.ttl) is float
    assert session.expires_at == session.last_accessed + timedelta(seconds=seconds)
    assert repo.get_session("s") == session


def test_a_session_without_ttl_has_no_end(repo):
    session = repo.create_session("s", ttl=None)

    assert (session.ttl, session.expires_at) == (None, None)
    assert repo.get_session("s") == session


@pytest.mark.parametrize(
    ("default_ttl", "seconds"), [(60, 60.0), (timedelta(minutes=1), 60.0), (None, None)]
)
def test_the_default_ttl_is_an_option_of_the_repository(open_repo, default_ttl, seconds):
    repo = open_repo(default_ttl=default_ttl)

    assert repo.create_session("s").ttl == seconds
    assert repo.create_session("t", ttl=5).ttl == 5.0


def test_what_create_returns_is_what_get_returns(repo):
    session = repo.create_session("s", ttl=60, metadata={"a": [1, None]}, worker_id="w")

    assert repo.get_session("s") == session


def test_an_id_in_use_is_refused(repo, filled, unchanged):
    with unchanged(), pytest.raises(SessionExistsError) as refused:
        repo.create_session("s", ttl=5, metadata={"a": 1}, worker_id="w")

    assert refused.value.session_id == "s"


def test_exist_ok_returns_the_live_session_as_it_is(repo, clock):
    made = repo.create_session("s", ttl=60, metadata={"a": 1})
    clock.advance(1)

    session = repo.create_session("s", ttl=5, metadata={"b": 2}, exist_ok=True)

    assert (session.ttl, session.metadata, session.created_at) == (60.0, {"a": 1}, made.created_at)


def test_exist_ok_is_an_access_by_the_worker_given(repo, clock):
    repo.create_session("s", worker_id="first")
    clock.advance(1)

    session = repo.create_session("s", exist_ok=True, worker_id="second")

    assert (session.last_accessed, session.last_worker_id) == (clock(), "second")
    assert repo.list_sessions() == [session]


def test_exist_ok_without_a_worker_leaves_the_one_there(repo):
    repo.create_session("s", worker_id="first")

    assert repo.create_session("s", exist_ok=True).last_worker_id == "first"


def test_exist_ok_makes_what_is_not_there(repo):
    session = repo.create_session("s", ttl=5, metadata={"b": 2}, exist_ok=True)

    assert (session.id, session.ttl, session.metadata) == ("s", 5.0, {"b": 2})


@pytest.mark.parametrize(("member", "text"), [(Agent.PLANNER, "planner"), (Agent.CRITIC, "CRITIC")])
def test_an_enum_member_is_an_id_by_its_text_value_or_else_its_name(repo, member, text):
    assert repo.create_session(member).id == text

    assert repo.get_session(member) == repo.get_session(text)


@pytest.mark.parametrize(
    "other",
    ["S", " s", "s ", "s\n", "s%", "s*", "_", "ß"],
)
def test_ids_are_compared_exactly(repo, sid, other):
    assert not repo.session_exists(other)

    assert repo.create_session(other).id == other
    assert repo.get_session(other).id == other


def test_ids_are_not_normalised(repo):
    composed, decomposed = "caf\u00e9", "cafe\u0301"

    repo.create_session(composed)

    assert not repo.session_exists(decomposed)
    assert repo.create_session(decomposed).id == decomposed


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE sessions; --",
        'a"b',
        "a%sb",
        ":id",
        "?",
        "a\nb",
        "😀" * 255,
        "x" * 255,
        "\ufeff",
        "\x01",
    ],
)
def test_any_text_may_be_an_id(repo, text):
    repo.create_session(text)

    assert repo.get_session(text).id == text
    assert [session.id for session in repo.list_sessions()] == [text]
    assert repo.delete_session(text)


# --- look


def test_a_session_that_is_not_there_is_reported_by_its_id(repo):
    with pytest.raises(SessionNotFoundError) as refused:
        repo.get_session("nobody")

    assert refused.value.session_id == "nobody"


def test_session_exists_answers_yes_or_no(repo, sid):
    assert repo.session_exists(sid) is True
    assert repo.session_exists("nobody") is False


def test_sessions_are_listed_by_id_in_order_of_code_points(repo):
    ids = ["b", "a", "B", "10", "9", "é", "\uffff", "😀", "a b"]
    for session_id in ids:
        repo.create_session(session_id)

    assert [session.id for session in repo.list_sessions()] == sorted(ids)


def test_listed_sessions_are_whole(repo, filled):
    assert repo.list_sessions() == [repo.get_session(filled)]


@pytest.mark.parametrize(
    ("limit", "expected"), [(None, "abcde"), (0, ""), (1, "a"), (3, "abc"), (99, "abcde")]
)
def test_a_limit_bounds_the_list(repo, limit, expected):
    for session_id in "ecabd":
        repo.create_session(session_id)

    assert "".join(session.id for session in repo.list_sessions(limit=limit)) == expected


@pytest.mark.parametrize(
    ("after", "expected"), [("a", "bce"), ("d", "e"), ("e", ""), ("A", "abce")]
)
def test_a_page_starts_after_an_id_whether_that_exists_or_not(repo, after, expected):
    for session_id in "ecab":
        repo.create_session(session_id)

    assert "".join(session.id for session in repo.list_sessions(after=after)) == expected


def test_pages_tell_every_session_once(repo):
    ids = sorted(repo.create_session().id for _ in range(7))

    listed, sizes = [], []
    while page := repo.list_sessions(limit=3, after=listed[-1] if listed else None):
        listed.extend(session.id for session in page)
        sizes.append(len(page))

    assert listed == ids
    assert sizes == [3, 3, 1]


def test_pages_of_a_pattern_keep_to_it(repo):
    for session_id in ["chat-1", "chat-2", "chat-3", "job-1"]:
        repo.create_session(session_id)

    page = repo.list_sessions("chat-*", after="chat-1", limit=5)

    assert [session.id for session in page] == ["chat-2", "chat-3"]


# --- change


def test_metadata_is_merged_one_level_deep(repo):
    repo.create_session("s", metadata={"a": {"x": 1}, "b": 2})

    session = repo.update_session("s", metadata={"a": {"y": 3}, "c": None})

    assert session.metadata == {"a": {"y": 3}, "b": 2, "c": None}
    assert repo.get_session("s") == session


def test_metadata_is_replaced_if_asked(repo):
    repo.create_session("s", metadata={"a": 1})

    session = repo.update_session("s", metadata={"b": 2}, replace_metadata=True)

    assert session.metadata == {"b": 2}
    assert repo.get_session("s") == session


def test_an_update_changes_only_what_is_given(repo, clock):
    repo.create_session("s", ttl=60, metadata={"a": 1}, worker_id="w")
    clock.advance(1)

    session = repo.update_session("s", worker_id="v")

    assert (session.ttl, session.metadata, session.last_worker_id) == (60.0, {"a": 1}, "v")


@pytest.mark.parametrize(("ttl", "seconds"), [(120, 120.0), (timedelta(seconds=0.5), 0.5)])
def test_a_new_ttl_counts_from_now(repo, clock, ttl, seconds):
    repo.create_session("s", ttl=60)
    clock.advance(30)

    session = repo.update_session("s", ttl=ttl)

    assert (session.ttl, session.expires_at) == (seconds, clock() + timedelta(seconds=seconds))
    assert repo.list_sessions() == [session]


def test_a_session_can_be_set_to_never_expire_and_to_expire_again(repo, clock):
    repo.create_session("s", ttl=60)

    endless = repo.update_session("s", ttl=None)
    mortal = repo.update_session("s", ttl=10)

    assert (endless.ttl, endless.expires_at) == (None, None)
    assert mortal.expires_at == clock() + timedelta(seconds=10)


def test_a_touch_records_the_time_and_the_worker(repo, sid, clock):
    clock.advance(1)

    session = repo.touch(sid, worker_id="worker-7")

    assert (session.last_accessed, session.last_worker_id) == (clock(), "worker-7")
    assert repo.list_sessions() == [session]


def test_a_touch_without_a_worker_leaves_the_worker(repo):
    repo.create_session("s", worker_id="w")

    assert repo.touch("s").last_worker_id == "w"


# --- delete


def test_a_deleted_session_takes_all_it_held_along(repo, filled):
    assert repo.delete_session(filled) is True

    assert not repo.session_exists(filled)
    stats = repo.store_stats()
    assert (stats.sessions, stats.variables, stats.programs, stats.versions) == (0, 0, 0, 0)


def test_deleting_what_is_not_there_answers_no(repo, filled, unchanged):
    with unchanged():
        answer = repo.delete_session("nobody")

    assert answer is False


def test_a_session_is_deleted_once(repo, sid):
    assert [repo.delete_session(sid), repo.delete_session(sid)] == [True, False]


def test_an_id_set_free_can_be_used_anew_and_is_empty(repo, filled):
    repo.delete_session(filled)

    session = repo.create_session(filled)

    assert session.stats.total_items == 0
    assert (repo.list_variables(filled), repo.get_programs(filled)) == ([], {})


def test_deleting_one_session_leaves_the_others(repo, filled):
    repo.create_session("t")
    repo.register_variable("t", "x", "float", 1.0)

    repo.delete_session("t")

    assert repo.variable_names(filled) == ["note", "x"]
    assert repo.program_ids(filled) == ["p"]
