"""JSON documents: the same is read back, whatever it contains."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as some

from snakestore import ValidationError, types
from snakestore.types import documents, json_text
from tests.types.support import exact, there_and_back

texts = some.text()


leaves = (
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | texts
)


every_document = some.recursive(
    leaves,
    lambda inner: some.lists(inner, max_size=5) | some.dictionaries(texts, inner, max_size=5),
    max_leaves=30,
)


@given(every_document)
def test_every_document_comes_back_type_by_type_and_bit_by_bit(document):
    assert exact(there_and_back("json", document)) == exact(document)


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 10**400, 2.0**64, 1e300])
def test_a_long_number_in_a_long_document_comes_back_the_same(number):
    text = "1" * 18 + "x" * 5000
    for document in (
        [number, text],
        {"a": number, "b": text},
        {"a": [number], "b": text},
        [text, {"a": number}],
        {"a": text, str(number): 2**63},
    ):
        assert exact(there_and_back("json", document)) == exact(document)


@pytest.mark.parametrize("ending", ["", ",NaN]", ",1e999]", ',"\\ud800"]', "] 1"])
def test_a_long_text_that_is_not_json_is_refused(ending):
    with pytest.raises(json.JSONDecodeError):
        json_text.loads('["' + "x" * 5000 + '"' + ending)


@given(every_document)
def test_the_copy_shares_nothing_with_the_given_document(document):
    def containers(value):
        if isinstance(value, dict | list):
            yield id(value)
            for item in value.values() if isinstance(value, dict) else value:
                yield from containers(item)

    copy = types.checked_document(document, "a document")

    assert exact(copy) == exact(document)
    assert not set(containers(copy)) & set(containers(document))


@given(every_document)
def test_the_stored_text_is_json_that_others_read(document):
    text = types.dumps(types.checked_document(document, "a document"))

    assert exact(json.loads(text)) == exact(document)
    assert "\0" not in text


def test_numbers_that_are_equal_but_different_stay_apart():
    document = [1, 1.0, True, 0, 0.0, -0.0, False, 2**70, -(2**64), 1e22, 10**22, 5e-324]

    assert exact(there_and_back("json", document)) == exact(document)


def nested(levels):
    document = []
    for _ in range(levels - 1):
        document = [document]
    return document


def test_two_hundred_levels_are_accepted_and_one_more_is_refused():
    assert there_and_back("json", nested(200)) == nested(200)
    assert there_and_back("json", {"a": nested(199)}) == {"a": nested(199)}

    for document in (nested(201), {"a": nested(200)}, {"a": [{"b": nested(198)}]}):
        with pytest.raises(ValidationError) as caught:
            types.validate(document, "json")
        assert "200 levels" in str(caught.value)


def test_ten_thousand_levels_are_refused():
    deep_dict = {}
    for _ in range(10_000):
        deep_dict = {"a": deep_dict}

    for document in (nested(10_000), deep_dict):
        with pytest.raises(ValidationError) as caught:
            types.validate(document, "json")
        assert len(str(caught.value)) < 2000


def test_a_document_that_contains_itself_is_refused_with_the_path():
    document = {"a": [1, {"b": []}]}
    document["a"][1]["b"].append(document)

    with pytest.raises(ValidationError) as caught:
        types.validate(document, "json")

    assert caught.value.path == "$.a[1].b[0]"
    assert "itself" in str(caught.value)


def test_an_object_in_two_places_without_a_cycle_is_accepted():
    shared = [1]

    assert there_and_back("json", {"a": shared, "b": [shared, shared]}) == {
        "a": [1],
        "b": [[1], [1]],
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{oops",
        "[1,]",
        "[1] [2]",
        "NaN",
        "[Infinity]",
        '{"a": -Infinity}',
        "1e999",
        "[-1e400]",
        "0" * 400 + "1.0",
        "9" * 310 + ".0",
        '"\\ud800"',
        '{"\\udfff": 1}',
        "'a'",
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000,
        '["' + "[" * 100_000,
        "1" * 5000,
        "[1] \0",
        "\ufeff1",
        None,
        b"1",
        5,
    ],
)
def test_damaged_text_is_a_validation_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - any of that family, which the store wraps
        types.loads(text)
    with pytest.raises(ValidationError):
        types.decode_value("json", text, None)


def test_bytes_for_a_json_value_are_refused():
    with pytest.raises(ValidationError):
        types.decode_value("json", "1", b"1")


def test_a_nearly_exhausted_stack_is_not_reported_as_damage():
    document = nested(190)
    text = types.dumps(document)

    def below(frames):
        return types.loads(text) if frames == 0 else below(frames - 1)

    outcomes = set()
    for frames in range(0, sys.getrecursionlimit(), 10):
        try:
            outcomes.add(below(frames) == document)
        except RecursionError:
            outcomes.add("no room")

    assert outcomes == {True, "no room"}


def test_brackets_inside_texts_do_not_count_as_levels():
    document = ['["[' * 1000, "\\", '"' * 7, {'[{"': "[" * 1000}]

    assert types.loads(types.dumps(document)) == document


def test_white_space_around_a_document_is_accepted():
    assert types.loads(' \n[1, {"a": null}]\t') == [1, {"a": None}]


def test_a_document_changed_while_it_is_read_is_still_refused(monkeypatch):
    calls = []

    def heals(document, *rest):
        calls.append(document)

    monkeypatch.setattr(documents, "_find_fault", heals)
    with pytest.raises(ValidationError, match="changed"):
        documents.checked_document({1}, "a document")

    assert calls == [{1}]


def test_the_limit_of_the_interpreter_is_not_changed():
    before = sys.get_int_max_str_digits()

    types.loads(types.dumps([10**4000]))

    assert sys.get_int_max_str_digits() == before
