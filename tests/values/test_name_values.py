"""Names and patterns on their own: validity of names, matching and bounds of patterns."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import pathlib
import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakestore import InvalidNameError
from snakestore.names import checked_name, identifier_text
from snakestore.patterns import Pattern


class Atom(enum.Enum):
    OK = "ok"
    ERROR = 7
    EMPTY = ""


class Word(enum.StrEnum):
    HELLO = "hello"


class Text(str):
    __slots__ = ()

    def __str__(self):
        return "something else"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("plain", "plain"),
        ("", ""),
        (Atom.OK, "ok"),
        (Atom.ERROR, "ERROR"),
        (Word.HELLO, "hello"),
        (Text("plain"), "plain"),
        (Atom.EMPTY, ""),
    ],
)
def test_an_identifier_is_text_or_an_enum_member(given, text):
    found = identifier_text(given)

    assert found == text
    assert type(found) is str


@pytest.mark.parametrize("given", [None, 5, 1.5, True, b"x", ["x"], ("x",), object(), Atom, str])
def test_a_value_that_is_neither_str_nor_enum_is_refused(given):
    with pytest.raises(InvalidNameError):
        identifier_text(given)


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "x" * 255,
        "😀" * 255,
        " ",
        "\n",
        "\x01",
        "\x7f",
        "\ufffe",
        "\U0010ffff",
        "a.b/c:d*%",
        Atom.OK,
        Word.HELLO,
    ],
    ids=ascii,
)
def test_a_name_is_any_text(name):
    assert checked_name(name) == identifier_text(name)


@pytest.mark.parametrize(
    "name",
    ["", "x" * 256, "😀" * 256, "\0", "a\0", "\ud800", "a\udfffb", "\ud83d\ude00", Atom.EMPTY],
    ids=ascii,
)
def test_an_invalid_name_is_refused_by_what_it_names(name):
    with pytest.raises(InvalidNameError) as refused:
        checked_name(name, "variable name")

    assert "variable name" in str(refused.value)


# --- patterns

FEW = st.text("ab*%_?[\\.\n", max_size=8)
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
)
PREFIXES = st.text(
    st.sampled_from("a\x7f\x80\u07ff\ud7ff\ue000\uffff\U00010000\U0010fffe\U0010ffff"), max_size=3
)


def expected(pattern, name):
    return (
        re.fullmatch(".*".join(re.escape(piece) for piece in pattern.split("*")), name, re.DOTALL)
        is not None
    )


@given(pattern=FEW, name=FEW)
def test_a_pattern_matches_what_a_regular_expression_matches(pattern, name):
    assert Pattern.parse(pattern).matches(name) == expected(pattern, name)


@given(pattern=st.text(), name=st.text())
def test_a_pattern_of_any_text_matches_what_a_regular_expression_matches(pattern, name):
    assert Pattern.parse(pattern).matches(name) == expected(pattern, name)


@given(name=NAMES)
def test_a_name_without_stars_matches_itself(name):
    pattern = name.replace("*", "")

    assert Pattern.parse(pattern).matches(pattern)


@given(prefix=PREFIXES, rest=st.one_of(PREFIXES, NAMES))
def test_what_begins_with_the_prefix_is_within_the_bounds(prefix, rest):
    pattern = Pattern.parse(f"{prefix}*")

    name = prefix + rest

    assert pattern.matches(name)
    assert pattern.lower <= name
    assert pattern.upper is None or name < pattern.upper


@given(prefix=PREFIXES.filter(bool), name=st.one_of(PREFIXES, NAMES))
def test_what_is_within_the_bounds_begins_with_the_prefix(prefix, name):
    pattern = Pattern.parse(f"{prefix}*")

    within = pattern.lower <= name and (pattern.upper is None or name < pattern.upper)

    assert within == name.startswith(prefix)


@given(prefix=PREFIXES)
def test_the_bounds_are_text_that_a_database_takes(prefix):
    pattern = Pattern.parse(f"{prefix}*")

    bounds = [pattern.lower, pattern.upper or ""]

    assert [bound.encode().decode() for bound in bounds] == bounds


@given(pattern=FEW, name=NAMES)
def test_a_pattern_that_finds_a_name_is_possible(pattern, name):
    parsed = Pattern.parse(pattern)

    assert parsed.possible or not parsed.matches(name)


@pytest.mark.parametrize(
    "pattern",
    ["", "\0", "*\0*", "a\ud800*", "x" * 256, "*" + "x" * 256 + "*", "x" * 128 + "*" + "y" * 128],
    ids=ascii,
)
def test_a_pattern_that_no_valid_name_can_match_is_impossible(pattern):
    assert not Pattern.parse(pattern).possible


@pytest.mark.parametrize(
    "pattern", ["*", "a", "*" * 300, "x" * 255 + "*", "x" * 100 + "*" + "y" * 155], ids=ascii
)
def test_a_pattern_that_a_valid_name_can_match_is_possible(pattern):
    assert Pattern.parse(pattern).possible


@given(pattern=FEW, name=FEW)
def test_a_pattern_that_is_only_a_prefix_is_decided_by_it(pattern, name):
    parsed = Pattern.parse(pattern)

    if parsed.only_a_prefix:
        assert parsed.matches(name) == name.startswith(parsed.lower)


@pytest.mark.parametrize("pattern", [None, 5, b"a*", re.compile("a")])
def test_a_pattern_is_text(pattern):
    with pytest.raises(InvalidNameError):
        Pattern.parse(pattern)


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (uuid.UUID(int=1), "str(...)"),
        (7, "str(...)"),
        (1.5, "str(...)"),
        (decimal.Decimal(7), "str(...)"),
        (bytearray(b"a"), ".decode()"),
        (dt.datetime(2025, 1, 1, tzinfo=dt.UTC), ".isoformat()"),
        (type("ULID", (), {})(), "str(...)"),
        (pathlib.PurePath("a"), "str(...)"),
        (b"a", ".decode()"),
    ],
)
def test_what_can_be_made_a_name_is_refused_with_the_call(given, advice):
    with pytest.raises(InvalidNameError) as caught:
        identifier_text(given, "session id")

    assert str(caught.value).endswith(f"not {type(given).__name__}; convert it with {advice}")


@pytest.mark.parametrize("given", [None, True, ["a"]])
def test_what_is_no_id_at_all_gets_no_advice(given):
    with pytest.raises(InvalidNameError) as caught:
        identifier_text(given)

    assert "convert" not in str(caught.value)
