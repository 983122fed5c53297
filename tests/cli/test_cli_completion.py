"""The shells complete commands, options, files, ids and names."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from snakestore import SessionRepository
from snakestore.cli.shell import SHELLS
from tests.cli.conftest import ROOT

ASK = {
    "bash": (
        "COMP_LINE={line}; COMP_POINT=${{#COMP_LINE}}; _snakestore_completion snakestore;"
        " printf '%s\\n' \"${{COMPREPLY[@]}}\""
    ),
    "zsh": (
        "compadd() {{ print -rl -- ${{(P)2}} }}; _files() {{ print -l *(N) }};"
        " words=({words}); CURRENT=$#words; _snakestore"
    ),
    "fish": "complete -C {line}",
}
PREPARE = {"bash": "", "zsh": "compdef() { : }", "fish": ""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a store, and the command on the PATH."""
    with SessionRepository.open(tmp_path / "agent.db") as repo:
        for session_id in ("chat:1", "chat:2", "job one"):
            repo.create_session(session_id)
        repo.register_variable("chat:1", "temperature", "float", 0.7)
        repo.register_variable("chat:1", "prompt", "string", "Hi")
        repo.put_program("chat:1", "qa", {})
        repo.append_log("chat:1", "turns", ["Hello"])
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "snakestore"
    script.write_text(
        f'#!/bin/sh\nexec {shlex.join([sys.executable, "-m", "snakestore.cli"])} "$@"\n'
    )
    script.chmod(0o755)
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "SNAKESTORE_URL"}
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(folder)}


def completed(shell: str, folder: Path, line: str, **variables: str) -> list[str]:
    """What ``shell`` completes at the end of ``line``."""
    words = line.split(" ")
    ask = ASK[shell].format(line=shlex.quote(line), words=shlex.join(words))
    script = folder / "script"
    script.write_text(SHELLS[shell].script)
    ran = subprocess.run(
        [shell, "-c", f"{PREPARE[shell]}\nsource {script}\n{ask}"],
        cwd=folder,
        env=environment(folder) | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stderr == ""
    return ran.stdout.split("\n")[:-1]


@pytest.fixture(
    params=["bash", *(pytest.param(name, marks=pytest.mark.slow) for name in ("zsh", "fish"))]
)
def shell(request: Any) -> str:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


def test_a_shell_completes_commands(shell: str, folder: Path) -> None:
    assert completed(shell, folder, "snakestore prog") == ["program"]
    assert completed(shell, folder, "snakestore program p") == ["put"]


def test_a_shell_completes_ids_with_colons_and_names(shell: str, folder: Path) -> None:
    ids = completed(shell, folder, "snakestore session show agent.db chat:")
    names = completed(shell, folder, "snakestore get agent.db chat:1 t")

    # bash replaces what follows the last colon
    assert ids == (["1", "2"] if shell == "bash" else ["chat:1", "chat:2"])
    assert names == ["temperature"]


def test_a_shell_completes_files_where_the_store_is_expected(shell: str, folder: Path) -> None:
    found = completed(shell, folder, "snakestore get age")

    # bash lists the files by itself, which only an interactive one does
    assert found == [""] if shell == "bash" else "agent.db" in found


@pytest.mark.parametrize(
    ("line", "variables", "expected"),
    [
        ("--db agent.db get ", {}, ["chat:1", "chat:2", "job one"]),
        ("get --db agent.db j", {}, ["job one"]),
        ("get c", {"SNAKESTORE_URL": "agent.db"}, ["chat:1", "chat:2"]),
        ("get chat:1 ", {"SNAKESTORE_URL": "sqlite:///agent.db"}, ["prompt", "temperature"]),
        ("get agent.db chat:1 ", {"SNAKESTORE_URL": "b.db"}, ["prompt", "temperature"]),
        ("program get agent.db chat:1 ", {}, ["qa"]),
        ("log show agent.db chat:1 ", {}, ["turns"]),
        ("log show agent.db 'job one' ", {}, []),
        ("get missing.db ", {}, []),
        ("stats agent.db --j", {}, ["--json"]),
        ("completion ", {}, ["bash", "zsh", "fish"]),
    ],
    ids=str,
)
def test_ids_and_names_are_completed(
    folder: Path, line: str, variables: dict[str, str], expected: list[str]
) -> None:
    ran = subprocess.run(
        [folder / "bin" / "snakestore"],
        cwd=folder,
        env=environment(folder)
        | {
            "_SNAKESTORE_COMPLETE": "complete_bash",
            "COMP_WORDS": f"snakestore {line}''",
            "COMP_CWORD": "-1",
        }
        | variables,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stderr == ""
    assert ran.stdout.split() == " ".join(expected).split()
    assert sorted(path.name for path in folder.iterdir()) == ["agent.db", "bin"]


def test_completion_reads_the_log_of_a_store_in_use(folder: Path) -> None:
    with SessionRepository.open(folder / "agent.db") as repo:
        repo.create_session("chat:3")

        assert completed("bash", folder, "snakestore show agent.db chat:3") == ["3"]


@pytest.mark.parametrize("name", SHELLS)
def test_one_command_installs_completion_and_again_changes_nothing(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = SHELLS[name].settings
    if settings is not None:
        (tmp_path / settings).write_text("alias ll='ls -l'")

    cli("completion", name)
    first = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    cli("completion", name)

    assert {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == first
    assert (tmp_path / SHELLS[name].path).read_text() == SHELLS[name].script
    if settings is not None:
        assert (tmp_path / settings).read_text().splitlines() == [
            "alias ll='ls -l'",
            SHELLS[name].line,
        ]


def test_completion_is_refused_for_another_shell(cli: Any) -> None:
    assert "choose a shell" in cli("completion", "tcsh", code=2)
