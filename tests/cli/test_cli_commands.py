"""Every command runs through the real program: what it prints for people, and with --json."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from snakestore import SessionRepository
from snakestore.cli.app import app
from snakestore.cli.commands import SHORT_FORMS

EVERY_COMMAND: dict[str, tuple[str, str, set[str]]] = {
    # the arguments after FILE, what is printed (a pattern), the keys of the document of --json
    "session list": ("chat-*", "chat-1 .* 3 ", {"id", "ttl", "variable_count", "metadata"}),
    "session show": ("chat-1", "prompt .*Answer", {"session", "variables", "programs", "logs"}),
    "session create": ("new --ttl none", "^new$", {"id", "created_at", "expires_at"}),
    "session update": ("job-1 --ttl 60", "^job-1$", {"id", "ttl"}),
    "session touch": ("chat-1 --worker w", "^chat-1$", {"id", "last_worker_id"}),
    "session revive": ("job-1", "^job-1$", {"id", "last_accessed"}),
    "session delete": ("job-1 --yes", "^deleted job-1$", {"deleted"}),
    "var list": ("chat-1", 'prompt +string +"Answer', {"name", "type", "value", "version"}),
    "var get": ("chat-1 temperature", "^0.9$", {"id", "name", "value", "constraints"}),
    "var set": ("chat-1 temperature 1.5", "^version 2: 1.5$", {"value", "version"}),
    "var register": ("chat-1 k integer 4", "^version 0: 4$", {"value", "version"}),
    "var put": ("chat-1 --file VARIABLE", "^version 1: 0.9$", {"id", "value", "version"}),
    "var constrain": ('chat-1 temperature {"max":1}', '^{"max": 1', {"constraints"}),
    "var history": ("chat-1 temperature", "1 +0.9 +float", {"version", "value"}),
    "var rollback": ("chat-1 temperature 0 --reason x", "^version 2: 0.7$", {"version"}),
    "var lock": ("chat-1 prompt --as me", "^prompt is held by me until", {"optimizing"}),
    "var claim": ("chat-1 t* --as me --seconds 9", "^temperature is held by me", {"optimizing"}),
    "var unlock": ("chat-1 prompt", "^prompt is free$", {"optimizing"}),
    "var delete": ("chat-1 prompt --yes", "^deleted prompt$", {"deleted"}),
    "program list": ("chat-1", 'qa +{"demos": ', {"id", "document", "version"}),
    "program get": ("chat-1 qa", '^{"demos": ', {"id", "document", "version", "metadata"}),
    "program put": ('chat-1 qa {"a":1}', "^version 1$", {"id", "document", "version"}),
    "program history": ("chat-1 qa", '0 +{"demos": ', {"id", "document", "version"}),
    "program rollback": ("chat-1 qa 0", "^version [01]$", {"id", "document", "version"}),
    "program delete": ("chat-1 qa --yes", "^deleted qa$", {"deleted"}),
    "log list": ("chat-1", "turns +2$", {"name", "length"}),
    "log show": ("chat-1 turns", '0 +"Hello"', {"position", "value", "created_at"}),
    "log append": ("chat-1 turns 1", "^3 entries$", {"length"}),
    "log pop": ("chat-1 turns", '^"Hello, Ada"$', {"value"}),
    "log trim": ("chat-1 turns --keep-last 1 --yes", "^1 entry dropped$", {"dropped"}),
    "log delete": ("chat-1 turns --yes", "^deleted turns$", {"deleted"}),
    "stats": ("", "sessions +2$", {"sessions", "variables", "size_bytes"}),
    "check": ("", "^no problems$", {"ok", "problems", "notes"}),
    "sweep": ("", "^0 expired sessions deleted$", {"deleted"}),
    "prune": ("--keep 0 --yes", "^1 past version deleted$", {"deleted"}),
    "compact": ("", r"^\d+ bytes returned$", {"returned_bytes"}),
    "backup": ("TARGET", "^backup written to ", {"path", "size_bytes"}),
    "copy": ("TARGET", "copied +2$", {"sessions", "copied", "checksum"}),
    "export": ("", '^{"kind": "header"', {"kind", "checksum"}),
    "import": ("EXPORT --on-conflict skip", "skipped +2$", {"imported", "skipped", "conflicts"}),
    "db upgrade": ("", r"^\d{4}$", {"revision"}),
    "db downgrade": ("--revision 0001 --yes", "^0001$", {"revision"}),
    "db current": ("", r"^\d{4}$", {"revision"}),
    "db check": ("", r"^the schema is at \d{4}, the newest$", {"ok", "current", "head"}),
    "db history": ("", "0001 +Sessions, .* yes$", {"revision", "summary", "applied"}),
}
TESTED_ELSEWHERE = {"demo", "completion", "inspect"}


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not hasattr(command, "commands"):
        yield " ".join(path)
        return
    for name, each in command.commands.items():
        if (*path, name) not in {(short,) for short in SHORT_FORMS}:
            yield from commands(each, (*path, name))


def test_every_command_is_tested() -> None:
    assert {*commands(get_command(app))} - TESTED_ELSEWHERE == set(EVERY_COMMAND)


@pytest.fixture
def export(cli: Any, store: Path, tmp_path: Path) -> Path:
    path = tmp_path / "export.jsonl"
    path.write_text(cli("export", store))
    variable = cli("var", "get", store, "chat-1", "temperature", "--json")
    path.with_name("variable.json").write_text(variable)
    return path


def on(command: str, store: Path, export: Path) -> list[str]:
    """The arguments of a command of the table."""
    arguments, _, _ = EVERY_COMMAND[command]
    given = {
        "TARGET": str(store.with_name("target.db")),
        "EXPORT": str(export),
        "VARIABLE": str(export.with_name("variable.json")),
    }
    return [
        *command.split(),
        str(store),
        *(given.get(each, each) for each in arguments.split()),
    ]


def on_two_copies(
    run: Callable[..., Any], run_json: Callable[..., Any], command: str, store: Path, export: Path
) -> tuple[Any, Any]:
    """The results of a command for people and with --json, each on a store without the other."""
    copied = store.with_name("copy.db")
    shutil.copy(store, copied)
    printed = run(*on(command, store, export))
    store.with_name("target.db").unlink(missing_ok=True)
    return printed, run_json(*on(command, copied, export))


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_a_command_prints_what_people_read_and_one_json_document(
    cli: Any, store: Path, export: Path, command: str
) -> None:
    _, pattern, keys = EVERY_COMMAND[command]

    printed, document = on_two_copies(cli, cli.json, command, store, export)

    assert re.search(pattern, printed, re.MULTILINE), printed
    first = document[0] if isinstance(document, list) else document
    assert set(first) >= keys


@pytest.mark.slow
@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_a_command_runs_as_a_process_and_prints_only_data_to_stdout(
    processes: Any, store: Path, export: Path, command: str
) -> None:
    _, pattern, _ = EVERY_COMMAND[command]

    printed, as_json = on_two_copies(
        processes.run, lambda *words: processes.run(*words, "--json"), command, store, export
    )

    assert (printed.returncode, printed.stderr) == (0, "")
    assert re.search(pattern, printed.stdout, re.MULTILINE)
    assert (as_json.returncode, as_json.stderr) == (0, "")
    json.loads(as_json.stdout)


@pytest.mark.parametrize(
    "command",
    [
        *("var get", "var set", "log show", "copy", "db current"),
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in EVERY_COMMAND
            # their PATTERN, which is optional, would be taken for FILE
            if each not in {"session list", "export"}
        ),
    ],
)
def test_a_store_can_be_given_before_the_command_after_it_or_in_the_environment(
    cli: Any, store: Path, export: Path, command: str, tmp_path: Path
) -> None:
    words = on(command, store, export)
    words.remove(str(store))
    outputs = []
    for number, (before, after, env) in enumerate(
        [(["--db"], [], {}), ([], ["--db"], {}), ([], [], {"SNAKESTORE_URL": ""})]
    ):
        copied = tmp_path / f"copy-{number}.db"
        shutil.copy(store, copied)
        arguments = [each.replace("target", f"target-{number}") for each in words]
        given = [*(each for each in before), *([str(copied)] if before else [])]
        outputs.append(
            cli(
                *given,
                *arguments,
                *after,
                *([str(copied)] if after else []),
                env=dict.fromkeys(env, str(copied)),
            )
        )

    masked = [re.sub(r"-\d\.db|\d\d:\d\d:\d\d|\d+ bytes", "", output) for output in outputs]
    assert masked[0] == masked[1] == masked[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ("session", "delete", "chat-1"),
        ("var", "delete", "chat-1", "prompt"),
        ("program", "delete", "chat-1", "qa"),
        ("log", "delete", "chat-1", "turns"),
        ("log", "trim", "chat-1", "turns", "--keep-last", "0"),
        ("prune", "--keep", "0"),
        ("db", "downgrade", "--revision", "base"),
        ("import", "EXPORT", "--on-conflict", "replace"),
    ],
    ids=" ".join,
)
def test_what_deletes_needs_yes_where_nobody_can_answer(
    cli: Any, store: Path, export: Path, arguments: tuple[str, ...]
) -> None:
    before = store.read_bytes()
    given = [str(export) if each == "EXPORT" else each for each in arguments]

    output = cli("--db", store, *given, code=2)

    assert output.startswith("snakestore: ")
    assert output.endswith("pass --yes.\n")
    assert len(output.splitlines()) == 1
    assert store.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("session", "delete", "nobody"),
        ("var", "delete", "chat-1", "nothing"),
        ("program", "delete", "chat-1", "nothing"),
        ("log", "delete", "chat-1", "nothing"),
    ],
    ids=" ".join,
)
def test_deleting_what_is_not_there_is_an_error(
    cli: Any, store: Path, arguments: tuple[str, ...]
) -> None:
    assert "nothing" in cli("--db", store, *arguments, "--yes", code=1) or "nobody" in arguments


def test_values_of_every_form_are_read(cli: Any, store: Path, tmp_path: Path) -> None:
    binary, text, document = (tmp_path / name for name in ("binary", "text", "document"))
    binary.write_bytes(b"\0\xff")
    text.write_text("Answer\nin French")
    document.write_text('{"a": [1]}')

    cli("var", "register", store, "job-1", "image", "bytes", '"AA=="')
    cli("var", "set", store, "job-1", "image", "--file", binary)
    cli("var", "register", store, "job-1", "prompt", "string", "--file", text)
    cli("var", "register", store, "job-1", "settings", "json", "--file", document)
    cli("program", "put", store, "job-1", "qa", "--file", document)
    cli("log", "append", store, "job-1", "turns", "--file", document)

    with SessionRepository.open(store) as repo:
        assert repo.get_value("job-1", "image") == b"\0\xff"
        assert repo.get_variable_version("job-1", "image", 0).value == b"\0"
        assert repo.get_value("job-1", "prompt") == "Answer\nin French"
        assert repo.get_value("job-1", "settings") == {"a": [1]}
        assert repo.get_program("job-1", "qa") == {"a": [1]}
        assert [entry.value for entry in repo.read_log("job-1", "turns")] == [{"a": [1]}]


def test_a_variable_is_put_as_it_was_got_from_another_session(
    cli: Any, store: Path, export: Path
) -> None:
    variable = export.with_name("variable.json")

    assert cli("var", "put", store, "job-1", "--file", variable) == "version 1: 0.9\n"
    assert cli.json("var", "get", store, "job-1", "temperature") == json.loads(variable.read_text())
    changed = variable.read_text().replace('"value": 0.9', '"value": 1.5')
    environment = {"SNAKESTORE_URL": str(store)}
    assert cli("var", "put", "job-1", changed, env=environment) == "version 2: 1.5\n"
    cli("var", "put", store, "job-1", changed, "--expected-version", 1, code=1)


def test_a_variable_that_is_not_whole_is_refused(cli: Any, store: Path) -> None:
    output = cli("var", "put", store, "job-1", '{"id": "x"}', code=1)

    assert output.startswith("snakestore: Missing required fields: ['name', ")
    assert len(output.splitlines()) == 1


def test_the_newest_entries_of_a_log_are_popped_until_it_is_empty(cli: Any, store: Path) -> None:
    assert cli("log", "pop", store, "chat-1", "turns") == '"Hello, Ada"\n'
    assert cli.json("log", "pop", store, "chat-1", "turns") == {"value": "Hello"}
    assert "turns" in cli("log", "pop", store, "chat-1", "turns", code=1)


def test_raw_values_are_printed_as_they_are(processes: Any, store: Path) -> None:
    with SessionRepository.open(store) as repo:
        repo.register_variable("job-1", "image", "bytes", b"\0AB")

    assert processes.run("var", "get", store, "chat-1", "prompt", "--raw").stdout == (
        "Answer briefly.\n"
    )
    assert processes.run("var", "get", store, "job-1", "image", "--raw").stdout == "\0AB"


@pytest.mark.parametrize(
    "arguments",
    [
        ("var", "set", "chat-1", "prompt"),
        ("var", "set", "chat-1", "prompt", "1", "--file", "x"),
        ("session", "create"),
        ("session", "create", "s", "--new-id"),
        ("session", "create", "s", "--ttl", "soon"),
        ("session", "create", "s", "--metadata", "[]"),
        ("var", "put", "chat-1", "[]"),
        ("session", "create", "s", "--history", "few"),
        ("sweep", "--every", "1", "--json"),
        ("sweep", "--every", "0"),
        ("sweep", "--every", "nan"),
        ("sweep", "--every", "inf"),
        ("prune", "--older-than", "nan", "--yes"),
        ("prune", "--older-than", "inf", "--yes"),
    ],
    ids=" ".join,
)
def test_contradictions_are_wrong_usage(cli: Any, store: Path, arguments: tuple[str, ...]) -> None:
    before = cli("export", store)

    refused = cli("--db", store, *arguments, code=2)

    assert refused.startswith("Usage: snakestore ")
    assert cli("export", store) == before


def test_a_session_with_a_new_id_is_created(cli: Any, store: Path) -> None:
    created = cli("session", "create", store, "--new-id").strip()

    assert created in [each["id"] for each in cli.json("session", "list", store)]


def test_an_export_is_imported_into_another_store(cli: Any, store: Path, tmp_path: Path) -> None:
    other, export = tmp_path / "other.db", tmp_path / "chats.jsonl"
    cli("db", "upgrade", other)

    assert cli("export", store, "chat-*", "--output", export) == f"1 session written to {export}\n"
    assert cli.json("import", other, export, "--dry-run")["imported"] == 1
    assert cli.json("session", "list", other) == []
    assert cli.json("import", other, export)["imported"] == 1
    assert cli("var", "get", other, "chat-1", "temperature") == "0.9\n"


def test_a_line_of_an_import_that_is_not_json_is_named(cli: Any, store: Path, export: Path) -> None:
    export.write_text(export.read_text().splitlines()[0] + "\n{\n")

    assert "line 2" in cli("import", store, export, code=1)


def test_an_export_that_fails_leaves_no_file(cli: Any, store: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    cli("export", store, "--output", tmp_path / "folder", code=1)

    assert list((tmp_path / "folder").iterdir()) == []
    assert not list(tmp_path.glob("*unfinished*"))


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_an_export_does_not_take_the_place_of_the_store(cli: Any, store: Path, suffix: str) -> None:
    message = cli("export", store, "--output", f"{store}{suffix}", code=1)

    assert f"{store.name}{suffix} is the store itself" in message
    assert cli("var", "get", store, "chat-1", "temperature") == "0.9\n"


def test_an_export_to_a_link_replaces_what_it_names(cli: Any, store: Path, tmp_path: Path) -> None:
    export, link = tmp_path / "export.jsonl", tmp_path / "link"
    link.symlink_to(export)

    cli("export", store, "--output", link)

    assert link.is_symlink()
    assert '"kind": "header"' in export.read_text()


def test_an_export_to_a_pipe_is_written_into_it(cli: Any, store: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    cli("export", store, "chat-*", "--output", pipe)

    assert '"kind": "end"' in os.read(end, 65536).decode().splitlines()[-1]
    assert pipe.is_fifo()
    os.close(end)


def test_a_file_that_is_missing_is_named_without_a_number(cli: Any, store: Path) -> None:
    message = cli("import", store, "missing.jsonl", code=1)

    assert message == "snakestore: missing.jsonl: No such file or directory\n"


def test_the_schema_is_checked(cli: Any, store: Path) -> None:
    cli("db", "downgrade", store, "--revision", "0002", "--yes")

    document = json.loads(cli_json(cli, "db", "check", store))
    assert (document["ok"], document["current"]) == (False, "0002")
    assert [each["applied"] for each in cli.json("db", "history", store)][:3] == [True, True, False]


def cli_json(cli: Any, *arguments: object) -> str:
    """What a command that fails prints with --json."""
    return str(cli.run(*arguments, "--json").stdout)


def test_a_lease_of_another_optimiser_is_respected(cli: Any, store: Path) -> None:
    cli("var", "lock", store, "chat-1", "prompt", "--as", "ada", "--seconds", "60")

    assert "ada" in cli("var", "set", store, "chat-1", "prompt", '"x"', code=1)
    assert "version 1" in cli("var", "set", store, "chat-1", "prompt", '"x"', "--as", "ada")
    cli("var", "unlock", store, "chat-1", "prompt", "--as", "bob", code=1)
    assert cli("var", "unlock", store, "chat-1", "prompt") == "prompt is free\n"


def test_the_reason_of_a_rollback_is_in_the_history(cli: Any, store: Path) -> None:
    cli("var", "rollback", store, "chat-1", "temperature", "0", "--reason", "too random")

    lines = cli("var", "history", store, "chat-1", "temperature").splitlines()
    assert [line.endswith("too random") for line in lines] == [False, True, False, False]
