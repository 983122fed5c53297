"""A file that was damaged by hand."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from snakestore import SessionRepository


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """A file with a session ``s``: a variable of each form of storage, a program, and ``fine``."""
    path = tmp_path_factory.mktemp("healthy") / "store.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("s", ttl=None, metadata={"a": 1})
        repo.register_variable("s", "number", "integer", 1, id="id-number", constraints={"max": 10})
        repo.update_variable("s", "number", 2)
        repo.register_variable("s", "array", "embedding", [0.5, 1.0], id="id-array")
        repo.register_variable("s", "fine", "integer", 7)
        repo.put_program("s", "program", {"steps": []})
        repo.append_log("s", "log", ["one", "two", "three"])
    return path


@pytest.fixture
def path(healthy, tmp_path):
    """A copy of it."""
    return Path(shutil.copy(healthy, tmp_path))


@pytest.fixture
def damage(path):
    """Runs statements on the file, past the checks that guard it."""

    def run(statement, *values):
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("PRAGMA ignore_check_constraints = ON")
            assert file.execute(statement, values).rowcount == 1

    return run


@pytest.fixture
def repo(path):
    with SessionRepository.open(path) as repo:
        yield repo
