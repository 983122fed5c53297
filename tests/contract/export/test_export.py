"""Exporting sessions as records of JSON, and importing them again."""

from __future__ import annotations

import json

import pytest

from snakestore import UnknownTypeError, VariableType, register_type
from snakestore.repository.records import checking, exporting
from snakestore.types import registry
from tests.contract.export.records import content, exported, lines_of


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
