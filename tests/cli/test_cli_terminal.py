"""Control characters in stored data do not reach the terminal."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakestore import SessionRepository
from snakestore.cli.console import escaped, json_line

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x9b31m[red]\u202egnp.exe\r\n[/red]\x7f"
    "\u200b\u2060\ufeff\u2067\u00ad\u3164\ufe0f\U000e0041"
)
UNSAFE = "".join(
    re.escape(character)
    for character in map(chr, range(sys.maxunicode + 1))
    if character != "\n" and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
)
CONTROL = re.compile(f"[{UNSAFE}\u034f\u115f\u1160\u3164\uffa0\ufe0f\U000e0100]")
COMMANDS: list[tuple[str, ...]] = [
    ("sessions",),
    ("show", HOSTILE),
    ("get", HOSTILE, HOSTILE),
    ("history", HOSTILE, HOSTILE),
    ("var list", HOSTILE),
    ("program list", HOSTILE),
    ("program get", HOSTILE, HOSTILE),
    ("program history", HOSTILE, HOSTILE),
    ("log list", HOSTILE),
    ("log show", HOSTILE, HOSTILE),
    ("export",),
]
NOT_TABLES = {"show", "get", "program get", "export"}


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A store whose texts contain control characters."""
    path = tmp_path / "hostile.db"
    with SessionRepository.open(path) as repo:
        repo.create_session(HOSTILE, metadata={HOSTILE: HOSTILE}, worker_id=HOSTILE)
        repo.register_variable(HOSTILE, HOSTILE, "string", HOSTILE)
        repo.update_variable(HOSTILE, HOSTILE, HOSTILE + "!", source=HOSTILE)
        repo.put_program(HOSTILE, HOSTILE, {HOSTILE: HOSTILE})
        repo.append_log(HOSTILE, HOSTILE, [HOSTILE])
    return path


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("options", [(), ("--json",), ("--tsv",)], ids=["table", "json", "tsv"])
def test_no_control_character_of_a_store_is_printed(
    cli: Any, hostile: Path, command: tuple[str, ...], options: tuple[str, ...]
) -> None:
    words, *arguments = command
    if options == ("--tsv",) and words in NOT_TABLES:
        pytest.skip("it is no table")
    output = cli(*words.split(), hostile, *arguments, *options)
    if options == ("--tsv",):
        output = output.replace("\t", " ")

    assert CONTROL.findall(output) == []
    assert "\\u001b" in output


def test_json_stays_the_same_json_when_it_is_escaped(cli: Any, hostile: Path) -> None:
    output = cli.json("show", hostile, HOSTILE)

    assert output["programs"] == {HOSTILE: {HOSTILE: HOSTILE}}
    assert output["variables"][0]["value"] == HOSTILE + "!"


def test_an_error_about_a_hostile_name_is_still_one_line(cli: Any, store: Path) -> None:
    output = cli("show", store, HOSTILE, code=1)

    assert len(output.splitlines()) == 1
    assert CONTROL.findall(output) == []


def test_a_terminal_gets_only_the_drawing_of_the_table(processes: Any, hostile: Path) -> None:
    received = processes.run_on_a_terminal("sessions", hostile, columns=300)
    colours_and_line_breaks = re.compile(r"\x1b\[[0-9;]*m|\r\n")

    drawn = colours_and_line_breaks.sub("", received)
    assert "\\u001b" in drawn
    assert "red" in drawn  # as text: no markup was made of it
    assert CONTROL.findall(drawn) == []


@pytest.mark.parametrize(
    "arguments",
    [
        (HOSTILE,),
        (f"--{HOSTILE}",),
        ("sessions",),
        ("sessions", "a.db", "chat-1", HOSTILE),
        ("sessions", "a.db", f"--{HOSTILE}"),
        ("sessions", "a.db", "--limit", HOSTILE),
        ("set", "a.db", "chat-1", "prompt", HOSTILE),
        ("db", HOSTILE),
        ("db", "upgrade", "a.db", f"--{HOSTILE}"),
    ],
    ids=lambda arguments: " ".join(arguments).replace(HOSTILE, "HOSTILE"),
)
def test_no_control_character_of_an_argument_is_printed_in_a_usage_error(
    cli: Any, arguments: tuple[str, ...]
) -> None:
    output = cli(*arguments, code=2)

    assert CONTROL.findall(output) == []
    assert "Usage: " in output


@given(st.text(st.characters(exclude_categories=()), max_size=50))
def test_any_text_is_printable_and_any_json_still_the_same(text: str) -> None:
    assert CONTROL.findall(escaped(text)) == []
    assert "\n" not in escaped(text)
    assert json.loads(json_line({text: [text]})) == {text: [text]}
