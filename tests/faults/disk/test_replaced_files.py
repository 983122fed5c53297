"""Files that were removed or replaced are noticed before anything is written."""

from __future__ import annotations

import gc
import os
import sqlite3
import weakref
from contextlib import closing

import pytest

from snakestore import SessionRepository, StoreError
from snakestore.storage.dialects.sqlite import file_watch
from tests.faults.disk.stores import fill
from tests.faults.soundness import assert_sound


def test_a_symlink_that_leads_to_another_file_is_noticed(tmp_path):
    link = tmp_path / "link.db"
    for name in ("a.db", "b.db"):
        fill(tmp_path / name).close()
    link.symlink_to("a.db")

    with SessionRepository.open(link) as repo:
        repo.get_value("s", "v")
        link.unlink()
        link.symlink_to("b.db")
        with pytest.raises(StoreError, match=r"link\.db was removed or replaced"):
            repo.update_variable("s", "v", 2)
        repo.update_variable("s", "v", 3)

    values = [
        SessionRepository.open(tmp_path / name).get_value("s", "v") for name in ("a.db", "b.db")
    ]
    assert values == [1, 3]


def test_a_file_that_replaces_an_open_one_is_checked_as_well(tmp_path):
    for name in ("a.db", "altered.db"):
        fill(tmp_path / name).close()
    with closing(sqlite3.connect(tmp_path / "altered.db")) as connection:
        connection.execute("CREATE UNIQUE INDEX planted ON variables (session_id, type)")
    before = (tmp_path / "altered.db").read_bytes()

    with SessionRepository.open(tmp_path / "a.db") as repo:
        repo.get_value("s", "v")
        (tmp_path / "altered.db").replace(tmp_path / "a.db")
        for refusal in ("was removed or replaced", "DROP INDEX planted", "DROP INDEX planted"):
            with pytest.raises(StoreError, match=refusal):
                repo.update_variable("s", "v", 2)

    assert (tmp_path / "a.db").read_bytes() == before


@pytest.mark.parametrize("length", [248, 255, 256])
def test_a_name_to_which_sqlite_cannot_append_is_refused(tmp_path, length):
    with pytest.raises(StoreError, match=r"too long"):
        SessionRepository.open(tmp_path / ("x" * length))

    assert os.listdir(tmp_path) == []


def test_a_removed_file_is_reported_not_created_anew_and_served_again_once_it_is_back(tmp_path):
    with fill(tmp_path / "s.db") as repo:
        (tmp_path / "s.db").rename(tmp_path / "away.db")
        for _ in range(3):
            with pytest.raises(StoreError, match=r"removed or replaced|is gone"):
                repo.update_variable("s", "v", 2)
        assert not (tmp_path / "s.db").exists()

        (tmp_path / "away.db").rename(tmp_path / "s.db")

        assert repo.update_variable("s", "v", 3).version == 1
    assert_sound(tmp_path / "s.db")


def test_a_replaced_file_is_reported_before_anything_is_written_and_the_new_one_served_then(
    tmp_path,
):
    with fill(tmp_path / "s.db") as repo:
        repo.backup(tmp_path / "copy.db")
        repo.update_variable("s", "v", 2)
        repo.backup(tmp_path / "other.db")
        (tmp_path / "other.db").replace(tmp_path / "s.db")

        with pytest.raises(StoreError, match="removed or replaced"):
            repo.update_variable("s", "v", 3)

        assert repo.get_value("s", "v") == 2
        assert repo.update_variable("s", "v", 4).version == 2
    assert_sound(tmp_path / "s.db")


def test_the_log_of_a_replaced_file_is_to_be_removed(tmp_path):
    fill(tmp_path / "other.db").close()
    with fill(tmp_path / "s.db") as repo:
        repo.update_variable("s", "v", 2)
        (tmp_path / "other.db").replace(tmp_path / "s.db")

        with pytest.raises(StoreError, match="remove its log"):
            repo.update_variable("s", "v", 3)


def test_a_reader_too_learns_of_it_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(file_watch, "SECONDS_BETWEEN_CHECKS", 0.0)
    with fill(tmp_path / "s.db") as repo:
        (tmp_path / "s.db").unlink()

        with pytest.raises(StoreError, match="removed or replaced"):
            repo.get_value("s", "v")


def test_the_connection_of_a_reader_that_learns_of_it_is_kept_not_collected(tmp_path, monkeypatch):
    monkeypatch.setattr(file_watch, "SECONDS_BETWEEN_CHECKS", 0.0)
    with fill(tmp_path / "s.db") as repo:
        [idle] = repo._runner._connections.idle
        old = weakref.ref(idle.driver_connection)
        del idle
        (tmp_path / "s.db").unlink()

        with pytest.raises(StoreError, match="removed or replaced"):
            repo.get_value("s", "v")
        gc.collect()

        assert old() is not None
