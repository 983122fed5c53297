"""The command line in this process where that is quick, otherwise as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from snakestore import SessionRepository
from snakestore.cli.app import app

ROOT = Path(__file__).parents[2]
DEVELOPERS_OWN = ("SNAKESTORE_URL", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")


class Cli:
    """Runs verbs in this process."""

    def __call__(
        self, *arguments: object, code: int = 0, env: dict[str, str | None] | None = None
    ) -> str:
        """The output of the command, or its stderr if it failed; the exit code is checked."""
        result = self.run(*arguments, env=env)
        assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
        return result.stderr if code else result.stdout

    def run(self, *arguments: object, env: dict[str, str | None] | None = None) -> Any:
        """The result of the command, whatever it is."""
        return CliRunner().invoke(
            app,
            [str(argument) for argument in arguments],
            env={"SNAKESTORE_URL": None, **(env or {})},
        )

    def json(self, *arguments: object) -> Any:
        """What the command printed with --json, parsed."""
        return json.loads(self(*arguments, "--json"))


@pytest.fixture
def cli() -> Cli:
    return Cli()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A file with two sessions, some variables, a program and some history."""
    path = tmp_path / "agent.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("chat-1", ttl=3600, metadata={"user": "ada"}, worker_id="web-1")
        repo.create_session("job-1", ttl=None)
        repo.register_variable(
            "chat-1", "temperature", "float", 0.7, constraints={"min": 0.0, "max": 2.0}
        )
        repo.register_variable("chat-1", "prompt", "string", "Answer briefly.")
        repo.update_variable("chat-1", "temperature", 0.9)
        repo.put_program("chat-1", "qa", {"demos": [1, 2]})
        repo.append_log("chat-1", "turns", ["Hello", "Hello, Ada"])
    return path


def command(*arguments: object) -> list[str]:
    """The command line that runs the command from this checkout."""
    return [sys.executable, "-m", "snakestore", *map(str, arguments)]


class Processes:
    """Starts the command as processes in an empty folder, and ends those that are left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def start(
        self,
        *arguments: object,
        stdin: int | None = None,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        env: dict[str, str] | None = None,
        measured: bool = True,
    ) -> subprocess.Popen[str]:
        """Start it, without a store of the developer's own and with warnings as errors.

        Args:
            measured: whether coverage measures it. An interrupt may leave the lock of coverage's
                tracer held.
        """
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in DEVELOPERS_OWN and (measured or not name.startswith("COVERAGE_PROCESS_"))
        }
        kept |= {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "TERM": "xterm"}
        process = subprocess.Popen(
            command(*arguments),
            cwd=self.folder,
            env=kept | (env or {}),
            text=True,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run_on_a_terminal(
        self,
        *arguments: object,
        columns: int = 80,
        answer: str | None = None,
        env: dict[str, str] | None = None,
    ) -> str:
        """What a terminal receives; with an answer, stdin and stderr are the terminal too."""
        ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (24, columns))
        everything = {} if answer is None else {"stdin": theirs, "stderr": theirs}
        process = self.start(*arguments, stdout=theirs, env=env, **everything)
        if answer is not None:
            os.write(ours, f"{answer}\n".encode())
        os.close(theirs)
        received = b""
        with open(ours, "rb", buffering=0) as terminal:
            while (piece := _read(terminal)) != b"":
                received += piece
        process.wait(60)
        return received.decode()

    def close(self) -> None:
        """End what still runs."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


def _read(terminal: Any) -> bytes:
    try:
        return bytes(terminal.read(65536))
    except OSError:  # Linux's way to say that nobody is at the other end any more
        return b""


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    started = Processes(folder)
    yield started
    started.close()
