"""Space that deletions free, and compact()."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snakestore import SessionRepository, StoreError, StoreReadOnlyError

MEGABYTE = 2**20


def size_on_disk(path: Path) -> int:
    """Bytes of the file and its write-ahead log."""
    return sum(os.path.getsize(each) for each in (path, f"{path}-wal") if os.path.exists(each))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "s.db"


@pytest.fixture
def file(path):
    """A repository on a file with a small session and a variable in it."""
    with SessionRepository.open(path) as repo:
        repo.create_session("small")
        repo.register_variable("small", "v", "integer", 1)
        yield repo


def fill_with(repo, sid, megabytes):
    repo.create_session(sid)
    for number in range(megabytes):
        repo.register_variable(sid, f"v{number}", "bytes", os.urandom(MEGABYTE))
    repo.append_log(sid, "log", ["x" * MEGABYTE] * 2)


DELETIONS = {
    "delete_session": lambda repo: repo.delete_session("big"),
    "delete_variables": lambda repo: repo.delete_variables("big", repo.variable_names("big")),
    "delete_variable": lambda repo: [
        repo.delete_variable("big", name) for name in repo.variable_names("big")
    ],
}


@pytest.mark.parametrize("delete", DELETIONS.values(), ids=DELETIONS)
def test_a_large_deletion_returns_its_space_to_the_disk(file, path, delete):
    fill_with(file, "big", 12)
    full = size_on_disk(path)

    delete(file)

    assert full > 14 * MEGABYTE
    assert size_on_disk(path) < 11 * MEGABYTE
    assert file.store_stats().free_bytes == 0
    assert file.check().ok


@pytest.mark.parametrize("verb", ["trim_log", "delete_log"])
def test_a_large_log_returns_its_space_to_the_disk(file, verb):
    file.append_log("small", "log", ["x" * MEGABYTE] * 6)

    if verb == "trim_log":
        file.trim_log("small", "log", keep_last=1)
    else:
        file.delete_log("small", "log")

    assert file.store_stats().free_bytes == 0
    assert file.store_stats().size_bytes < 2 * MEGABYTE


def test_a_deletion_succeeds_where_its_space_cannot_be_returned(file, monkeypatch, caplog):
    fill_with(file, "big", 2)

    def refuse(*_):
        raise StoreError

    monkeypatch.setattr("snakestore.repository.space.incremental_vacuum", refuse)
    deleted = file.delete_session("big")

    assert (deleted, file.session_exists("big")) == (True, False)
    assert "free space was not returned" in caplog.text


def test_compact_returns_free_space_and_empties_the_log(file, path):
    for number in range(12):
        file.create_session(f"s{number}")
        file.register_variable(f"s{number}", "v", "json", "x" * (MEGABYTE // 2))
    for number in range(12):
        file.delete_session(f"s{number}")  # each of them too small to return its space at once
    before = size_on_disk(path)
    reports = []

    returned = file.compact(progress=lambda done, total: reports.append((done, total)))

    assert returned == before - size_on_disk(path)
    assert size_on_disk(path) < MEGABYTE
    assert os.path.getsize(f"{path}-wal") == 0
    assert reports[-1][0] == returned
    assert len(reports) > 5
    assert {total for _, total in reports} == {reports[0][1]}
    assert file.get_value("small", "v") == 1
    assert file.compact() == 0


def test_compact_does_not_wait_for_a_reader_of_an_old_snapshot(file, path):
    fill_with(file, "big", 2)
    with (
        SessionRepository.open(path) as other,
        other.transaction(read_only=True) as snapshot,
    ):
        seen = snapshot.get_value("small", "v")
        file.update_variable("small", "v", 2)

        file.compact()

        assert (seen, snapshot.get_value("small", "v")) == (1, 1)
    assert file.compact() > 0
    assert file.get_value("small", "v") == 2


def test_compact_lets_writers_in(file, path):
    for number in range(20):
        file.create_session(f"s{number}")
        file.register_variable(f"s{number}", "v", "json", "x" * (MEGABYTE // 2))
    for number in range(20):
        file.delete_session(f"s{number}")
    written = []

    with SessionRepository.open(path) as other:

        def write(_done, _total):
            written.append(other.update_variable("small", "v", len(written)).version)

        file.compact(progress=write)

    assert len(written) > 5
    assert written == list(range(1, len(written) + 1))


def test_compact_is_refused_on_a_read_only_store_with_free_space(file, path):
    for number in range(4):
        file.create_session(f"s{number}")
        file.register_variable(f"s{number}", "v", "json", "x" * (MEGABYTE // 2))
    for number in range(4):
        file.delete_session(f"s{number}")
    file.close()

    with (
        SessionRepository.open(f"sqlite:///file:{path}?mode=ro&uri=true") as read_only,
        pytest.raises(StoreReadOnlyError),
    ):
        read_only.compact()


def test_compact_is_refused_in_a_transaction(repo, filled):
    with (
        repo.transaction() as transaction,
        pytest.raises(StoreError, match="inside a transaction"),
    ):
        transaction.compact()

    assert repo.get_value(filled, "x") == 2.0


def test_compact_changes_nothing_that_is_stored(repo, filled, unchanged):
    with unchanged():
        assert repo.compact() >= 0
