"""The commands that read print what is stored and change nothing."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from snakestore import SessionRepository
from snakestore.cli.commands import GROUPS

LOOKING: list[tuple[str, ...]] = [
    ("sessions",),
    ("sessions", "chat-*"),
    ("show", "chat-1"),
    ("get", "chat-1", "temperature"),
    ("history", "chat-1", "temperature"),
    ("stats",),
    ("export",),
    ("session", "list"),
    ("var", "list", "chat-1"),
    ("var", "get", "chat-1", "temperature", "--version", "0"),
    ("program", "list", "chat-1"),
    ("program", "get", "chat-1", "qa"),
    ("program", "history", "chat-1", "qa"),
    ("log", "list", "chat-1"),
    ("log", "show", "chat-1", "turns"),
    ("db", "current"),
    ("db", "check"),
    ("db", "history"),
]


def on(store: object, command: tuple[str, ...]) -> list[str]:
    """The command's arguments with the store where it belongs."""
    words = 2 if command[0] in GROUPS else 1
    return [*command[:words], str(store), *command[words:]]


def content(store: Path) -> tuple[str, list[Any]]:
    """The bytes of the file, and when its sessions were last accessed."""
    connection = sqlite3.connect(store)
    accessed = connection.execute(
        "SELECT id, last_accessed, expires_at FROM sessions ORDER BY id"
    ).fetchall()
    connection.close()
    return hashlib.sha256(store.read_bytes()).hexdigest(), accessed


def test_sessions_lists_ids_with_their_counts(cli: Any, store: Path) -> None:
    lines = cli("sessions", store).splitlines()

    assert lines[0].split()[:4] == ["session", "variables", "programs", "updates"]
    assert lines[1].split()[:4] == ["chat-1", "2", "1", "3"]
    assert lines[2].split()[:4] == ["job-1", "0", "0", "0"]
    assert lines[2].endswith("never")


def test_sessions_takes_a_pattern_and_a_limit(cli: Any, store: Path) -> None:
    assert [session["id"] for session in cli.json("sessions", store, "job-*")] == ["job-1"]
    assert [session["id"] for session in cli.json("sessions", store, "--limit", 1)] == ["chat-1"]
    assert cli.json("sessions", store, "nothing*") == []


def test_show_prints_everything_of_a_session(cli: Any, store: Path) -> None:
    output = cli("show", store, "chat-1")

    assert 'metadata       {"user": "ada"}' in output
    assert "web-1" in output
    assert 'prompt       string  "Answer briefly."  0' in output
    assert 'qa       {"demos": [1, 2]}' in output


def test_show_as_json_contains_the_session_its_variables_and_programs(
    cli: Any, store: Path
) -> None:
    output = cli.json("show", store, "chat-1")

    assert output["session"]["metadata"] == {"user": "ada"}
    assert {variable["name"]: variable["value"] for variable in output["variables"]} == {
        "prompt": "Answer briefly.",
        "temperature": 0.9,
    }
    assert output["programs"] == {"qa": {"demos": [1, 2]}}


def test_get_prints_a_value_that_set_accepts(cli: Any, store: Path) -> None:
    value = cli("get", store, "chat-1", "prompt").strip()
    cli("set", store, "chat-1", "prompt", value)

    assert value == '"Answer briefly."'
    assert cli("get", store, "chat-1", "prompt").strip() == value


def test_get_as_json_prints_the_variable(cli: Any, store: Path) -> None:
    output = cli.json("get", store, "chat-1", "temperature")

    assert (output["name"], output["type"], output["value"], output["version"]) == (
        "temperature",
        "float",
        0.9,
        1,
    )


def test_bytes_are_printed_as_base64_text(cli: Any, store: Path) -> None:
    with SessionRepository.open(store) as repo:
        repo.register_variable("chat-1", "image", "bytes", b"\0\xff")

    assert cli("get", store, "chat-1", "image") == '"AP8="\n'
    assert cli.json("get", store, "chat-1", "image")["value"] == "AP8="
    assert '"AP8="' in cli("show", store, "chat-1")


def test_history_lists_the_current_value_first(cli: Any, store: Path) -> None:
    output = cli.json("history", store, "chat-1", "temperature")

    assert [(value["version"], value["value"]) for value in output] == [(1, 0.9), (0, 0.7)]
    assert cli("history", store, "chat-1", "temperature", "--limit", 0).splitlines()[1].split()[
        :2
    ] == ["1", "0.9"]


def test_stats_prints_the_statistics_of_the_store(cli: Any, store: Path) -> None:
    output = cli.json("stats", store)

    assert (output["sessions"], output["variables"], output["programs"], output["versions"]) == (
        2,
        2,
        1,
        1,
    )
    assert "sessions" in cli("stats", store)


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_reading_changes_nothing_even_long_after_the_last_access(
    cli: Any, store: Path, command: tuple[str, ...]
) -> None:
    connection = sqlite3.connect(store)
    # an access that a read would record: longer ago than a minute and than a tenth of the ttl
    connection.execute(
        "UPDATE sessions SET last_accessed = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-1000"
        " seconds')"
    )
    connection.commit()
    connection.close()
    before = content(store)

    cli(*on(store, command))

    assert list(store.parent.iterdir()) == [store]  # no log left either
    assert content(store) == before


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_reading_a_missing_file_does_not_create_it(
    cli: Any, tmp_path: Path, command: tuple[str, ...]
) -> None:
    missing = tmp_path / "missing.db"

    cli(*on(missing, command), code=1)

    assert list(tmp_path.iterdir()) == []


def test_a_store_with_an_odd_path_is_found(cli: Any, tmp_path: Path) -> None:
    odd = tmp_path / "a b?mode=rwc#%41é.db"
    with SessionRepository.open(odd) as repo:
        repo.create_session("s")

    assert [session["id"] for session in cli.json("sessions", odd)] == ["s"]


def test_a_url_works_like_a_path(cli: Any, store: Path) -> None:
    assert cli("get", f"sqlite:///{store}", "chat-1", "temperature") == "0.9\n"


def test_an_unreadable_value_does_not_hide_others(cli: Any, store: Path) -> None:
    connection = sqlite3.connect(store)
    connection.execute("UPDATE variables SET type = 'duration' WHERE name = 'prompt'")
    connection.commit()
    connection.close()

    output = cli.json("show", store, "chat-1")

    assert [variable.get("value") for variable in output["variables"]] == [None, 0.9]
    assert "duration" in output["variables"][0]["error"]
    assert "duration" in cli("show", store, "chat-1")


def test_non_finite_numbers_are_printed(cli: Any, store: Path) -> None:
    with SessionRepository.open(store) as repo:
        repo.register_variable("job-1", "loss", "float", float("nan"))

    assert cli("get", store, "job-1", "loss") == "NaN\n"
    assert json.loads(cli("get", store, "job-1", "loss", "--json"))["value"] == "NaN"
