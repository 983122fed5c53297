"""Patterns find what Python's re finds, in linear time; unsupported ones are refused."""

from __future__ import annotations

import random
import re
import sys
import threading
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

from snakestore import ConstraintError, types
from snakestore.types import characters, regex

# Letters whose cases are odd, all kinds of digits, spaces and line ends, and what lies beyond.
ODD = "k\u212asS\u017fiI\u0130\u0131ß\u1e9eΣ\u03c3ςÅåµμ"
ALPHABET = "abKéÉ1٣_ \n\n\r\x85\u2028\t\0ǅ😀\U0010ffff" + ODD
ATOMS = [
    *[
        "a",
        "b",
        "k",
        "s",
        "\u017f",
        "é",
        "ß",
        "i",
        "İ",
        "_",
        " ",
        r"\n",
        ".",
        "Σ",
        r"\.",
        r"\x41",
        r"\u00e9",
    ],
    *[
        r"\w",
        r"\W",
        r"\d",
        r"\D",
        r"\s",
        r"\S",
        "[ab]",
        "[^a]",
        "[a-k]",
        r"[^\w]",
        r"[\s\d]",
        r"[^\n]",
        "[K-S]",
        r"[\W_]",
        "[^]a]",
    ],
    *["[\0-\U0010ffff]", "^", "$", r"\A", r"\Z", r"\b"],
]
REPEATS = ["*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}", "{,2}", "{0}", "{2,3}?"]


def pieces(inner):
    return (
        some.tuples(inner, inner).map("".join)
        | some.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})")
        | some.tuples(inner, some.sampled_from(REPEATS)).map(lambda pair: f"(?:{pair[0]}){pair[1]}")
        | some.tuples(some.sampled_from(["i", "s", "x", "-i", "i-s", "m"]), inner).map(
            lambda pair: f"(?{pair[0]}:{pair[1]})"
        )
        | inner.map(lambda body: f"({body})")
    )


patterns = some.tuples(
    some.sampled_from(["", "", "(?i)", "(?m)", "(?s)", "(?a)", "(?ai)", "(?x)"]),
    some.recursive(some.sampled_from(ATOMS), pieces, max_leaves=6),
).map("".join)


@given(
    patterns, some.lists(some.text(some.sampled_from(ALPHABET), max_size=6), min_size=1, max_size=8)
)
def test_a_pattern_finds_what_re_finds(pattern, texts):
    try:
        ours = regex.compiled(pattern)
    except regex.PatternError as problem:
        assume("MULTILINE" not in str(problem))
        raise
    theirs = re.compile(pattern)

    for text in texts:
        assert ours.found_in(text) == bool(theirs.search(text)), (pattern, text)


CLASSES = [
    r"\w",
    r"\W",
    r"\d",
    r"\D",
    r"\s",
    r"\S",
    ".",
    "[^a]",
    "(?i)k",
    "(?i)[^s]",
    "(?i)[à-ÿ]",
    r"(?a)\w",
    r"(?a)\S",
    "(?ai)[k-s]",
]


@given(some.sampled_from(CLASSES), some.characters(codec="utf-8"))
def test_a_class_matches_the_characters_that_re_matches(pattern, character):
    assert regex.compiled(pattern).found_in(character) == bool(re.search(pattern, character))


@pytest.mark.parametrize("flags", ["(?i)", "(?ai)"])
def test_every_character_with_another_case_is_known(flags):
    every = [
        character
        for character in map(chr, range(0x110000))
        if not 0xD800 <= ord(character) <= 0xDFFF
    ]
    cased = set(characters.cased())

    for character in every:
        assert character in cased or (character.lower() == character == character.upper())
    for letter in ODD:
        pattern = re.compile(flags + letter)
        ours = regex.compiled(flags + letter)
        near = [other for other in cased if pattern.search(other)]
        assert all(map(ours.found_in, near))
        assert sum(map(ours.found_in, cased)) == len(near)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^a", "ba", False),
        ("a$", "a\n", True),
        ("a$", "a\n\n", False),
        ("a$", "a\nb", False),
        ("a$\n", "a\n", True),
        (r"a\Z", "a\n", False),
        ("a.b", "a\nb", False),
        ("(?s)a.b", "a\nb", True),
        ("(?m)^b$", "a\nb\nc", True),
        ("(?i)STRASSE", "straße", False),
        ("(?i)kelvin", "\u212aELVIN", True),
        (r"^\w+$", "größe_\uff11", True),
        (r"(?a)^\w+$", "größe", False),
        (r"^\d+$", "٣", True),
        (r"\bfoo\b", "a foo, b", True),
        (r"\bfoo\b", "éfoo", False),
        (r"\bfoo\b", "foo_", False),
        (r"(?a)\bfoo\b", "éfoo", True),
        (r"\s", "\u2028", True),
        (r"(?x) a b  # comment", "ab", True),
        (r"(?P<year>\d{4})-(?P<month>\d\d)", "in 2025-01", True),
        ("^(?:[^@]+@[^@]+)$", "a@b", True),
        (r"^\w{3,64}$", "ab", False),
        ("", "", True),
        ("^$", "", True),
        ("\0", "a\0b", True),
        ("😀+", "a😀😀", True),
        ("a{1000}", "a" * 999, False),
        ("a{1000}", "a" * 1000, True),
    ],
)
def test_a_pattern_means_what_it_means_in_python(pattern, text, found):
    assert bool(re.search(pattern, text)) is found
    if found:
        assert types.validate(text, "string", {"pattern": pattern}) == text
        return

    with pytest.raises(ConstraintError) as caught:
        types.validate(text, "string", {"pattern": pattern})
    assert caught.value.constraint == "pattern"


def test_an_ascii_flag_for_a_part_is_respected():
    assert not regex.compiled(r"^(?a:\w)$").found_in("é")
    assert regex.compiled(r"^(?a:\w)\w$").found_in("aé")
    assert regex.compiled(r"^(?a:\W)$").found_in(
        "é"
    )  # which re itself misses at the start of a pattern


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "unterminated"),
        ("a)", "unbalanced"),
        ("[a", "unterminated"),
        ("*a", "nothing to repeat"),
        ("a**", "multiple repeat"),
        (r"\p{L}", "bad escape"),
        ("(?P<a>b)(?P<a>c)", "redefinition"),
        ("a(?i)b", "flags"),
        ("(?L)a", "flag"),
        ("a{2,1}", "min repeat greater than max"),
        ("a{99999999999}", "repetition number is too large"),
        ("a(?=b)", "look-ahead"),
        ("(?<=a)b", "look-behind"),
        ("a(?!b)", "look-around"),
        ("(?<!a)b", "look-around"),
        (r"(a)\1", "reference"),
        ("(?P<a>b)(?P=a)", "reference"),
        ("(a)?(?(1)b|c)", "conditional"),
        ("(?>a+)b", "atomic"),
        ("a++b", "possessive"),
        ("a{2}+b", "possessive"),
        (r"a\Bb", r"\B"),
        ("a{1001}", "1000"),
        ("(?:a{100}){100}", "smaller counts"),
        ("(a?){1000}" * 3, "smaller counts"),
        (r"\b(?a:\b)", "ASCII"),
        ("(?m)a$(?-m:$)", "MULTILINE"),
        ("(" * 2000 + ")" * 2000, "nested"),
        ("a" * 10_001, "10000"),
        (r"\b" + "".join(map(chr, range(0x4E00, 0x4E80))), "different letters"),
        ("".join(map(chr, range(0x4E00, 0x5200))), "different character classes"),
        (
            "".join(f"[{chr(0x400 + number)}-{chr(0x600 + number)}]" for number in range(490)),
            "overlapping character classes",
        ),
    ],
    ids=lambda text: text[:20].encode("ascii", "backslashreplace").decode(),
)
def test_an_unsupported_pattern_is_refused_when_it_is_given(pattern, reason):
    with pytest.raises(ConstraintError) as caught:
        types.check_constraints("string", {"pattern": pattern})

    assert caught.value.constraint == "pattern"
    assert caught.value.type == "string"
    assert reason in str(caught.value)


def test_a_pattern_that_will_change_its_meaning_is_refused_where_warnings_are_errors():
    with pytest.raises(ConstraintError, match="nested set"):
        types.check_constraints("string", {"pattern": "[[a]"})


HOSTILE = [
    ("(a+)+$", "a" * 50_000 + "!"),
    ("(a|aa)+$", "a" * 50_000 + "!"),
    ("^(a|a?)+$", "a" * 50_000 + "!"),
    ("(.*)*x", "a" * 50_000),
    (r"\s+$", " " * 300_000 + "x"),
    (r"^(\w+\s?)*$", "word " * 20_000 + "!"),
    ("(x+x+)+y", "x" * 50_000),
    ("(a?){500}a{500}", "a" * 50_000),
    ("[ab]*a[ab]{500}c", "".join(random.Random(1).choices("ab", k=50_000))),
    (r"(\d+)*\.(\d+)*$", "1" * 50_000),
    ("é*é*é*é*x", "é" * 50_000),
]


@pytest.mark.parametrize(("pattern", "text"), HOSTILE, ids=lambda text: text[:16])
def test_a_hostile_pattern_takes_less_than_a_second(pattern, text):
    types.check_constraints("string", {"pattern": pattern})
    start = time.process_time()

    with_it = regex.compiled(pattern).found_in(text)

    assert time.process_time() - start < 0.8
    assert with_it is (pattern == "(a?){500}a{500}")


def test_a_text_too_long_for_a_large_pattern_is_refused_rather_than_searched_for_minutes():
    pattern = "(a?){999}(b?){999}c"

    with pytest.raises(ConstraintError, match="max_length") as caught:
        types.validate("ab" * 500_000, "string", {"pattern": pattern})

    assert caught.value.constraint == "pattern"


def test_a_pattern_is_compiled_once_and_shared_by_threads():
    regex.compiled.cache_clear()
    found = []

    def search():
        found.extend(
            regex.compiled(r"^\w+\b.*é$").found_in(f"text {number} é") for number in range(200)
        )

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [True] * 800
    assert regex.compiled.cache_info().currsize == 1


def test_texts_of_very_many_different_characters_are_searched():
    everything = "".join(map(chr, [*range(1, 0xD800), *range(0xE000, 0x20000)]))

    assert regex.compiled("\U0001ffff$").found_in(everything)
    assert not regex.compiled("\0").found_in(everything)


def test_the_engine_writes_nothing_to_stderr(capfd):
    with pytest.raises(ConstraintError):
        types.check_constraints("string", {"pattern": "(?:a{100}){100}"})

    assert capfd.readouterr() == ("", "")


def test_a_missing_engine_is_refused_with_a_remedy(monkeypatch):
    regex.compiled.cache_clear()
    monkeypatch.setitem(sys.modules, "re2", None)

    with pytest.raises(ConstraintError, match=r"pip install 'snakestore\[patterns\]'"):
        types.check_constraints("string", {"pattern": "a"})
