"""The code in the README and the docs runs, and prints what the pages say."""

from __future__ import annotations

import contextlib
import difflib
import doctest
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from snakestore.cli.app import app
from snakestore.types import registry

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(?P<language>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# (\w+\.py)\n")
PRINTED = re.compile(r"^\s*print\(.*\)  # (?P<expected>.+)$", re.MULTILINE)
RUN = ("python", "console")
START_PROCESSES = {"getting-started", "testing"}
# of snakestore.integrations and docs/recipes.md
FRAMEWORKS = {
    *("agents", "dspy", "google", "langgraph", "optuna"),
    *("dogpile", "langchain_core", "pydantic"),
}
# where the sqlite3 shell is not installed, python's own module stands in for it
SQLITE3_SHELL = """\
import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]):
    print("|".join("" if cell is None else str(cell) for cell in row))
"""


def blocks(page: Path) -> list[tuple[str, str, int]]:
    """The blocks of ``page`` that run: language, text, and the line that they start on."""
    text = page.read_text("utf-8")
    found = [
        (block["language"], block["body"], text.count("\n", 0, block.start()) + 2)
        for block in FENCE.finditer(text)
    ]
    return [block for block in found if block[0] in RUN]


def names(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(autouse=True)
def own_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Types that a page registers, gone after it."""
    monkeypatch.setattr(registry, "_types", dict(registry._types))


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the commands that the docs use, of this checkout."""
    folder = tmp_path_factory.mktemp("bin")
    scripts = {"python": [], "snakestore": ["-m", "snakestore.cli"]}
    if shutil.which("sqlite3") is None:
        scripts["sqlite3"] = ["-c", SQLITE3_SHELL]
    for name, arguments in scripts.items():
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, *arguments])} "$@"\n')
        script.chmod(0o755)
    return folder


def started_by_a_command(page: Path) -> set[str]:
    """The files that the console blocks of ``page`` start."""
    shown = "".join(body for language, body, _ in blocks(page) if language == "console")
    return set(re.findall(r"\bpython (\w+\.py)", shown))


def lacks_a_framework(body: str) -> bool:
    """Whether a block imports a framework of an adapter that is not installed."""
    imported = re.findall(r"^(?:from|import) ([\w.]+)", body, re.MULTILINE)
    return any(name.partition(".")[0] in FRAMEWORKS and not is_installed(name) for name in imported)


def is_installed(module: str) -> bool:
    """Whether a module can be imported, which a namespace such as ``google`` does not tell."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it is in
        return False


def run_python(body: str, page: Path, line: int, namespace: dict[str, Any]) -> None:
    """Run a block. One that begins with the name of a file becomes that file too.

    If a command of the page starts the file, the block is not run here.
    """
    named = NAMED.match(body)
    if named:
        Path(named[1]).write_text(body, "utf-8")
        if named[1] in started_by_a_command(page):
            return
    expected = [found["expected"] for found in PRINTED.finditer(body)]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile("\n" * (line - 1) + body, str(page), "exec", dont_inherit=True), namespace)  # noqa: S102 - running what the docs show is the point
    if expected:
        assert out.getvalue().splitlines() == expected


def run_console(body: str, page: Path, line: int, commands: Path) -> None:
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        code, out, err = (
            run_here(command)
            if re.fullmatch(r"snakestore (?!demo)[^|&$<>]*", command)
            else run_in_a_shell(command, commands)
        )
        assert code == 0, f"{page.name}:{line}: {command}\n{out}{err}"
        if not doctest.OutputChecker().check_output(expected, out, doctest.ELLIPSIS):
            told = "\n".join(
                difflib.unified_diff(
                    expected.splitlines(), out.splitlines(), "in the docs", "printed", lineterm=""
                )
            )
            pytest.fail(f"{page.name}:{line}: {command}\n{told}")


def run_here(command: str) -> tuple[int, str, str]:
    """Run a plain verb in this process: a new one takes longer to start than the verb to do."""
    ran = CliRunner().invoke(app, shlex.split(command)[1:], env={"SNAKESTORE_URL": None})
    return ran.exit_code, ran.stdout, ran.stderr


def run_in_a_shell(command: str, commands: Path) -> tuple[int, str, str]:
    environment = {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("SNAKESTORE_URL", None)
    ran = subprocess.run(
        ["/bin/sh", "-c", command],
        env=environment,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] if page.stem in START_PROCESSES else [])
        for page in PAGES
    ],
    ids=names,
)
def test_what_a_page_shows_runs_from_top_to_bottom(
    page: Path, commands: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "__docs__"}
    for language, body, line in blocks(page):
        if language == "python":
            if not lacks_a_framework(body):
                run_python(body, page, line, namespace)
        else:
            run_console(body, page, line, commands)


def test_a_type_of_ones_own_takes_less_than_15_lines() -> None:
    (own_type,) = [body for _, body, _ in blocks(ROOT / "docs" / "own-type.md")]
    lines = own_type[
        own_type.index("@register_type") : own_type.index("with SessionRepository")
    ].splitlines()

    assert len([line for line in lines if line.strip()]) < 15
