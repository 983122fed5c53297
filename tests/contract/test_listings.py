"""Listings from either end, in pages and below a prefix."""

from __future__ import annotations

import itertools
import re
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snakestore import (
    InvalidNameError,
    SessionRepository,
    ValidationError,
    VersionNotFoundError,
    create_variable,
)

NAMES = ["trial:10", "trial:2", "trial:1", "Trial:1", "trial;", "trial", "note", "é", "trial:é"]


def list_by_name(repo, sid, *args, **arguments):
    return [variable.name for variable in repo.list_variables(sid, *args, **arguments)]


LISTINGS = {
    "variable_names": SessionRepository.variable_names,
    "program_ids": SessionRepository.program_ids,
}


@pytest.fixture(params=LISTINGS)
def names(request, repo, sid):
    """``names(...)``: the listing of a session that has NAMES."""
    for name in NAMES:
        repo.register_variable(sid, name, "integer", 0)
        repo.put_program(sid, name, None)
    return lambda *args, **arguments: getattr(repo, request.param)(sid, *args, **arguments)


@pytest.fixture
def made(repo, sid, clock):
    """Variables of NAMES, made one second after another; the times by name."""
    times = {}
    for name in NAMES:
        repo.register_variable(sid, name, "string", name)
        times[name] = clock()
        clock.advance(1)
    return times


# --- names


def test_names_are_in_order_from_either_end(names):
    assert names() == sorted(NAMES)
    assert names(reverse=True) == sorted(NAMES, reverse=True)
    assert names(limit=2) == sorted(NAMES)[:2]
    assert names(limit=2, reverse=True) == sorted(NAMES, reverse=True)[:2]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_pages_follow_one_another_until_there_is_none(names, reverse, size):
    found, pages = [], 0
    while page := names(
        prefix="tr", after=found[-1] if found else None, limit=size, reverse=reverse
    ):
        found += page
        pages += 1

    expected = sorted((name for name in NAMES if name.startswith("tr")), reverse=reverse)
    assert (found, pages) == (expected, -(-len(expected) // size))


@pytest.mark.parametrize("after", ["trial:1", "trial:", "a", "zzz", "\U0010ffff" * 300, "", "*"])
def test_a_page_begins_after_a_name_whether_it_exists_or_not(names, after):
    assert names(after=after) == sorted(name for name in NAMES if name > after)
    assert names(after=after, reverse=True) == sorted(
        (name for name in NAMES if name < after), reverse=True
    )


@pytest.mark.parametrize("after", ["trial\0", "trial:\ud800", "\0", "trial:1\0x", "n\udfffa"])
def test_a_page_may_begin_after_text_that_no_name_can_be(names, after):
    assert names(after=after) == sorted(name for name in NAMES if name > after)
    assert names(after=after, reverse=True) == sorted(
        (name for name in NAMES if name < after), reverse=True
    )


def test_a_prefix_is_literal(repo, sid):
    for name in ("a*b", "a*", "axb", "a%", "a_", "A*b"):
        repo.register_variable(sid, name, "integer", 0)

    assert repo.variable_names(sid, prefix="a*") == ["a*", "a*b"]
    assert repo.variable_names(sid, prefix="a%") == ["a%"]
    assert repo.variable_names(sid, prefix="") == repo.variable_names(sid)
    assert set(list_by_name(repo, sid, prefix="a*")) == {"a*b", "a*"}


def test_a_pattern_and_a_prefix_both_restrict(names):
    assert names("*1", prefix="trial") == ["trial:1"]
    assert names("trial:*", prefix="trial:1") == ["trial:1", "trial:10"]
    assert names("trial:1", prefix="trial:1", after="trial") == ["trial:1"]
    assert names("T*", prefix="t") == []


def test_a_limit_counts_what_matches_the_pattern(repo, sid):
    with repo.transaction() as transaction:
        for number in range(600):
            transaction.put_program(sid, f"{number:03}{'x' if number % 300 == 0 else ''}", None)

    assert repo.program_ids(sid, "*x", limit=1) == ["000x"]
    assert repo.program_ids(sid, "*x", limit=2) == ["000x", "300x"]
    assert repo.program_ids(sid, "*x", limit=3, reverse=True) == ["300x", "000x"]
    assert len(repo.program_ids(sid, "*0*", limit=150)) == 150


@pytest.mark.parametrize("prefix", ["\0", "a\ud800", "x" * 256])
def test_a_prefix_that_no_name_can_have_matches_nothing(repo, sid, names, prefix):
    assert names(prefix=prefix) == []
    assert repo.list_variables(sid, prefix=prefix) == []


def test_a_limit_of_nought_lists_nothing_and_one_beyond_64_bits_everything(names):
    assert names(limit=0) == []
    assert names(limit=2**70) == sorted(NAMES)


@pytest.mark.parametrize("limit", [-1, 1.0, True, "1"])
def test_a_limit_is_none_or_an_int(repo, sid, names, limit):
    with pytest.raises(ValidationError, match="limit"):
        names(limit=limit)
    with pytest.raises(ValidationError, match="limit"):
        repo.list_variables(sid, limit=limit)


@pytest.mark.parametrize("argument", ["prefix", "after"])
def test_a_bound_that_is_no_text_is_refused(names, argument):
    with pytest.raises(InvalidNameError, match=argument):
        names(**{argument: 5})


# --- variables, by time


def test_variables_are_listed_from_either_end(repo, sid, made):
    assert list_by_name(repo, sid) == NAMES
    assert list_by_name(repo, sid, reverse=True) == NAMES[::-1]
    assert list_by_name(repo, sid, limit=3) == NAMES[:3]
    assert list_by_name(repo, sid, limit=3, reverse=True) == NAMES[::-1][:3]
    assert list_by_name(repo, sid, limit=0) == []


def test_variables_of_one_time_are_ordered_by_id_from_either_end(repo, sid):
    for number in (2, 0, 1):
        repo.register_variable(sid, f"n{number}", "integer", 0, id=f"id{number}")

    assert list_by_name(repo, sid, limit=2) == ["n0", "n1"]
    assert list_by_name(repo, sid, limit=2, reverse=True) == ["n2", "n1"]


def test_a_prefix_and_a_limit_list_the_newest_that_begin_with_it(repo, sid, made):
    assert list_by_name(repo, sid, prefix="trial:", limit=2, reverse=True) == ["trial:é", "trial:1"]
    assert list_by_name(repo, sid, prefix="trial:", limit=2) == ["trial:10", "trial:2"]
    assert list_by_name(repo, sid, "*1", limit=2, reverse=True) == ["Trial:1", "trial:1"]


@pytest.mark.parametrize("limit", [1, 3, 7, 300])
def test_a_few_among_many_others_are_found(repo, sid, clock, limit):
    rare = [0, 1, 170, 171, 399]
    with repo.transaction() as transaction:
        for number in range(400):
            name = f"{'rare' if number in rare else 'common'}:{number}"
            transaction.register_variable(sid, name, "integer", number, id=f"id{number:03}")

    for pattern in ({"prefix": "rare:"}, {"pattern": "*re:*"}):
        first = repo.list_variables(sid, limit=limit, **pattern)
        newest = repo.list_variables(sid, limit=limit, reverse=True, **pattern)
        assert [variable.value for variable in first] == rare[:limit]
        assert [variable.value for variable in newest] == rare[::-1][:limit]


def test_a_listing_of_a_past_time_has_the_newest_of_that_time(repo, sid, made, clock):
    repo.update_variable(sid, "trial:1", "changed")
    at = made["trial:1"] + timedelta(seconds=0.5)

    then = repo.list_variables(sid, at=at, limit=2, reverse=True)
    prefixed = repo.list_variables(sid, at=at, prefix="trial:", limit=2, reverse=True)

    assert [variable.value for variable in then] == ["trial:1", "trial:2"]
    assert prefixed == then
    assert list_by_name(repo, sid, at=at) == NAMES[:3]
    assert list_by_name(repo, sid, at=at, prefix="trial:1") == ["trial:10", "trial:1"]
    assert list_by_name(repo, sid, "*1", at=at, reverse=True) == ["trial:1"]


def test_a_limit_spares_the_versions_that_the_history_lost(repo, sid, made, clock):
    at = clock()
    clock.advance(1)
    repo.update_variable(sid, "trial:10", "changed")
    repo.prune_history(sid, keep=0)

    assert len(repo.list_variables(sid, at=at, limit=3, reverse=True)) == 3
    with pytest.raises(VersionNotFoundError):
        repo.list_variables(sid, at=at, limit=1)


def test_a_variable_put_with_a_later_time_of_creation_is_left_out(repo, sid, clock):
    made = create_variable(
        name="later", type="integer", value=1, created_at=clock() + timedelta(days=1)
    )
    repo.put_variable(sid, made)

    assert repo.list_variables(sid, at=clock() + timedelta(hours=1)) == []
    assert repo.get_variables(sid, ["later"], at=clock() + timedelta(hours=1)).found == {}


# --- all of it, against a model

TEXTS = st.text("ab*\0é\ud800", max_size=3)
STORED = st.sets(st.text("ab*é", min_size=1, max_size=3), max_size=8)
FRESH = (f"listings-{number}" for number in itertools.count())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stored=STORED,
    pattern=st.none() | st.text("ab*", max_size=3),
    prefix=st.none() | TEXTS,
    after=st.none() | TEXTS,
    limit=st.none() | st.integers(0, 4),
    reverse=st.booleans(),
)
def test_listings_are_what_a_sorted_list_would_give(
    repo, stored, pattern, prefix, after, limit, reverse
):
    sid = repo.create_session(next(FRESH)).id
    for name in stored:
        repo.register_variable(sid, name, "integer", 0, id=f"id-{name}")
    expression = ".*".join(map(re.escape, (pattern if pattern is not None else "*").split("*")))
    matching = [
        name
        for name in sorted(stored, reverse=reverse)
        if re.fullmatch(expression, name, re.DOTALL) and name.startswith(prefix or "")
    ]
    page = [
        name for name in matching if after is None or (name < after if reverse else name > after)
    ]

    assert page[:limit] == repo.variable_names(
        sid, pattern, prefix=prefix, after=after, limit=limit, reverse=reverse
    )
    # of one time, and so in the order of their ids
    assert matching[:limit] == list_by_name(
        repo, sid, pattern, prefix=prefix, limit=limit, reverse=reverse
    )
