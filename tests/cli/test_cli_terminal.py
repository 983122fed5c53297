"""Control characters in stored data do not reach the terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakestore import SessionRepository
from snakestore.cli.console import escaped, json_line

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m[red]\u202egnp.exe\r\n[/red]\x7f"
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
VERBS: list[tuple[str, ...]] = [
    ("sessions",),
    ("show", HOSTILE),
    ("get", HOSTILE, HOSTILE),
    ("history", HOSTILE, HOSTILE),
]


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A store in which every text is meant to hurt who looks at it."""
    path = tmp_path / "hostile.db"
    with SessionRepository.open(path) as repo:
        repo.create_session(HOSTILE, metadata={HOSTILE: HOSTILE}, worker_id=HOSTILE)
        repo.register_variable(HOSTILE, HOSTILE, "string", HOSTILE)
        repo.update_variable(HOSTILE, HOSTILE, HOSTILE + "!", source=HOSTILE)
        repo.put_program(HOSTILE, HOSTILE, {HOSTILE: HOSTILE})
    return path


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["table", "json"])
def test_no_control_character_of_a_store_is_printed(
    cli: Any, hostile: Path, verb: tuple[str, ...], options: tuple[str, ...]
) -> None:
    output = cli(verb[0], hostile, *verb[1:], *options)

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
    received = processes.run_on_a_terminal("sessions", hostile)
    colours_and_line_breaks = re.compile(r"\x1b\[[0-9;]*m|\r\n")

    drawn = colours_and_line_breaks.sub("", received)
    assert "\\u001b" in drawn
    assert "red" in drawn  # as text: no markup was made of it
    assert CONTROL.findall(drawn) == []


@given(st.text(st.characters(exclude_categories=()), max_size=50))
def test_any_text_is_printable_and_any_json_still_the_same(text: str) -> None:
    assert CONTROL.findall(escaped(text)) == []
    assert "\n" not in escaped(text)
    assert json.loads(json_line({text: [text]})) == {text: [text]}
