"""Sessions that the tests export, and stores to import them into."""

from __future__ import annotations

import math
import shutil

import pytest

from snakestore import SessionRepository
from tests.contract.backends import SqliteFile
from tests.contract.export.records import exported


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
def target(backend, prepared, tmp_path, clock):
    """An empty store of another database."""
    shutil.copy(prepared(SqliteFile) / "store.db", tmp_path / "target.db")
    with SessionRepository.open(tmp_path / "target.db", clock=clock) as repo:
        yield repo


@pytest.fixture
def both(repo, sid, target):
    """Records of ``s`` and ``t``; the target has another ``s``."""
    repo.register_variable(sid, "v", "string", "theirs")
    repo.create_session("t")
    target.create_session(sid)
    target.register_variable(sid, "v", "string", "mine")
    return exported(repo)
