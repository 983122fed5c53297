"""Exporting sessions as records of JSON, and importing them."""

from __future__ import annotations

import json
import math

import pytest

from snakestore import (
    ConflictError,
    SessionExistsError,
    SessionNotFoundError,
    SessionRepository,
    UnknownTypeError,
    ValidationError,
    VariableType,
    register_type,
)
from snakestore.repository.records import checking, exporting
from snakestore.repository.records.format import Checksums, canonical
from snakestore.types import registry


@pytest.fixture
def rich(repo, filled, clock):
    """A session with everything that a session can hold, and an empty one."""
    repo.update_session(filled, metadata={"k": [1, None, -0.0]}, ttl=500.25, worker_id="w")
    repo.register_variable(filled, "nan", "float", math.nan)
    repo.register_variable(filled, "vector", "embedding", [0.1, 1e-300, -0.0])
    repo.register_variable(filled, "grid", "tensor", {"shape": [2, 0], "data": [[], []]})
    repo.register_variable(filled, "lone", "tensor", {"shape": [], "data": 3})
    repo.register_variable(filled, "data", "bytes", b"snk\x00\xff")
    repo.register_variable(filled, "doc", "json", {"text": "\0\U0001f642", "array": None})
    clock.advance(1)
    repo.update_variable(filled, "vector", [1.5] * 3)
    repo.update_variable(filled, "doc", [1.0, 1, 10**40])
    repo.put_program(filled, "p", {"steps": 3}, metadata={"m": 1})
    repo.append_log(filled, "turns", ["x", {"y": -0.0}, None])
    repo.pop_log(filled, "turns")
    repo.append_log(filled, "empty", [])
    repo.create_session("t", ttl=None)
    return filled


@pytest.fixture
def target(backend, tmp_path, clock):
    """An empty store of another database."""
    with SessionRepository.open(tmp_path / "target.db", clock=clock) as repo:
        yield repo


def exported(repo, *args, **options):
    """The records, as they are written and read as JSON lines."""
    return [json.loads(json.dumps(record)) for record in repo.export_sessions(*args, **options)]


def lines_of(records, kind):
    return [number for number, record in enumerate(records, start=1) if record["kind"] == kind]


def resealed(records):
    """The records with the checksums that they should have."""
    checksums = Checksums()
    sealed = []
    for record in records:
        content = {key: value for key, value in record.items() if key != "checksum"}
        sealed.append({**content, "checksum": checksums.next(canonical(content))})
    return sealed


def content(repo, sid):
    return repr(
        [
            repo.list_variables(sid),
            [repo.variable_history(sid, name) for name in repo.variable_names(sid)],
            [repo.get_program_record(sid, pid) for pid in repo.program_ids(sid)],
            [repo.program_history(sid, pid) for pid in repo.program_ids(sid)],
            [(log, repo.read_log(sid, log)) for log in repo.list_logs(sid)],
            repo.get_stats(sid),
        ]
    )


# --- the same again


def test_an_import_stores_what_was_exported(repo, rich, target):
    records = exported(repo)

    report = target.import_sessions(records)

    assert (report.imported, report.skipped, report.replaced, report.conflicts) == (2, 0, 0, ())
    assert exported(target) == records
    assert content(target, rich) == content(repo, rich)
    assert target.list_sessions() == repo.list_sessions()
    assert target.check().ok


def test_a_session_is_exported_deleted_and_imported_equal(repo, rich):
    before = content(repo, rich), repo.list_sessions()
    records = exported(repo, rich)
    repo.delete_session(rich)

    repo.import_sessions(records)

    assert (content(repo, rich), repo.list_sessions()) == before
    assert exported(repo, rich) == records


def test_a_log_goes_on_at_its_next_position(repo, rich, target):
    target.import_sessions(exported(repo))

    target.append_log(rich, "turns", ["z"])

    assert [entry.position for entry in target.read_log(rich, "turns")] == [0, 1, 3]


def test_leases_are_not_exported(repo, filled, target):
    repo.start_optimization(filled, "x", "optimizer")

    records = exported(repo)
    target.import_sessions(records)

    assert "optimizer" not in json.dumps(records)
    assert not target.get_variable(filled, "x").optimizing


def test_an_export_without_history_has_no_past_values(repo, rich, target):
    records = exported(repo, history=False)

    target.import_sessions(records)

    assert not {record["kind"] for record in records} & {"variable_version", "program_version"}
    assert target.variable_history(rich, "vector") == []
    assert target.get_value(rich, "vector") == [1.5] * 3
    assert exported(target, history=False) == records


def test_a_pattern_selects_sessions(repo, rich):
    repo.create_session("t2")

    records = exported(repo, "t*")

    assert [record["id"] for record in records if record["kind"] == "session"] == ["t", "t2"]


def test_expired_sessions_are_exported_on_request(repo, filled, target, clock):
    clock.advance(1e6)

    without, with_expired = exported(repo), exported(repo, include_expired=True)
    target.import_sessions(with_expired)

    assert lines_of(without, "session") == []
    assert lines_of(with_expired, "session") == [2]
    assert target.expired(filled)
    target.revive_session(filled)
    assert target.get_value(filled, "x") == 2.0


def test_an_empty_store_is_exported_and_imported(repo, target):
    records = exported(repo)

    report = target.import_sessions(records)

    assert [record["kind"] for record in records] == ["header", "end"]
    assert report.imported == 0


def test_an_export_counts_as_no_access(repo, filled, clock):
    before = repo.list_sessions()
    clock.advance(300)

    exported(repo)

    assert [each.last_accessed for each in repo.list_sessions()] == [
        each.last_accessed for each in before
    ]


def test_an_export_is_of_one_snapshot(repo, second, rich, backend):
    if backend.name == "sqlite-plain-engine":
        pytest.skip("without WAL a reader and a writer exclude each other")
    records = repo.export_sessions()
    first = next(records)
    if second.session_exists("t"):
        second.delete_session("t")

    rest = list(records)

    assert [record["id"] for record in [first, *rest] if record["kind"] == "session"] == [rich, "t"]


def test_a_session_of_many_records_is_exported_whole(repo, filled, target, monkeypatch):
    monkeypatch.setattr(exporting, "MAX_RECORDS_KEPT", 3)
    monkeypatch.setattr(exporting, "RECORDS_PER_PAGE", 2)
    repo.append_log(filled, "l", range(20))

    records = exported(repo)
    target.import_sessions(records)

    assert target.read_log(filled, "l") == repo.read_log(filled, "l")


def test_large_imports_are_kept_in_a_file_meanwhile(repo, filled, target, monkeypatch):
    monkeypatch.setattr(checking, "MAX_BYTES_IN_MEMORY", 10)

    target.import_sessions(exported(repo))

    assert content(target, filled) == content(repo, filled)


def test_a_type_of_the_users_is_kept_as_it_stored_it(repo, sid, target):
    class Both(VariableType):
        name = "both"

        def encode(self, value):
            return value, value.encode()

        def decode(self, text, blob):
            assert text is not None
            assert blob == text.encode()
            return text

    register_type(Both)
    try:
        repo.register_variable(sid, "v", "both", "no JSON")
        records = exported(repo)
        target.import_sessions(records)

        assert target.get_value(sid, "v") == "no JSON"
    finally:
        registry._types = {key: each for key, each in registry._types.items() if key != "both"}

    assert exported(repo) == records  # although this process does not know the type any more
    target.delete_session(sid)
    with pytest.raises(UnknownTypeError, match="line 3"):
        target.import_sessions(records)
    assert not target.session_exists(sid)


# --- conflicts


@pytest.fixture
def both(repo, sid, target):
    """Records of ``s`` and ``t``; the target has another ``s``."""
    repo.register_variable(sid, "v", "string", "theirs")
    repo.create_session("t")
    target.create_session(sid)
    target.register_variable(sid, "v", "string", "mine")
    return exported(repo)


def test_a_conflict_imports_nothing(target, both):
    with pytest.raises(SessionExistsError) as caught:
        target.import_sessions(both)

    assert caught.value.session_id == "s"
    assert isinstance(caught.value, ConflictError)
    assert (target.get_value("s", "v"), target.session_exists("t")) == ("mine", False)


@pytest.mark.parametrize(
    ("way", "counts", "value"), [("skip", (1, 1, 0), "mine"), ("replace", (1, 0, 1), "theirs")]
)
def test_a_conflict_is_skipped_or_replaced(target, both, way, counts, value):
    previewed = target.import_sessions(both, on_conflict=way, dry_run=True)
    untouched = target.get_value("s", "v"), target.session_exists("t")

    report = target.import_sessions(both, on_conflict=way)

    assert (report.imported, report.skipped, report.replaced) == counts
    assert report.conflicts == ("s",)
    assert (previewed, untouched) == (report, ("mine", False))
    assert (target.get_value("s", "v"), target.session_exists("t")) == (value, True)
    assert target.check().ok


def test_a_conflict_says_how_to_import_all_the_same(target, both):
    with pytest.raises(SessionExistsError, match="on_conflict=") as caught:
        target.import_sessions(both)

    assert "exist_ok" not in str(caught.value)


def test_a_dry_run_lists_conflicts_and_does_not_raise(target, both):
    report = target.import_sessions(both, dry_run=True)

    assert (report.imported, report.conflicts) == (1, ("s",))
    assert not target.session_exists("t")


def test_an_expired_session_is_no_conflict(repo, sid, target, clock):
    target.create_session(sid, ttl=1)
    clock.advance(2)
    repo.touch(sid)

    report = target.import_sessions(exported(repo))

    assert (report.imported, report.conflicts) == (1, ())
    assert target.get_session(sid).ttl == 3600


def test_an_unknown_way_is_refused(target, both):
    with pytest.raises(ValidationError, match="fail, skip, replace"):
        target.import_sessions(both, on_conflict="ignore")

    assert not target.session_exists("t")


# --- refusals


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
