"""The keys of the documents of --json are those that the documentation promises."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

from tests.cli.conftest import ROOT


def promised(document: str) -> set[str]:
    """The keys in the table of docs/cli.md."""
    row = re.search(
        rf"^\| `?{document}`? \| (.+) \|$",
        (ROOT / "docs" / "cli.md").read_text("utf-8"),
        re.MULTILINE,
    )
    assert row is not None
    return set(re.findall(r"`(\w+)`", row[1]))


def test_a_session_has_the_promised_keys(cli: Any, store: Path) -> None:
    shown = cli.json("session", "show", store, "chat-1")

    assert set(shown) == promised("session show")
    assert set(shown["session"]) == promised("session")
    assert all(set(each) == promised("session") for each in cli.json("session", "list", store))


def test_a_variable_has_the_promised_keys(cli: Any, store: Path) -> None:
    documents = [
        cli.json("var", "get", store, "chat-1", "prompt"),
        *cli.json("var", "list", store, "chat-1"),
        *cli.json("var", "history", store, "chat-1", "temperature"),
        *cli.json("session", "show", store, "chat-1")["variables"],
    ]

    assert all(set(document) == promised("variable") for document in documents)


def test_a_variable_that_cannot_be_read_has_the_promised_keys(cli: Any, store: Path) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE variables SET type = 'duration' WHERE name = 'prompt'")
    connection.close()

    prompt, temperature = cli.json("var", "list", store, "chat-1")

    assert set(prompt) == promised("variable that cannot be read")
    assert set(temperature) == promised("variable")


def test_a_program_has_the_promised_keys(cli: Any, store: Path) -> None:
    cli("program", "put", store, "chat-1", "qa", "{}")

    documents = [
        cli.json("program", "get", store, "chat-1", "qa"),
        *cli.json("program", "list", store, "chat-1"),
        *cli.json("program", "history", store, "chat-1", "qa"),
    ]
    assert len(documents) == 4
    assert all(set(document) == promised("program") for document in documents)


def test_an_entry_of_a_log_has_the_promised_keys(cli: Any, store: Path) -> None:
    entries = cli.json("log", "show", store, "chat-1", "turns")

    assert [set(entry) for entry in entries] == [promised("entry of a log")] * 2
