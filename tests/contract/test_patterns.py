"""Patterns: a star is any run of characters, everything else is itself."""

from __future__ import annotations

import itertools
import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snakestore import InvalidNameError


@pytest.fixture(params=["variable_names", "list_variables", "list_sessions"])
def find(request, repo):
    """``find(names, pattern)``: store the names, tell those that the pattern finds."""

    stored = set()

    def store(name):
        if request.param == "list_sessions":
            repo.create_session(name)
        else:
            repo.register_variable("s", name, "integer", 1)

    def among(names, pattern):
        for name in names:
            if name not in stored:
                store(name)
                stored.add(name)
        if request.param == "list_sessions":
            return {session.id for session in repo.list_sessions(pattern)}
        if request.param == "variable_names":
            return set(repo.variable_names("s", pattern))
        return {variable.name for variable in repo.list_variables("s", pattern)}

    if request.param != "list_sessions":
        repo.create_session("s")
    return among


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("temp_*", {"temp_1", "temp_", "temp_a_b"}),
        ("*", {"temp_1", "temp_", "temp_a_b", "my_temp_x", "Temp_1", "tempX1"}),
        ("**", {"temp_1", "temp_", "temp_a_b", "my_temp_x", "Temp_1", "tempX1"}),
        ("*temp_*", {"temp_1", "temp_", "temp_a_b", "my_temp_x"}),
        ("*_1", {"temp_1", "Temp_1"}),
        ("t*1", {"temp_1", "tempX1"}),
        ("temp_1", {"temp_1"}),
        ("temp_1*", {"temp_1"}),
        ("*temp_1*", {"temp_1"}),
        ("temp", set()),
        ("temp_1 ", set()),
        ("TEMP_1", set()),
        ("t*_*_*", {"temp_a_b"}),
        ("temp_*_temp_*", set()),
    ],
)
def test_a_star_stands_for_any_run_of_characters_and_the_rest_is_anchored(find, pattern, found):
    assert find(["temp_1", "temp_", "temp_a_b", "my_temp_x", "Temp_1", "tempX1"], pattern) == found


LITERALS = [
    *"%_?[]\\.^$+({|#'\"",
    "\n",
    "\r",
    "-",
    "!",
    "~",
    "😀",
    "[x]",
    "[!x]",
    "[a-z]",
    "{1}",
    "\\x",
    "\\_",
]


def test_every_other_character_is_literal(find):
    names = ["axb", "ab", "azzb", *(f"a{literal}b" for literal in LITERALS)]

    found = {literal: find(names, f"a{literal}b") for literal in LITERALS}

    assert found == {literal: {f"a{literal}b"} for literal in LITERALS}


def test_other_characters_are_literal_beside_a_star_too(find):
    names = ["axb", "ab", "azzb", *(f"a{literal}b" for literal in LITERALS)]

    found = {literal: find(names, f"a{literal}b*") for literal in LITERALS}

    assert found == {literal: {f"a{literal}b"} for literal in LITERALS}


def test_a_star_passes_line_breaks(find):
    assert find(["a\nb\nc", "abc"], "a*c") == {"a\nb\nc", "abc"}


def test_a_name_that_ends_in_a_line_break_is_not_the_one_without(find):
    assert find(["a", "a\n"], "a") == {"a"}


def test_a_name_with_a_star_is_found_by_a_star(find):
    assert find(["a*b", "axb"], "a*b") == {"a*b", "axb"}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("é*", {"éa"}),
        ("e\u0301*", {"e\u0301a"}),
        ("É*", set()),
        ("\U0010ffff*", {"\U0010ffffa"}),
        ("\ud7ff*", {"\ud7ffa"}),
    ],
)
def test_characters_are_code_points(find, pattern, found):
    assert find(["éa", "e\u0301a", "\U0010ffffa", "\ud7ffa", "\ue000a"], pattern) == found


def test_what_no_name_may_hold_matches_nothing(find):
    patterns = [
        "",
        "\0",
        "a\0*",
        "\0*",
        "\ud800*",
        "*\udfff",
        "a" * 256,
        "a" * 256 + "*",
        "*" + "a" * 300,
    ]

    found = [find(["a", "b", "a" * 255], pattern) for pattern in patterns]

    assert found == [set()] * len(patterns)


def test_stars_alone_do_not_count_as_length(find):
    assert find(["a", "b"], "*" * 300) == {"a", "b"}


def test_no_pattern_finds_all(find):
    assert find(["a", "b"], None) == {"a", "b"}


def test_what_is_found_is_in_order(repo, sid):
    for name in ["t_b", "t_a", "T_c", "t_é", "t_Z"]:
        repo.register_variable(sid, name, "integer", 1)

    assert repo.variable_names(sid, "t_*") == ["t_Z", "t_a", "t_b", "t_é"]


@pytest.mark.parametrize("pattern", [5, b"a*", ["a"], 1.5])
@pytest.mark.parametrize(
    "call",
    [
        lambda repo, pattern: repo.variable_names("s", pattern),
        lambda repo, pattern: repo.list_variables("s", pattern),
        lambda repo, pattern: repo.list_sessions(pattern),
    ],
    ids=["variable_names", "list_variables", "list_sessions"],
)
def test_a_pattern_that_is_no_text_is_refused(repo, filled, call, pattern):
    with pytest.raises(InvalidNameError):
        call(repo, pattern)


def test_no_pattern_takes_long(find):
    started = time.monotonic()

    found = find(["a" * 255], "*a" * 100 + "b*")

    assert found == set()
    assert time.monotonic() - started < 2


ALPHABET = st.text("aAb*%_?[]\\.\n^é😀", min_size=1, max_size=6)
FRESH = (f"patterns-{number}" for number in itertools.count())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(ALPHABET, max_size=6), pattern=ALPHABET)
def test_patterns_find_what_a_regular_expression_finds(repo, names, pattern):
    sid = repo.create_session(next(FRESH)).id
    for name in names:
        repo.register_variable(sid, name, "integer", 1)

    expression = ".*".join(re.escape(piece) for piece in pattern.split("*"))
    assert repo.variable_names(sid, pattern) == sorted(
        name for name in names if re.fullmatch(expression, name, re.DOTALL)
    )
