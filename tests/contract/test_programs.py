"""Programs: JSON documents under an id."""

from __future__ import annotations

import enum
import math

import pytest

from snakestore import ProgramNotFoundError, SessionNotFoundError, ValidationError


class Stage(enum.Enum):
    DRAFT = "draft"
    FINAL = 1


DOCUMENTS = {
    "null": None,
    "false": False,
    "zero": 0,
    "empty-text": "",
    "empty-list": [],
    "empty-object": {},
    "text": "a\x00b\n😀é\u2028</script>",
    "big-integer": 2**70,
    "minus-zero": -0.0,
    "float": 0.1,
    "nested": {
        "lm": {"kwargs": {"temperature": 0.0}},
        "demos": [{"q": "?", "a": None}, [], [[1], [2.5, True]]],
    },
    "odd-keys": {"": 1, "a.b": 2, "a[0]": 3, "$": 4, '"': 5, "\x00": 6, "é": 7},
}


def same(left, right):
    """Equality that distinguishes 1, 1.0 and True, 0.0 and -0.0, and orders of keys."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return left == right


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_any_json_value_is_a_program_and_comes_back_the_same(repo, sid, document):
    put = repo.put_program(sid, "p", document)

    assert same(put.document, document)
    assert same(repo.get_program(sid, "p"), document)
    assert same(repo.get_program(sid, "p", "a default"), document)
    assert same(repo.list_programs(sid), [document])
    assert same(repo.get_programs(sid), {"p": document})
    assert repo.has_program(sid, "p") is True


def test_the_order_of_keys_is_kept(repo, sid):
    repo.put_program(sid, "p", {"z": 1, "a": 2, "m": {"y": 1, "b": 2}})

    assert same(repo.get_program(sid, "p"), {"z": 1, "a": 2, "m": {"y": 1, "b": 2}})


def test_a_program_is_replaced(repo, filled):
    repo.put_program(filled, "p", "another")

    assert repo.get_program(filled, "p") == "another"
    assert repo.program_ids(filled) == ["p"]


def test_a_program_that_is_not_there_is_reported_by_its_id(repo, filled):
    with pytest.raises(ProgramNotFoundError) as refused:
        repo.get_program(filled, "nothing")

    assert (refused.value.session_id, refused.value.program_id) == (filled, "nothing")
    assert isinstance(refused.value, KeyError)


@pytest.mark.parametrize(
    "default", [None, False, 0, object()], ids=["None", "False", "0", "object"]
)
def test_a_default_stands_in_for_a_missing_program(repo, filled, default):
    assert repo.get_program(filled, "nothing", default) is default


def test_no_default_stands_in_for_a_missing_session(repo):
    with pytest.raises(SessionNotFoundError):
        repo.get_program("nobody", "p", None)


def test_programs_are_listed_by_id_in_order_of_code_points(repo, sid):
    ids = ["b", "a", "B", "10", "9", "é", "\uffff", "😀"]
    for program_id in ids:
        repo.put_program(sid, program_id, {"id": program_id})

    assert repo.program_ids(sid) == sorted(ids)
    assert repo.list_programs(sid) == [{"id": program_id} for program_id in sorted(ids)]
    assert list(repo.get_programs(sid)) == sorted(ids)


def test_an_empty_session_has_no_programs(repo, sid):
    assert (repo.program_ids(sid), repo.list_programs(sid), repo.get_programs(sid)) == ([], [], {})


def test_has_program_answers_yes_or_no(repo, filled):
    assert repo.has_program(filled, "p") is True
    assert repo.has_program(filled, "nothing") is False


def test_a_program_is_deleted_once(repo, filled):
    assert [repo.delete_program(filled, "p"), repo.delete_program(filled, "p")] == [True, False]

    assert not repo.has_program(filled, "p")


@pytest.mark.parametrize(("member", "text"), [(Stage.DRAFT, "draft"), (Stage.FINAL, "FINAL")])
def test_an_enum_member_is_a_program_id(repo, sid, member, text):
    repo.put_program(sid, member, 1)

    assert repo.program_ids(sid) == [text]
    assert repo.get_program(sid, member) == repo.get_program(sid, text) == 1
    assert repo.has_program(sid, member)
    assert repo.delete_program(sid, member)


@pytest.mark.parametrize(
    "program_id", ["p ", "P", "x" * 255, "'; DROP TABLE programs; --", "a\nb", "%", "*"]
)
def test_program_ids_are_any_text_compared_exactly(repo, filled, program_id):
    repo.put_program(filled, program_id, "new")

    assert repo.get_program(filled, program_id) == "new"
    assert repo.get_program(filled, "p") == {"steps": [1, 2]}


def test_sessions_share_no_programs(repo, filled):
    repo.create_session("t")
    repo.put_program("t", "p", "of t")

    assert repo.get_program(filled, "p") == {"steps": [1, 2]}
    repo.delete_program("t", "p")
    assert repo.has_program(filled, "p")


def test_a_program_may_bear_the_name_of_a_variable(repo, filled):
    repo.put_program(filled, "x", "a program")

    assert (repo.get_program(filled, "x"), repo.get_value(filled, "x")) == ("a program", 2.0)


class Level(enum.IntEnum):
    LOW = 1


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (object(), "$"),
        ({"a": [0, object()]}, "$.a[1]"),
        ({"a": (1, 2)}, "$.a"),
        ({"a": {"b": {1, 2}}}, "$.a.b"),
        ([[1], [b"x"]], "$[1][0]"),
        ({"a": math.nan}, "$.a"),
        ([math.inf], "$[0]"),
        ([-math.inf], "$[0]"),
        ({"a": "\ud800"}, "$.a"),
        ({"a": Level.LOW}, "$.a"),
        ({"a": Text("x")}, "$.a"),
    ],
)
def test_what_json_cannot_say_is_refused_with_its_path(repo, filled, unchanged, document, path):
    with unchanged(), pytest.raises(ValidationError) as refused:
        repo.put_program(filled, "p", document)

    assert refused.value.path == path


@pytest.mark.parametrize(
    "document", [{1: 2}, {"a": {None: 1}}, {"a": {True: 1}}, {"\ud800": 1}, {("a",): 1}], ids=repr
)
def test_keys_that_are_no_text_are_refused(repo, filled, unchanged, document):
    with unchanged(), pytest.raises(ValidationError) as refused:
        repo.put_program(filled, "p", document)

    assert refused.value.path is not None


def nested(depth):
    document = []
    for _ in range(depth):
        document = [document]
    return document


def test_a_document_may_be_deep(repo, sid):
    repo.put_program(sid, "p", nested(150))

    assert repo.get_program(sid, "p") == nested(150)


@pytest.mark.parametrize("depth", [250, 100_000])
def test_a_document_nested_too_deep_is_refused(repo, filled, unchanged, depth):
    with unchanged(), pytest.raises(ValidationError):
        repo.put_program(filled, "p", nested(depth))


def test_a_document_that_holds_itself_is_refused(repo, filled, unchanged):
    document = {}
    document["self"] = document

    with unchanged(), pytest.raises(ValidationError):
        repo.put_program(filled, "p", document)
