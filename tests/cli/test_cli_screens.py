"""What a terminal of 80 columns shows, compared with the files in ``screens/``.

``UPDATE_SCREENS=1 pytest tests/cli/test_cli_screens.py`` writes them anew.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from snakestore import SessionRepository

SCREENS = Path(__file__).parent / "screens"
WIDTH = 80
ID = "user-4711/support/2026-01-31T12:00:00Z/a-conversation-with-a-long-id"
COMMANDS: dict[str, tuple[str, ...]] = {
    "session-list": ("session", "list"),
    "session-show": ("session", "show", ID),
    "var-list": ("var", "list", ID),
    "var-history": ("var", "history", ID, "prompt"),
    "program-list": ("program", "list", ID),
    "program-history": ("program", "history", ID, "answer"),
    "log-show": ("log", "show", ID, "turns"),
}
STYLE = re.compile(r"\x1b\[[0-9;]*m")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with long values that was used three hours ago."""
    path = tmp_path / "agent.db"
    then = datetime.now(UTC) - timedelta(hours=3, minutes=20)
    with SessionRepository.open(path, clock=lambda: then) as repo:
        repo.create_session(ID, ttl=86_400, metadata={"user": "ada", "tags": ["a" * 100]})
        repo.create_session("short", ttl=None)
        repo.register_variable(ID, "prompt", "string", "Answer briefly. " * 10)
        repo.update_variable(ID, "prompt", "Antworte kurz: 日本語のテキスト " * 5, source="web")
        repo.rollback_variable(ID, "prompt", 0, reason="it was worse")
        repo.register_variable(ID, "temperature", "float", 0.7)
        repo.put_program(ID, "answer", {"demos": [{"question": "q" * 60}]})
        repo.put_program(ID, "answer", {"demos": []})
        repo.append_log(ID, "turns", [{"role": "user", "content": "Hello " * 20}, "Bye"])
    return path


def shown(processes: Any, store: Path, name: str, **options: Any) -> list[str]:
    """The lines on the terminal, without colours and times."""
    received = processes.run_on_a_terminal("--db", store, *COMMANDS[name], **options)
    masked = TIME.sub("YYYY-MM-DD hh:mm:ssZ", STYLE.sub("", received))
    return [line.rstrip() for line in masked.replace("\r\n", "\n").split("\n")]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_screen_of_80_columns_is_as_agreed(processes: Any, store: Path, name: str) -> None:
    lines = shown(processes, store, name)
    agreed = SCREENS / f"{name}.txt"
    if "UPDATE_SCREENS" in os.environ:
        SCREENS.mkdir(exist_ok=True)
        agreed.write_text("\n".join(lines), "utf-8")

    assert lines == agreed.read_text("utf-8").split("\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_agreed_screens_have_one_line_a_row_and_fit(name: str) -> None:
    lines = (SCREENS / f"{name}.txt").read_text("utf-8").split("\n")

    assert max(map(len, lines)) <= WIDTH
    assert not any(re.fullmatch(r"[ …]*", line) for line in lines if line)


def test_columns_without_content_are_omitted_on_a_terminal_only(
    processes: Any, cli: Any, store: Path
) -> None:
    on_a_terminal = shown(processes, store, "var-list")
    elsewhere = cli("--db", store, *COMMANDS["var-list"])

    assert "optimised by" not in on_a_terminal[0]
    assert "optimised by" in elsewhere


def test_other_output_has_whole_values(cli: Any, store: Path) -> None:
    assert "Answer briefly. " * 10 in cli("--db", store, *COMMANDS["var-list"])


def test_columns_are_separated_by_tabs_with_tsv(cli: Any, store: Path) -> None:
    for name in set(COMMANDS) - {"session-show"}:
        lines = cli("--db", store, *COMMANDS[name], "--tsv").splitlines()

        assert len({line.count("\t") for line in lines}) == 1
        assert lines[0].count("\t") >= 2


def test_no_color_is_respected(processes: Any, store: Path) -> None:
    received = processes.run_on_a_terminal(
        "--db", store, *COMMANDS["session-list"], env={"NO_COLOR": "1"}
    )

    assert not re.search(r"\x1b\[[0-9;]*[34][0-9]", received)
