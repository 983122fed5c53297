"""Retries and reconnects are logged, without values."""

from __future__ import annotations

import logging

import pytest

from snakestore import SessionRepository, StoreBusyError


def test_a_retry_is_logged_at_debug_level_without_values(tmp_path, caplog):
    path = tmp_path / "s.db"
    caplog.set_level(logging.DEBUG, "snakestore")
    with (
        SessionRepository.open(path, busy_timeout=0.05) as repo,
        SessionRepository.open(path) as other,
    ):
        repo.create_session("s")
        with other.transaction(), pytest.raises(StoreBusyError):
            repo.register_variable("s", "name", "string", "secret")

    records = [each for each in caplog.records if each.name == "snakestore.execution"]
    assert records
    assert {each.levelname for each in records} == {"DEBUG"}
    assert not any("secret" in each.getMessage() for each in records)
