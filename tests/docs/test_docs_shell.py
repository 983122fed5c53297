"""Blocks that cannot run as they stand, such as those that name a server, are right too."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, text
from typer.main import get_command

from snakestore.cli.app import app
from snakestore.storage.url import parse

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY_BLOCK = re.compile(r"^ *```(\w*)$", re.MULTILINE)


def blocks(language: str) -> list[Any]:
    return [
        pytest.param(body, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, (kind, body) in enumerate(BLOCK.findall(page.read_text("utf-8")))
        if kind == language
    ]


def parse_command(arguments: list[str]) -> None:
    """Parse a command line without running it.

    Raises:
        UsageError: there is no such command or option, or an argument is missing.
    """
    command: Any = get_command(app)
    context = None
    name = "snakestore"
    while True:
        context = command.make_context(name, list(arguments), parent=context)
        if not hasattr(command, "resolve_command"):
            return
        left = [*context._protected_args, *context.args]
        name, command, arguments = command.resolve_command(context, left)


@pytest.mark.parametrize("body", blocks("sh"))
def test_commands_that_are_shown_without_output_exist_with_their_options(body: str) -> None:
    for line in body.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["snakestore"]:
            parse_command(words[1:])


@pytest.mark.parametrize("body", blocks("text"))
def test_urls_that_are_shown_can_be_parsed(body: str) -> None:
    urls = [line for line in body.splitlines() if "://" in line]

    assert [parse(url).get_backend_name() for url in urls] == ["postgresql"] * len(urls)


def test_sql_for_the_administrator_runs_on_postgresql(postgresql_database: URL) -> None:
    page = (ROOT / "docs" / "scaling.md").read_text("utf-8")
    statements = [body for kind, body in BLOCK.findall(page) if kind == "sql"]
    engine = create_engine(postgresql_database)
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(
                text(statement.replace("agents", f'"{postgresql_database.database}"'))
            )
        connection.rollback()
    engine.dispose()

    assert statements


def test_every_block_says_what_it_is() -> None:
    kinds = {
        f"{page.name}: {kind}"
        for page in PAGES
        for kind in ANY_BLOCK.findall(page.read_text("utf-8"))[::2]
        if kind not in {"console", "python", "sh", "sql", "text"}
    }

    # tests/integrations/recipes.py runs those with a server or a framework of their own
    assert kinds == {"recipes.md: py"}
