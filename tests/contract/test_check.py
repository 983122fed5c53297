"""The check, wherever a store is kept; damage that only a file can have is in tests/faults."""

from __future__ import annotations

from snakestore import CheckReport, SessionRepository, StoreError
from snakestore.storage.schema.revisions import HEAD


def test_a_store_that_only_the_library_wrote_is_sound(repo, filled):
    repo.start_optimization(filled, "x", "opt")
    repo.rollback_variable(filled, "x", 0, optimizer_id="opt")
    repo.register_variable(filled, "e", "embedding", [0.5, 1.5])
    repo.create_session("forever", ttl=None, history=0)
    repo.update_session(filled, history=1)

    report = repo.check()

    assert isinstance(report, CheckReport)
    assert (report.ok, report.problems, report.notes, report.repaired) == (True, [], [], 0)
    assert (report.sessions, report.variables, report.versions, report.programs) == (2, 3, 1, 1)
    assert report.schema == HEAD
    assert report.size_bytes > 0


def test_progress_is_the_number_of_rows_checked_so_far(repo, filled):
    counts = []

    report = repo.check(progress=counts.append)

    assert counts == sorted(counts)
    assert counts[-1] == (
        report.sessions
        + report.variables
        + report.versions
        + report.programs
        + report.logs
        + report.log_entries
    )


def test_an_empty_store_is_sound(repo):
    assert repo.check().ok


def test_a_check_is_no_access(repo, filled, unchanged):
    with unchanged():
        repo.check(repair=True)


def test_expired_sessions_are_sound_too(repo, filled, clock):
    clock.advance(1e6)

    assert repo.check().problems == []


def test_a_lease_that_ran_out_is_a_note(repo, filled, clock):
    repo.start_optimization(filled, "x", "opt", lease=1)
    clock.advance(2)

    report = repo.check()

    assert report.ok
    assert [(note.kind, "opt" in note.message) for note in report.notes] == [("lease", True)]


def test_more_rows_than_a_page_are_all_gone_through(repo, filled, monkeypatch):
    monkeypatch.setattr("snakestore.repository.store.check_store.PAGE", 2)
    monkeypatch.setattr("snakestore.repository.store.check_store.MAX_GROUP_SIZE", 10)
    for number in range(5):
        repo.create_session(f"n{number}")
        repo.put_program(f"n{number}", "p", number)
        repo.register_variable(filled, f"v{number}", "integer", number)
        repo.update_variable(filled, f"v{number}", number + 1)

    report = repo.check()

    assert report.problems == []
    assert (report.sessions, report.variables, report.programs, report.versions) == (6, 7, 6, 6)


def test_a_backup_is_a_store_in_a_file_or_the_tool_of_the_server_is_named(repo, filled, tmp_path):
    told = ""
    try:
        repo.backup(tmp_path / "copy.db")
    except StoreError as error:
        told = str(error)

    if told:
        assert "pg_dump" in told
        return
    with SessionRepository.open(tmp_path / "copy.db") as copy:
        assert [session.id for session in copy.list_sessions(include_expired=True)] == [filled]
