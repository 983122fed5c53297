"""Every public method of the repository, called once on every backend and asked for what it gives.

What holds of a method beyond that is in the other modules, which by default run on one backend: see
tests/selection.py. A new method has to be called here too, or a test below fails.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from snakestore import (
    UNCHANGED,
    LeaseLostError,
    LogNotFoundError,
    SessionExpiredError,
    SessionRepository,
    StoreError,
    VersionConflictError,
    create_variable,
)

pytestmark = pytest.mark.every_backend

OPENED_BY_THE_BACKEND = {"open"}


def test_this_module_calls_every_public_method():
    public = {name for name in dir(SessionRepository) if not name.startswith("_")}
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(Path(__file__).read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }

    assert public - OPENED_BY_THE_BACKEND - called == set()


def test_a_session_is_created_found_changed_touched_and_deleted(repo, clock):
    made = repo.create_session("s", ttl=60, metadata={"a": 1}, worker_id="w")
    clock.advance(5)
    changed = repo.update_session("s", metadata={"b": 2}, ttl=90)
    touched = repo.touch("s", worker_id="v")

    assert (made.id, made.ttl, made.metadata, made.last_worker_id) == ("s", 60, {"a": 1}, "w")
    assert (changed.ttl, changed.metadata) == (90, {"a": 1, "b": 2})
    assert (touched.last_worker_id, touched.last_accessed) == ("v", clock())
    assert repo.get_session("s") == touched
    assert repo.list_sessions("s*") == [touched]
    assert (repo.session_exists("s"), repo.expired("s")) == (True, False)
    assert (repo.delete_session("s"), repo.session_exists("s")) == (True, False)


def test_an_expired_session_is_refused_listed_and_swept(repo, filled, clock):
    clock.advance(1e6)

    with pytest.raises(SessionExpiredError):
        repo.get_session(filled)
    assert repo.expired(filled)
    assert [session.id for session in repo.list_expired()] == [filled]
    revived = repo.revive_session(filled, ttl=60)
    assert (revived.ttl, revived.last_accessed, revived.stats.variable_count) == (60, clock(), 2)
    assert (repo.get_value(filled, "x"), repo.expired(filled)) == (2.0, False)
    clock.advance(61)
    assert (repo.delete_expired(), repo.delete_expired()) == (1, 0)


def test_without_touch_on_read_only_writes_and_touch_are_accesses(open_repo, clock):
    repo = open_repo(touch_on_read=False)
    made = repo.create_session("t", ttl=3600)
    repo.register_variable("t", "x", "float", 1.0)
    clock.advance(100)

    read = repo.get_session("t")
    repo.get_value("t", "x")
    with repo.transaction() as transaction:
        transaction.list_variables("t")

    assert read.last_accessed == made.last_accessed
    assert repo.list_sessions()[0].last_accessed == made.last_accessed
    repo.update_variable("t", "x", 2.0)
    assert repo.get_session("t").last_accessed == clock()
    clock.advance(100)
    assert repo.touch("t").last_accessed == clock()


def test_variables_are_registered_put_and_read_one_by_one_and_together(repo, filled):
    put = repo.put_variable(filled, create_variable(name="flag", type="boolean", value=True))
    array = repo.register_variable(filled, "array", "embedding", [0.5, -1.5])
    batch = repo.get_variables(filled, ["flag", "x-id", "absent"])

    assert repo.variable_names(filled) == ["array", "flag", "note", "x"]
    assert repo.variable_names(filled, "*a*") == ["array", "flag"]
    assert repo.variable_names(filled, after="flag", limit=1) == ["note"]
    assert repo.variable_names(filled, prefix="no", reverse=True) == ["note"]
    assert repo.list_variables(filled, limit=4, reverse=True)[::-1] == repo.list_variables(filled)
    assert repo.list_variables(filled, "*a*", limit=1, reverse=True) in ([put], [array])
    assert repo.get_variable(filled, "flag") == put
    assert repo.get_value(filled, "array") == [0.5, -1.5]
    assert repo.get_value(filled, "absent", None) is None
    assert (repo.has_variable(filled, "x"), repo.has_variable(filled, "absent")) == (True, False)
    assert (batch.found["flag"], batch.found["x-id"].value) == (put, 2.0)
    assert batch.missing == ["absent"]
    assert array in repo.list_variables(filled)


def test_variables_are_updated_modified_constrained_and_deleted(repo, filled):
    updated = repo.update_variable(filled, "x", 3.0, expected_version=1, metadata={"a": 1})
    modified = repo.modify_variable(filled, "x", lambda value: value + 1)
    same = repo.modify_variable(filled, "x", lambda _: UNCHANGED)
    both = repo.update_variables(filled, {"x": 5.0, "note": "bye"})
    by_name = repo.set_value(filled, "x", 4.5)
    several = repo.set_values(filled, {"x": 5.0, "image": b"\0", "flag": True})
    constrained = repo.update_constraints(filled, "x", {"max": 5})

    assert (updated.value, updated.version, updated.metadata["a"]) == (3.0, 2, 1)
    assert (modified.value, modified.version) == (4.0, 3)
    assert same == modified
    assert {name: variable.value for name, variable in both.items()} == {"x": 5.0, "note": "bye"}
    assert (by_name.id, by_name.value, by_name.version) == ("x-id", 4.5, 5)
    assert {name: variable.type for name, variable in several.items()} == {
        "x": "float",
        "image": "bytes",
        "flag": "boolean",
    }
    assert [variable.value for variable in several.values()] == [5.0, b"\0", True]
    assert repo.delete_variables(filled, ["image", "flag", "absent"]) == 2
    assert (constrained.constraints, constrained.value) == ({"max": 5}, 5.0)
    with pytest.raises(VersionConflictError):
        repo.update_variable(filled, "x", 1.0, expected_version=1)
    assert repo.delete_variable(filled, "note")
    assert repo.variable_names(filled) == ["x"]


def test_the_history_is_read_rolled_back_to_and_pruned(repo, filled):
    first = repo.get_variable_version(filled, "x", 0)
    restored = repo.rollback_variable(filled, "x", 0, reason="worse")

    assert (first.value, first.version) == (1.0, 0)
    assert (restored.value, restored.version) == (1.0, 2)
    assert sorted(past.version for past in repo.variable_history(filled, "x")) == [0, 1]
    assert repo.prune_history(filled, keep=1) == 1
    assert [past.version for past in repo.variable_history(filled, "x")] == [1]


def test_a_variable_is_reserved_for_an_optimiser_and_released(repo, filled):
    held = repo.start_optimization(filled, "x", "opt", 7, lease=60)
    written = repo.update_variable(filled, "x", 4.0, optimizer_id="opt")
    free = repo.end_optimization(filled, "x", "opt")

    assert (held.optimizing, held.optimization_status.optimizer_id) == (True, "opt")
    assert (written.value, written.optimizing) == (4.0, True)
    assert (free.value, free.optimizing) == (4.0, False)


def test_a_variable_is_claimed_by_pattern_and_its_lease_renewed_only_while_it_is_held(
    repo, filled, clock
):
    claimed = repo.claim_variable(filled, "no*", "opt", 7, lease=60)
    none = repo.claim_variable(filled, "no*", "other", lease=60)
    clock.advance(50)
    renewed = repo.renew_optimization(filled, "note", "opt", lease=60)
    clock.advance(60)

    assert (claimed.name, claimed.value, none) == ("note", "hello", None)
    assert claimed.optimization_status.optimizer_pid == 7
    assert renewed.optimization_status.expires_at == clock()
    with pytest.raises(LeaseLostError):
        repo.renew_optimization(filled, "note", "opt", lease=60)


def test_a_block_holds_a_variable_and_is_fenced_off_once_it_lost_it(repo, filled, clock):
    with repo.lease(filled, "x", seconds=60) as lease:
        lease.update(4.0)
        lease.modify(lambda value: value + 1)
    with pytest.raises(LeaseLostError), repo.lease(filled, "x", renew=False) as lease:
        clock.advance(60)
        repo.update_variable(filled, "x", 7.0)
        lease.update(6.0)

    assert repo.get_value(filled, "x") == 7.0
    assert not repo.get_variable(filled, "x").optimizing


def test_programs_are_put_read_and_deleted(repo, filled):
    repo.put_program(filled, "q", [1, None, "é"])

    assert repo.get_program(filled, "q") == [1, None, "é"]
    assert repo.program_ids(filled) == ["p", "q"]
    assert repo.get_programs(filled) == {"p": {"steps": [1, 2]}, "q": [1, None, "é"]}
    assert repo.list_programs(filled) == [{"steps": [1, 2]}, [1, None, "é"]]
    assert (repo.has_program(filled, "q"), repo.delete_program(filled, "q")) == (True, True)
    assert repo.has_program(filled, "q") is False


def test_programs_have_versions_metadata_and_a_history(repo, filled):
    put = repo.put_program(filled, "p", None, expected_version=0, metadata={"score": 1})
    first = repo.get_program_version(filled, "p", 0)
    with pytest.raises(VersionConflictError):
        repo.put_program(filled, "p", 1, expected_version=0)
    back = repo.rollback_program(filled, "p", 0, reason="worse")

    assert (put.version, put.document, put.metadata) == (1, None, {"score": 1})
    assert (first.document, back.document, back.version) == ({"steps": [1, 2]}, first.document, 2)
    assert repo.get_program_record(filled, "p") == back
    assert repo.program_history(filled, "p") == [put, first]
    assert repo.prune_history(filled, keep=1) == 1
    assert repo.program_history(filled, "p") == [put]
    assert repo.check().problems == []


def test_a_log_grows_is_read_trimmed_and_deleted(repo, filled):
    length = repo.append_log(filled, "chat", ({"turn": number} for number in range(4)))
    capped = repo.append_log(filled, "chat", [None], expected_length=4, keep_last=3)

    assert (length, capped, repo.log_length(filled, "chat")) == (4, 3, 3)
    assert [(entry.position, entry.value) for entry in repo.read_log(filled, "chat")] == [
        (2, {"turn": 2}),
        (3, {"turn": 3}),
        (4, None),
    ]
    assert [entry.position for entry in repo.read_log(filled, "chat", last=2, before=4)] == [2, 3]
    assert (repo.list_logs(filled), repo.list_logs(filled, "c*")) == (["chat", "l"], ["chat"])
    assert repo.pop_log(filled, "chat") is None
    assert repo.append_log(filled, "chat", ["new"]) == 3
    assert repo.trim_log(filled, "chat", before=3) == 1
    assert [entry.position for entry in repo.read_log(filled, "chat")] == [3, 5]
    with pytest.raises(VersionConflictError):
        repo.append_log(filled, "chat", ["late"], expected_length=9)
    assert (repo.delete_log(filled, "chat"), repo.has_log(filled, "chat")) == (True, False)
    with pytest.raises(LogNotFoundError):
        repo.read_log(filled, "chat")


def test_a_log_is_a_sequence(repo, filled):
    log = repo.log(filled, "l")

    log.extend([3, 4])

    assert (len(log), log[-1], log[-2:], list(log)) == (
        4,
        4,
        [3, 4],
        ["first", {"second": 2}, 3, 4],
    )


def test_a_transaction_is_kept_whole_or_not_at_all(repo, filled):
    with repo.transaction() as transaction:
        transaction.update_variable(filled, "x", 3.0)
        transaction.put_program(filled, "q", 1)
    with pytest.raises(ZeroDivisionError), repo.transaction() as transaction:
        transaction.update_variable(filled, "x", 4.0)
        raise ZeroDivisionError

    assert repo.get_value(filled, "x") == 3.0
    assert repo.program_ids(filled) == ["p", "q"]


def test_a_view_shows_a_session_as_a_mapping(repo, filled):
    view = repo.session(filled)

    view["x"] = 4.0

    assert dict(view) == {"x": 4.0, "note": "hello"}


def test_a_store_is_counted_checked_and_copied(repo, filled, clock, backend, tmp_path):
    stats = repo.get_stats(filled)
    store = repo.store_stats()
    report = repo.check()

    assert (stats.variable_count, stats.program_count, stats.total_variable_updates) == (2, 1, 3)
    assert (store.sessions, store.variables, store.programs, store.versions) == (1, 2, 1, 1)
    assert (store.logs, store.log_entries, report.logs, report.log_entries) == (1, 2, 1, 2)
    assert (report.ok, report.problems) == (True, [])
    if backend.database is None:
        repo.backup(tmp_path / "copy.db")
        with SessionRepository.open(tmp_path / "copy.db", clock=clock) as copy:
            assert copy.get_value(filled, "x") == 2.0
            assert copy.read_log(filled, "l") == repo.read_log(filled, "l")
    else:
        with pytest.raises(StoreError, match="pg_dump"):
            repo.backup(tmp_path / "copy.db")


def test_a_store_is_compacted(repo, filled):
    assert repo.compact() >= 0

    assert repo.get_value(filled, "x") == 2.0


def test_sessions_are_exported_deleted_and_imported(repo, filled):
    records = list(repo.export_sessions("s*"))
    repo.delete_session(filled)

    report = repo.import_sessions(records)

    assert (report.imported, repo.get_value(filled, "x")) == (1, 2.0)
    assert list(repo.export_sessions()) == records


def test_a_closed_repository_refuses(repo, filled):
    repo.close()

    with pytest.raises(StoreError, match="closed"):
        repo.get_value(filled, "x")
    with pytest.raises(StoreError, match="closed"):
        repo.compact()
    with pytest.raises(StoreError, match="closed"):
        repo.import_sessions([])
