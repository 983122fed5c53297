"""The commands check and backup."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from snakestore import SessionRepository


def test_check_finds_no_problems_in_a_valid_store(cli: Any, store: Path) -> None:
    output = cli.json("check", store)

    assert (output["ok"], output["sessions"], output["problems"]) == (True, 2, [])
    assert cli("check", store).splitlines()[-1] == "no problems"


def test_check_lists_problems_and_exits_with_1_and_repair_corrects_the_counts(
    cli: Any, store: Path
) -> None:
    connection = sqlite3.connect(store)
    connection.execute("UPDATE sessions SET variable_count = 7 WHERE id = 'chat-1'")
    connection.commit()
    connection.close()

    cli("check", store, code=1)
    repaired = cli("check", store, "--repair")

    assert repaired.splitlines()[-2:] == ["1 repaired", "no problems"]
    assert cli.json("check", store)["problems"] == []


def test_checking_and_copying_leave_no_log_beside_the_store(
    cli: Any, store: Path, tmp_path: Path
) -> None:
    cli("check", store)
    cli("backup", store, tmp_path / "nightly.db")

    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["agent.db", "nightly.db"]


def test_a_backup_is_a_store(cli: Any, store: Path, tmp_path: Path) -> None:
    cli("backup", store, tmp_path / "nightly.db")

    with SessionRepository.open(tmp_path / "nightly.db", migrate=False) as repo:
        assert repo.get_value("chat-1", "temperature") == 0.9


@pytest.mark.parametrize("suffix", ["", "-wal", "-journal"])
def test_a_backup_does_not_take_the_place_of_the_store(cli: Any, store: Path, suffix: str) -> None:
    message = cli("backup", store, f"{store}{suffix}", "--overwrite", code=1)

    assert "is the store itself" in message
    assert cli("var", "get", store, "chat-1", "temperature") == "0.9\n"


def test_a_backup_replaces_only_a_regular_file(cli: Any, store: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    message = cli("backup", store, pipe, "--overwrite", code=1)

    assert "not a regular file" in message
    assert pipe.is_fifo()


def test_backup_replaces_a_file_only_with_overwrite(cli: Any, store: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"a diary")

    output = cli("backup", store, there, code=1)
    assert there.read_bytes() == b"a diary"
    cli("backup", store, there, "--overwrite")

    assert len(output.splitlines()) == 1
    assert "--overwrite" in output
    assert "overwrite=" not in output
    with SessionRepository.open(there, migrate=False) as repo:
        assert repo.list_sessions() != []
