"""Errors are one line and an exit code, whatever is wrong."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from snakestore import SessionRepository, upgrade
from snakestore.cli.advice import COMMANDS_OF_METHODS, in_commands
from snakestore.cli.app import app
from tests.cli.conftest import ROOT, command

OF_PROGRAMS_ALONE = {
    *("open", "close", "expired"),
    *("transaction", "session", "log", "lease"),
    *("has_log", "has_program", "has_variable", "session_exists"),
    *("modify_variable", "set_values", "update_variables"),
}
"""Methods that take or return what a program has: blocks, functions, handles and batches."""


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "nobody"),
        ("get", "chat-1", "nothing"),
        ("get", "nobody", "temperature"),
        ("set", "chat-1", "nothing", "1"),
        ("history", "chat-1", "nothing"),
    ],
    ids=" ".join,
)
def test_a_missing_object_is_an_error_in_one_line(
    cli: Any, store: Path, arguments: tuple[str, ...]
) -> None:
    command, *rest = arguments
    output = cli(command, store, *rest, code=1)

    assert output.startswith("snakestore: ")
    assert len(output.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("show", "nobody"), "or list existing ones with `snakestore session list`."),
        (("get", "chat-1", "x"), "or list existing ones with `snakestore var list`."),
        (("program", "get", "chat-1", "x"), "Store it with `snakestore program put`"),
        (("session", "create", "chat-1"), "Pass --exist-ok to use it"),
        (("get", "check()", "x"), "No session 'check()'."),
    ],
    ids=str,
)
def test_an_error_advises_commands_and_not_methods(
    cli: Any, store: Path, arguments: tuple[str, ...], advice: str
) -> None:
    words = 2 if arguments[0] in {"program", "session", "log"} else 1

    output = cli(*arguments[:words], store, *arguments[words:], code=1)

    assert advice in output


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("check(repair=True) corrects them", "`snakestore check --repair` corrects them"),
        ("pass overwrite=True", "pass --overwrite"),
        ("a stale expected_version", "a stale --expected-version"),
        ("read it and retry, or use modify_variable().", "read it and retry."),
        ("others would overwrite it", "others would overwrite it"),
        ("variable 'exist_ok' of session 'x'", "variable 'exist_ok' of session 'x'"),
    ],
)
def test_words_and_quoted_names_stay_as_they_are(message: str, shown: str) -> None:
    assert in_commands(message) == shown


def test_every_method_of_the_library_has_a_command() -> None:
    methods = {name for name in dir(SessionRepository) if not name.startswith("_")}
    commands = get_command(app).commands

    for words in {*COMMANDS_OF_METHODS.values()}:
        first, *rest = words.split()
        assert not rest or rest[0].startswith("-") or rest[0] in commands[first].commands
    assert methods - set(COMMANDS_OF_METHODS) == OF_PROGRAMS_ALONE


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no database at all, though long enough for one" * 100,
        b"SQLite format 3\x00" + b"\xff" * 500,
    ],
    ids=["empty", "text", "header"],
)
def test_a_file_that_is_not_a_store_is_an_error_in_one_line_and_is_unchanged(
    cli: Any, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)

    output = cli("sessions", path, code=1)

    assert len(output.splitlines()) == 1
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_refused_and_unchanged(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE orders (id INTEGER)")
    connection.commit()
    connection.close()
    before = path.read_bytes()

    for arguments in (["sessions", path], ["sweep", path], ["set", path, "s", "v", "1"]):
        assert len(cli(*arguments, code=1).splitlines()) == 1

    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("get",),
        ("sessions", "a.db", "b", "c"),
        ("sessions", "a.db", "--limit", "-1"),
        ("db",),
        ("log", "trim", "a.db", "b", "c", "--yes"),
        ("demo", "--workers", "0"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(cli: Any, arguments: tuple[str, ...]) -> None:
    assert cli(*arguments, code=2).startswith("Usage: snakestore ")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:secret@host/db",
        "nonsense://user:secret@x/y",
        "sqlite://host/x.db",
        "://",
        "postgresql+psycopg://user:secret@127.0.0.1:1/x",
    ],
)
def test_an_unusable_url_is_one_line_without_the_password(cli: Any, url: str) -> None:
    for arguments in (["stats", url], ["sweep", url], ["db", "current", url]):
        output = cli(*arguments, code=1)

        assert len(output.splitlines()) == 1
        assert "secret" not in output


def test_the_store_can_come_from_the_environment(cli: Any, store: Path) -> None:
    env = {"SNAKESTORE_URL": str(store)}

    assert cli("get", "chat-1", "temperature", env=env) == "0.9\n"
    assert (
        cli("set", "chat-1", "temperature", "1.5", "--expected-version", "1", env=env)
        == "version 2: 1.5\n"
    )
    assert "chat-1" in cli("sessions", env=env)
    assert "chat-1" in cli("sessions", store, "chat-*", env={"SNAKESTORE_URL": "another.db"})
    assert cli("db", "current", env=env) == cli("db", "current", store)


def test_an_error_of_a_real_process_is_one_line_on_stderr(processes: Any, store: Path) -> None:
    ran = processes.run("get", store, "chat-1", "nothing")

    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (1, "", 1)


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("arguments", [["show", "STORE", "chat-1"], ["--version"], ["--help"]])
@pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="only Linux has a device that is always full"
)
def test_output_that_cannot_be_written_is_one_line_on_stderr(
    processes: Any, store: Path, arguments: list[str], unbuffered: str
) -> None:
    given = [str(store) if each == "STORE" else each for each in arguments]
    with open("/dev/full", "w", encoding="utf-8") as full:
        process = processes.start(
            *given, stdout=full.fileno(), env={"PYTHONUNBUFFERED": unbuffered}
        )
        _, output = process.communicate(timeout=60)

    assert (process.returncode, len(output.splitlines())) == (1, 1)
    assert "No space left" in output


@pytest.mark.parametrize("url", ["postgresql://user:secret@host/db", "sqlite:///demo.db"])
def test_the_demo_refuses_a_url_and_shows_no_password(processes: Any, url: str) -> None:
    ran = processes.run("demo", url)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "not a URL" in ran.stderr
    assert "secret" not in ran.stderr
    assert list(processes.folder.iterdir()) == []


def test_the_version_is_printed(processes: Any) -> None:
    assert re.fullmatch(r"\d+\.\d+\S*\n", processes.run("--version").stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "chat-1"),
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in (("show", "chat-1", "--json"), ("stats",), ("--help",))
        ),
    ],
    ids=" ".join,
)
def test_a_closed_pipe_is_no_error(processes: Any, store: Path, arguments: tuple[str, ...]) -> None:
    command, *rest = arguments
    process = processes.start(command, *([] if command == "--help" else [store]), *rest)
    process.stdout.close()
    process.stdout = None

    _, output = process.communicate(timeout=60)

    assert (process.returncode, output) == (0, "")


def run_in_shell(processes: Any, script: str, *arguments: object) -> Any:
    """Run the command by a script of bash, as its ``$@``."""
    return subprocess.run(
        ["bash", "-c", script, "bash", *command(*arguments)],
        capture_output=True,
        text=True,
        cwd=processes.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


def test_a_closed_output_is_no_error(processes: Any, store: Path) -> None:
    ran = run_in_shell(processes, 'exec "$@" >&-', "show", store, "chat-1")

    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["session", "delete", "STORE", "chat-1"], "pass --yes"),
        (["var", "set", "STORE", "chat-1", "prompt", "--file", "-"], "name a file"),
        (["import", "STORE", "-"], "name a file"),
    ],
    ids=["question", "value", "records"],
)
def test_a_closed_input_is_wrong_usage(
    processes: Any, store: Path, arguments: list[str], remedy: str
) -> None:
    given = [str(store) if each == "STORE" else each for each in arguments]

    ran = run_in_shell(processes, 'exec "$@" <&-', *given)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert remedy in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("name", ["missing.db", "no folder/missing.db", "dangling.db"])
def test_a_store_that_does_not_exist_is_named_and_not_created(
    cli: Any, tmp_path: Path, name: str
) -> None:
    (tmp_path / "dangling.db").symlink_to("nowhere.db")
    missing = tmp_path / name

    for arguments in (
        ["sessions", missing],
        ["show", missing, "s"],
        ["get", missing, "s", "n"],
        ["history", missing, "s", "n"],
        ["stats", missing],
        ["check", missing],
        ["check", missing, "--repair"],
        ["set", missing, "s", "n", "1"],
        ["sweep", missing],
        ["backup", missing, tmp_path / "copy.db"],
        ["copy", missing, tmp_path / "copy.db"],
        ["db", "current", missing],
        ["db", "downgrade", missing, "--revision", "base"],
    ):
        output = cli(*arguments, code=1)

        assert output.startswith(f"snakestore: {missing} does not exist: ")
        assert len(output.splitlines()) == 1
        assert not re.search("upgrade|migrate|alembic", output)
    assert [path.name for path in tmp_path.iterdir()] == ["dangling.db"]


def test_a_store_of_an_older_schema_is_to_be_upgraded(cli: Any, tmp_path: Path) -> None:
    upgrade(tmp_path / "old.db", "0001")
    (tmp_path / "empty.db").touch()

    assert "snakestore db upgrade" in cli("sessions", tmp_path / "old.db", code=1)
    assert "empty.db is empty: " in cli("sessions", tmp_path / "empty.db", code=1)
    assert cli("db", "current", tmp_path / "old.db") == "0001\n"
    assert cli("db", "current", tmp_path / "empty.db") == "none\n"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:secret@127.0.0.1:1/db",
        "postgresql://ada:a@secret@127.0.0.1:1/db",
        "postgresql://ada: secret@127.0.0.1:1/db",
        "postgresql:/ada:secret@127.0.0.1:1/db",
        "postgresql://127.0.0.1:1/db?user=ada&password=secret",
        "mysql://ada:secret@db/x",
    ],
)
def test_no_error_shows_the_password_of_a_url(cli: Any, store: Path, url: str) -> None:
    outputs = [
        cli("sessions", url, code=1),
        cli("sessions", code=1, env={"SNAKESTORE_URL": url}),
        cli("copy", store, url, code=1),
        cli("copy", url, store, code=1),
        cli("db", "upgrade", url, code=1),
        cli(url, code=2),
        cli("db", url, code=2),
        cli("sessions", store, "chat-1", url, code=2),
        cli("sessions", store, f"--{url}", code=2),
        cli("history", store, "chat-1", "prompt", "--limit", url, code=2),
    ]

    assert [output for output in outputs if "secret" in output] == []


def test_a_damaged_session_is_reported_on_stderr_and_the_others_are_listed(
    processes: Any, store: Path
) -> None:
    with sqlite3.connect(store) as file:
        file.execute("PRAGMA ignore_check_constraints = ON")
        file.execute("UPDATE sessions SET last_accessed = 'never' WHERE id = 'chat-1'")
    file.close()

    result = processes.run("sessions", store, "--json")

    assert [session["id"] for session in json.loads(result.stdout)] == ["job-1"]
    assert result.stderr.splitlines() == [
        "snakestore: omitted the session 'chat-1', which is damaged: see `snakestore check`"
    ]
    assert result.returncode == 0
