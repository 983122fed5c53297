"""Paths of files, where a signal handler raises meanwhile."""

from __future__ import annotations

import os

import pytest

from snakestore.storage.paths import path_exists, real_path


@pytest.fixture
def interrupted(monkeypatch):
    """Every look at a file is interrupted by a job's time-out."""

    def interrupt(*_, **__):
        raise TimeoutError

    for name in ("stat", "lstat", "readlink"):
        monkeypatch.setattr(os, name, interrupt)


@pytest.mark.usefixtures("interrupted")
@pytest.mark.parametrize("look", [path_exists, real_path])
def test_a_time_out_that_comes_meanwhile_is_raised(look):
    with pytest.raises(TimeoutError):
        look("some.db")


def test_a_missing_file_and_a_loop_have_a_path(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "link").symlink_to(tmp_path / "missing")

    assert real_path(str(tmp_path / "link")) == str(tmp_path / "missing")
    assert real_path(str(tmp_path / "loop")) == os.path.realpath(tmp_path / "loop")
    assert not path_exists(str(tmp_path / "link"))
    assert path_exists(str(tmp_path))
