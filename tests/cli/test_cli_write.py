"""The commands that change a store: set, sweep, db."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from snakestore import SessionRepository, current


def expire(store: Path, session_id: str) -> None:
    """Make a session idle since long ago."""
    connection = sqlite3.connect(store)
    long_ago = "2001-01-01T00:00:00.000000Z"
    connection.execute(
        "UPDATE sessions SET last_accessed = ?, expires_at = ? WHERE id = ?",
        (long_ago, long_ago, session_id),
    )
    connection.commit()
    connection.close()


def test_set_stores_a_new_version(cli: Any, store: Path) -> None:
    assert cli("set", store, "chat-1", "temperature", "1.25") == "version 2: 1.25\n"

    output = cli.json("get", store, "chat-1", "temperature")
    assert (output["value"], output["version"], output["metadata"]["source"]) == (1.25, 2, "cli")


def test_set_accepts_a_negative_number(cli: Any, store: Path) -> None:
    with SessionRepository.open(store) as repo:
        repo.register_variable("job-1", "bias", "integer", 0)

    assert cli("set", store, "job-1", "bias", "-5") == "version 1: -5\n"


def test_set_fails_at_another_version_than_expected(cli: Any, store: Path) -> None:
    assert "version" in cli(
        "set", store, "chat-1", "temperature", "1.0", "--expected-version", 0, code=1
    )
    assert (
        cli("set", store, "chat-1", "temperature", "1.0", "--expected-version", 1)
        == "version 2: 1.0\n"
    )


@pytest.mark.parametrize("value", ["7", '"warm"', "null", "true"])
def test_set_refuses_what_the_type_and_the_constraints_refuse(
    cli: Any, store: Path, value: str
) -> None:
    output = cli("set", store, "chat-1", "temperature", value, code=1)

    assert len(output.splitlines()) == 1
    assert cli("get", store, "chat-1", "temperature") == "0.9\n"


@pytest.mark.parametrize(
    "value",
    ["fast", "{", "", "[" * 100_000, "1" * 5000],
    ids=["text", "open", "empty", "deep", "long"],
)
def test_set_refuses_a_value_that_is_not_json(cli: Any, store: Path, value: str) -> None:
    assert "VALUE must be JSON" in cli("set", store, "chat-1", "prompt", value, code=2)


def test_set_does_not_create_a_store(cli: Any, tmp_path: Path) -> None:
    cli("set", tmp_path / "typo.db", "chat-1", "temperature", "1", code=1)

    assert list(tmp_path.iterdir()) == []


def test_sweep_deletes_only_expired_sessions(cli: Any, store: Path) -> None:
    expire(store, "chat-1")

    assert [session["id"] for session in cli.json("sessions", store)] == ["job-1"]
    assert [session["id"] for session in cli.json("sessions", store, "--expired")] == [
        "chat-1",
        "job-1",
    ]
    assert cli("sweep", store) == "1 expired session deleted\n"
    assert [session["id"] for session in cli.json("sessions", store, "--expired")] == ["job-1"]
    assert cli("sweep", store) == "0 expired sessions deleted\n"


def test_db_upgrade_creates_a_store_and_prints_the_revision(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "new.db"

    output = cli("db", "upgrade", path).strip()

    assert output == current(path)
    assert cli("db", "current", path).strip() == output
    assert cli("sessions", path).split()[0] == "session"


def test_db_downgrade_to_base_drops_the_tables(cli: Any, store: Path) -> None:
    assert cli("db", "downgrade", store, "--revision", "base", "--yes") == "none\n"
    assert cli("db", "current", store) == "none\n"


def test_db_downgrade_requires_a_revision(cli: Any, store: Path) -> None:
    assert "--revision" in cli("db", "downgrade", store, code=2)


@pytest.mark.parametrize("command", ["upgrade", "downgrade"])
@pytest.mark.parametrize("revision", ["4711", "", " ", "0001:0002"])
def test_an_unknown_revision_is_an_error_in_one_line(
    cli: Any, store: Path, command: str, revision: str
) -> None:
    assert len(cli("db", command, store, "--revision", revision, code=1).splitlines()) == 1


def test_an_older_schema_is_refused_with_the_command_to_run(cli: Any, store: Path) -> None:
    cli("db", "downgrade", store, "--revision", "0001", "--yes")

    assert "upgrade" in cli("sessions", store, code=1)
    cli("db", "upgrade", store)
    assert len(cli.json("sessions", store)) == 2
