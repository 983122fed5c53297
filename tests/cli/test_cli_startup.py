"""What starts without SQLAlchemy. How long it takes, `python -m benchmarks imports` measures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from snakestore import SessionRepository
from snakestore.cli.commands import GROUPS
from tests.cli.conftest import ROOT

SLOW_TO_LOAD = ("sqlalchemy", "alembic", "rich", "pydantic")
LIST_LOADED = (
    "import atexit, sys;"
    f" atexit.register(lambda: print([m for m in {SLOW_TO_LOAD} if m in sys.modules],"
    " file=sys.stderr));"
    " from snakestore.cli import main;"
    " sys.argv[0] = 'snakestore'; main()"
)


def run(code: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("-h",),
        ("--help",),
        *((group, "--help") for group in GROUPS),
        *((name, "-h") for name in ("get", "stats", "copy", "completion", "demo", "inspect")),
    ],
    ids=" ".join,
)
def test_version_and_help_load_neither_sqlalchemy_nor_alembic(arguments: tuple[str, ...]) -> None:
    ran = run(LIST_LOADED, *arguments)

    assert (ran.returncode, ran.stderr) == (0, "[]\n")
    assert ran.stdout


@pytest.mark.parametrize("line", ["", "var ", "get agent.db ", "get agent.db chat-1 "])
def test_completion_loads_neither_sqlalchemy_nor_alembic(tmp_path: Path, line: str) -> None:
    path = tmp_path / "agent.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("chat-1")
        repo.register_variable("chat-1", "prompt", "string", "Hi")

    ran = run(
        LIST_LOADED,
        _SNAKESTORE_COMPLETE="complete_bash",
        COMP_WORDS=f"snakestore {line.replace('agent.db', str(path))}''",
        COMP_CWORD="-1",
    )

    assert ran.stderr == "[]\n"
    assert ran.stdout.strip()
