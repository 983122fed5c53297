from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from snakestore import SessionRepository, StoreError, ValidationError
from tests.faults import crew, work
from tests.faults.soundness import assert_sound


@pytest.fixture
def path(tmp_path: Path) -> Path:
    work.prepare(tmp_path / "s.db")
    return tmp_path / "s.db"


def test_a_copy_is_a_store_of_its_own_in_a_single_file(path, tmp_path):
    calls = []
    with SessionRepository.open(path) as repo:
        repo.update_variable("s", "updated", 7)
        repo.backup(
            tmp_path / "copy.db", progress=lambda copied, total: calls.append((copied, total))
        )
        repo.update_variable("s", "updated", 8)

        assert [name for name in os.listdir(tmp_path) if "copy" in name or ".new" in name] == [
            "copy.db"
        ]
    with SessionRepository.open(tmp_path / "copy.db") as copy:
        assert copy.get_value("s", "updated") == 7
        copy.update_variable("s", "updated", 9)
    assert calls[-1][0] == calls[-1][1] > 0
    assert_sound(tmp_path / "copy.db")


def test_a_copy_under_load_is_one_state_and_nobody_waits_for_it(path, tmp_path, size, figures):
    copies, log = size(5, 50), tmp_path / "log"
    with (
        crew.Crew(
            work.until_killed, [(path, "batch", log, worker) for worker in range(3)]
        ) as writers,
        SessionRepository.open(path) as repo,
    ):
        for number in range(copies):
            acknowledged = log.stat().st_size if log.exists() else 0
            repo.backup(tmp_path / f"copy{number}.db")
            while not log.exists() or log.stat().st_size <= acknowledged:
                time.sleep(0.001)  # until somebody has written in between
        writers.kill()

    seen = []
    for number in range(copies):
        with SessionRepository.open(tmp_path / f"copy{number}.db") as copy:
            batch = {
                (variable.version, variable.value) for variable in copy.list_variables("s", "b*")
            }
            assert len(batch) == 1
            seen.append(batch.pop()[0])
        assert_sound(tmp_path / f"copy{number}.db")
    figures("backup", copies=copies, batches=seen[-1])
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]


def test_what_is_there_is_replaced_only_where_that_is_asked_for(path, tmp_path):
    target = tmp_path / "there"
    target.write_text("precious")
    with SessionRepository.open(path) as repo:
        with pytest.raises(StoreError, match="there already"):
            repo.backup(target)
        assert target.read_text() == "precious"

        repo.backup(target, overwrite=True)

    assert_sound(target)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_copy_never_takes_the_place_of_the_store_or_of_one_in_use(path, tmp_path, overwrite):
    os.symlink(path, tmp_path / "link.db")
    with (
        SessionRepository.open(path) as repo,
        SessionRepository.open(tmp_path / "other.db") as other,
    ):
        other.create_session("busy")
        for target in (path, tmp_path / "link.db", tmp_path / "other.db"):
            with pytest.raises(StoreError):
                repo.backup(target, overwrite=overwrite)

        assert other.session_exists("busy")
        assert repo.get_value("s", "updated") == 0


@pytest.mark.parametrize("target", ["nowhere/copy.db", ""])
def test_a_copy_that_cannot_be_made_leaves_nothing(path, tmp_path, target, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with SessionRepository.open(path) as repo:
        repo.touch("s")
        before = sorted(os.listdir(tmp_path))
        with pytest.raises(StoreError):
            repo.backup(target)
        with pytest.raises(ValidationError):
            repo.backup(5)

        assert sorted(os.listdir(tmp_path)) == before


def test_what_progress_raises_ends_the_copy_and_leaves_nothing(path, tmp_path):
    def stop(_copied: int, _total: int) -> None:
        raise KeyboardInterrupt

    with SessionRepository.open(path) as repo:
        with pytest.raises(KeyboardInterrupt):
            repo.backup(tmp_path / "copy.db", progress=stop)

        assert not [name for name in os.listdir(tmp_path) if "copy" in name or ".new" in name]
        assert repo.update_variable("s", "updated", 1).version == 1


def test_a_copy_from_within_a_transaction_has_what_was_committed(path, tmp_path):
    with SessionRepository.open(path) as repo, repo.transaction() as transaction:
        transaction.update_variable("s", "updated", 5)
        transaction.backup(tmp_path / "copy.db")

    with SessionRepository.open(tmp_path / "copy.db") as copy:
        assert copy.get_value("s", "updated") == 0


def test_a_database_in_memory_is_copied_to_a_file(tmp_path):
    with SessionRepository.open("sqlite://") as repo:
        repo.create_session("s")
        repo.backup(tmp_path / "copy.db")
        with (
            repo.transaction() as transaction,
            pytest.raises(StoreError, match="end this one first"),
        ):
            transaction.backup(tmp_path / "other.db")

    with SessionRepository.open(tmp_path / "copy.db") as copy:
        assert copy.session_exists("s")
