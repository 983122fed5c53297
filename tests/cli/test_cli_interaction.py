"""Questions, progress, interruptions and closed pipes, on a terminal and off it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from snakestore import SessionRepository
from snakestore.cli.paging import LIMIT_ON_A_TERMINAL, PAGE
from tests.cli.conftest import ROOT, command
from tests.cli.test_cli_write import expire


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A store with more sessions than a page."""
    path = tmp_path / "many.db"
    with SessionRepository.open(path) as repo, repo.transaction() as transaction:
        for number in range(PAGE + LIMIT_ON_A_TERMINAL + 1):
            transaction.create_session(f"s-{number:04}")
        for number in range(LIMIT_ON_A_TERMINAL + 1):
            transaction.register_variable("s-0000", f"v-{number:04}", "integer", number)
            transaction.append_log("s-0000", f"l-{number:04}", [number])
    return path


@pytest.mark.parametrize(("answer", "left"), [("y", ["job-1"]), ("n", ["chat-1", "job-1"])])
def test_a_terminal_is_asked_before_something_is_deleted(
    processes: Any, store: Path, answer: str, left: list[str]
) -> None:
    received = processes.run_on_a_terminal(
        "session", "delete", store, "chat-1", answer=answer, columns=200
    )

    with SessionRepository.open(store) as repo:
        assert [session.id for session in repo.list_sessions()] == left
    assert "Delete the session chat-1" in received


@pytest.mark.parametrize(
    ("arguments", "prefix"),
    [
        (("session", "list"), "s"),
        pytest.param(("log", "list", "s-0000"), "l", marks=pytest.mark.slow),
    ],
    ids=["sessions", "logs"],
)
def test_a_terminal_shows_the_first_hundred_and_how_to_go_on(
    processes: Any, many: Path, arguments: tuple[str, ...], prefix: str
) -> None:
    received = processes.run_on_a_terminal("--db", many, *arguments, answer="", columns=200)

    assert f"{prefix}-0099" in received
    assert f"{prefix}-0100" not in received
    assert f"More follow. Add --after {prefix}-0099" in received


def test_other_output_has_every_row(cli: Any, many: Path) -> None:
    everything = PAGE + LIMIT_ON_A_TERMINAL + 1

    assert len(cli("session", "list", many).splitlines()) == everything + 1
    assert len(cli("session", "list", many, "--tsv").splitlines()) == everything + 1
    assert len(cli.json("session", "list", many)) == everything
    assert len(cli.json("session", "list", many, "--limit", PAGE + 1)) == PAGE + 1


def test_a_list_goes_on_after_an_id_or_name(cli: Any, many: Path) -> None:
    sessions = cli.json("session", "list", many, "--after", "s-0499", "--limit", 2)
    variables = cli.json("var", "list", many, "s-0000", "--after", "v-0099")
    logs = cli.json("log", "list", many, "s-0000", "--after", "l-0050x", "--limit", 1)

    assert [session["id"] for session in sessions] == ["s-0500", "s-0501"]
    assert [variable["name"] for variable in variables] == ["v-0100"]
    assert logs == [{"name": "l-0051", "length": 1}]


def test_a_terminal_sees_the_progress_of_a_copy(processes: Any, many: Path, tmp_path: Path) -> None:
    received = processes.run_on_a_terminal(
        "copy", many, tmp_path / "target.db", answer="", columns=200
    )

    assert "copying" in received
    assert "sessions" in received
    assert "/s)" in received
    assert " left" in received


@pytest.mark.parametrize(
    "arguments", [("session", "list"), ("session", "list", "--json"), ("export",)], ids=" ".join
)
def test_head_ends_a_list_quietly_with_0(
    processes: Any, many: Path, arguments: tuple[str, ...]
) -> None:
    pipeline = 'set -o pipefail; "$@" | head -1'
    ran = subprocess.run(
        ["bash", "-c", pipeline, "bash", *command("--db", many, *arguments)],
        capture_output=True,
        text=True,
        cwd=processes.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )

    assert (ran.returncode, ran.stderr, len(ran.stdout.splitlines())) == (0, "", 1)


def test_sweep_goes_on_until_it_is_interrupted(processes: Any, store: Path) -> None:
    expire(store, "chat-1")
    process = processes.start("sweep", store, "--every", "0.01", measured=False)
    first = process.stdout.readline()
    with SessionRepository.open(store) as repo:
        repo.create_session("later", ttl=1)
    expire(store, "later")
    second = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert first == second == "1 expired session deleted\n"
    assert (process.returncode, err) == (130, "snakestore: interrupted\n")


@pytest.mark.slow
def test_an_interrupted_import_has_changed_nothing(
    processes: Any, many: Path, tmp_path: Path, cli: Any
) -> None:
    export, target = tmp_path / "all.jsonl", tmp_path / "target.db"
    cli("export", many, "--output", export)
    cli("db", "upgrade", target)
    lines = export.read_text().splitlines(keepends=True)
    process = processes.start("import", target, "-", stdin=subprocess.PIPE, measured=False)
    process.stdin.writelines(lines[: len(lines) // 2])
    process.stdin.flush()  # more than a pipe holds, so the import has begun to read

    process.send_signal(signal.SIGINT)
    process.wait(60)
    err = process.stderr.read()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()

    assert process.returncode == 130
    assert "Traceback" not in err
    assert cli.json("session", "list", target) == []


@pytest.mark.parametrize(
    ("mistyped", "meant"),
    [("agnet.db", "agent.db"), ("agent.bd", "agent.db"), ("Agent.db", "agent.db")],
)
def test_files_with_a_similar_name_are_named(
    cli: Any, store: Path, monkeypatch: pytest.MonkeyPatch, mistyped: str, meant: str
) -> None:
    monkeypatch.chdir(store.parent)
    (store.parent / "agent.db-wal").touch()
    (store.parent / "unrelated.txt").touch()

    relative = cli("stats", mistyped, code=1)
    absolute = cli("stats", store.with_name(mistyped), code=1)

    assert relative.endswith(f"does not exist: did you mean {meant}?\n")
    assert absolute.endswith(f"does not exist: did you mean {store.with_name(meant)}?\n")


def test_a_file_argument_and_db_together_are_wrong_usage(cli: Any, store: Path) -> None:
    refused = cli("--db", store, "var", "get", store, "chat-1", "prompt", code=2)

    assert refused.startswith("Usage: snakestore var get ")


def test_a_store_whose_name_begins_with_a_dash_is_found(
    cli: Any, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store.parent)
    store.rename(store.with_name("-x.db"))

    assert cli("--db=-x.db", "get", "chat-1", "temperature") == "0.9\n"
    assert json.loads(cli("stats", "--db=-x.db", "--json"))["sessions"] == 2


@pytest.mark.slow
def test_lists_stay_quick_with_100_000_sessions(cli: Any, tmp_path: Path) -> None:
    small, large = tmp_path / "small.db", tmp_path / "large.db"
    for path, count in ((small, 200), (large, 100_000)):
        with SessionRepository.open(path) as repo, repo.transaction() as transaction:
            for number in range(count):
                transaction.create_session(f"s-{number:06}")
            transaction.register_variable("s-000100", "x", "integer", 1)

    for arguments in (
        ("session", "list", "--limit", "50"),
        ("session", "list", "--limit", "50", "--after", "s-000100"),
        ("session", "list", "--tsv", "--limit", "50"),
        ("session", "show", "s-000100"),
        ("var", "list", "s-000100"),
        ("program", "list", "s-000100"),
        ("log", "list", "s-000100"),
    ):
        assert seconds(cli, large, arguments) < 3 * seconds(cli, small, arguments)


def seconds(cli: Any, store: Path, arguments: tuple[str, ...]) -> float:
    """The shortest of some runs, in seconds of CPU."""
    taken = []
    for _ in range(7):
        before = time.process_time()
        cli("--db", store, *arguments)
        taken.append(time.process_time() - before)
    return min(taken)
