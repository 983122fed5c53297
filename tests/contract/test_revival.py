"""revive_session: a session that has expired and was not deleted lives on."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from snakestore import SessionExpiredError, SessionNotFoundError, ValidationError


def test_a_revived_session_has_all_that_it_held(repo, filled, clock):
    before = (repo.list_variables(filled), repo.variable_history(filled, "x"))
    programs, session = repo.get_programs(filled), repo.get_session(filled)
    clock.advance(1e6)

    revived = repo.revive_session(filled)

    assert revived == dataclasses.replace(
        session, last_accessed=clock(), expires_at=clock() + timedelta(seconds=session.ttl)
    )
    assert (repo.list_variables(filled), repo.variable_history(filled, "x")) == before
    assert repo.get_programs(filled) == programs
    assert (repo.expired(filled), repo.list_expired(), repo.delete_expired()) == (False, [], 0)


@pytest.mark.parametrize("ttl", [None, 7200, timedelta(seconds=7200)])
def test_a_revived_session_has_the_given_ttl(repo, expired, clock, ttl):
    revived = repo.revive_session(expired, ttl=ttl)

    assert revived.ttl == (None if ttl is None else 7200)
    assert repo.list_sessions() == [revived]
    clock.advance(7200)
    assert repo.session_exists(expired)
    clock.advance(1)
    assert repo.session_exists(expired) is (ttl is None)


def test_a_session_expires_again_after_it_was_revived(repo, expired, clock):
    ttl = repo.revive_session(expired).ttl
    clock.advance(ttl + 1)

    with pytest.raises(SessionExpiredError):
        repo.get_session(expired)
    assert repo.delete_expired() == 1
    with pytest.raises(SessionNotFoundError) as refused:
        repo.revive_session(expired)
    assert type(refused.value) is SessionNotFoundError


def test_reviving_a_live_session_counts_as_an_access_and_applies_the_ttl(repo, sid, clock):
    clock.advance(1)
    session = repo.revive_session(sid)
    changed = repo.revive_session(sid, ttl=5)

    assert (session.last_accessed, session.ttl) == (clock(), 3600)
    assert (changed.ttl, changed.expires_at) == (5, clock() + timedelta(seconds=5))


def test_a_refused_ttl_leaves_the_session_expired(repo, expired):
    with pytest.raises(ValidationError):
        repo.revive_session(expired, ttl=0)

    assert repo.expired(expired)


def test_a_transaction_that_is_rolled_back_revives_nothing(repo, expired):
    with pytest.raises(ZeroDivisionError), repo.transaction() as transaction:
        transaction.revive_session(expired)
        transaction.touch(expired)
        raise ZeroDivisionError

    assert repo.expired(expired)


def test_a_view_revives_its_session(repo, expired):
    view = repo.session(expired)

    view.revive_session(ttl=None)

    assert view.session_exists()


def test_the_error_says_when_the_session_expired_and_what_brings_it_back(repo, expired):
    session = repo.list_expired()[0]

    with pytest.raises(SessionExpiredError, match=r"revive_session\(\) brings it back") as refused:
        repo.get_session(expired)

    assert f"expired at {session.expires_at.isoformat()}" in str(refused.value)
    assert "hour" in str(refused.value)
