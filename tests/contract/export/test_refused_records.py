"""Records that are damaged, edited or of another format are refused."""

from __future__ import annotations

import json

import pytest

from snakestore import SessionNotFoundError, SessionRepository, ValidationError
from tests.contract.export.records import exported, lines_of, resealed


def without_end(records):
    return records[:-1]


def without_a_line(records):
    return records[:2] + records[3:]


def with_an_edited_value(records):
    edited = [dict(record) for record in records]
    edited[2]["version"] = 7
    return edited


def with_exchanged_lines(records):
    return [records[0], records[2], records[1], *records[3:]]


def of_a_newer_format(records):
    return resealed([{**records[0], "version": 2}, *records[1:]])


def without_a_header(records):
    return records[1:]


def with_a_line_after_the_end(records):
    return [*records, records[-1]]


def with_text(records):
    return [json.dumps(record) for record in records]


def with_a_list(records):
    return [*records[:3], [1]]


@pytest.mark.parametrize(
    ("spoil", "line", "reason"),
    [
        (without_end, 9, "truncated"),
        (without_a_line, 3, "checksum"),
        (with_an_edited_value, 3, "checksum"),
        (with_exchanged_lines, 2, "checksum"),
        (of_a_newer_format, 1, "Upgrade snakestore"),
        (without_a_header, 1, "header"),
        (with_a_line_after_the_end, 11, "after the end"),
        (with_text, 1, "json.loads"),
        (with_a_list, 4, "a dict, not list"),
    ],
)
def test_a_spoilt_export_is_refused_whole(repo, filled, target, spoil, line, reason):
    records = exported(repo)

    with pytest.raises(ValidationError, match=reason) as caught:
        target.import_sessions(spoil(records))

    assert f"line {line}" in str(caught.value)
    assert "othing was imported" in str(caught.value)
    assert target.list_sessions() == []


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        ("session", {"ttl": -1}, "ttl: must be seconds"),
        ("session", {"created_at": "yesterday"}, "created_at: must be a time"),
        ("session", {"created_at": "2026-02-30T00:00:00.000000Z"}, "created_at: must be a time"),
        ("session", {"metadata": [1]}, "metadata: must be a JSON object"),
        ("session", {"id": ""}, "id: must not be empty"),
        ("header", {"history": None}, "history: must be true or false"),
        ("session", {"more": 1}, "a session record has the unknown fields 'more'"),
        ("session", {"kind": ["session"]}, "not a kind"),
        ("session", {"total_variable_updates": True}, "must be an int"),
        ("variable", {"session_id": "other"}, "belongs to session"),
        ("variable", {"version": -1}, "version: must be an int"),
        ("variable", {"name": "a\0b"}, "name: "),
        ("variable", {"type": "integer", "value": 1.5}, "integer"),
        ("variable", {"value": 11.0, "name": "x", "type": "float"}, "lacks the fields"),
        ("variable", {"constraints": {"choices": []}}, "choices"),
        ("variable", {"access_rules": {}}, "access_rules: must be a JSON array"),
        ("variable_version", {"version": 9}, "not below"),
        ("variable_version", {"variable_id": "nobody"}, "is not there"),
        ("log_entry", {"position": 2}, "not below"),
        ("log_entry", {"log_name": "nobody"}, "is not there"),
        ("program", {"kind": "pogrom"}, "not a kind"),
        ("end", {"sessions": 7}, "the end record should be"),
    ],
)
def test_a_record_that_was_forged_is_refused(repo, filled, target, kind, change, reason):
    records = exported(repo)
    [line, *_] = lines_of(records, kind)
    forged = dict(records[line - 1]) | change
    if reason == "lacks the fields":
        del forged["metadata"]
    records[line - 1] = forged

    with pytest.raises(ValidationError, match=reason) as caught:
        target.import_sessions(resealed(records))

    assert str(caught.value).startswith(f"line {line}: ")
    assert str(caught.value).count("line") == str(caught.value).count("othing was imported") == 1
    assert target.list_sessions() == []


@pytest.mark.parametrize("records", [None, 1, "ada.jsonl", b"x", {"kind": "header"}])
def test_what_is_no_iterable_of_records_is_refused(target, records):
    with pytest.raises(ValidationError, match="records must be an iterable"):
        target.import_sessions(records)


@pytest.mark.parametrize("again", ["session", "variable", "variable_version", "log_entry"])
def test_a_record_that_is_there_twice_is_refused(repo, filled, target, again):
    records = exported(repo)
    [*_, line] = lines_of(records, again)
    records.insert(line, records[line - 1])

    with pytest.raises(ValidationError, match=r"not after|there twice|other variable"):
        target.import_sessions(resealed(records))

    assert target.list_sessions() == []


def test_a_value_larger_than_the_limit_is_refused(repo, sid, backend, tmp_path, clock):
    repo.register_variable(sid, "v", "string", "x" * 100)
    records = exported(repo)

    with SessionRepository.open(tmp_path / "t.db", clock=clock, max_value_bytes=50) as target:
        with pytest.raises(ValidationError, match="max_value_bytes"):
            target.import_sessions(records)
        with pytest.raises(SessionNotFoundError):
            target.get_session(sid)


def test_an_import_inside_a_transaction_is_part_of_it(repo, filled):
    records = exported(repo)
    repo.delete_session(filled)

    with pytest.raises(ZeroDivisionError), repo.transaction() as transaction:
        transaction.import_sessions(records)
        raise ZeroDivisionError

    assert not repo.session_exists(filled)


def test_a_generator_that_raises_imports_nothing(target, both):
    def broken():
        yield from both[:2]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        target.import_sessions(broken())

    assert not target.session_exists("t")


def test_an_export_that_is_left_early_frees_the_store(repo, rich):
    for _ in repo.export_sessions():
        break

    repo.update_variable(rich, "x", 3.0)

    assert repo.get_value(rich, "x") == 3.0
