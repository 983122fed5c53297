"""The docs are complete: public names, commands and their options, types, errors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import snakestore
from snakestore import types
from snakestore.cli.app import app
from snakestore.cli.commands import COMMANDS, GROUPS, SHORT_FORMS

DOCS = Path(__file__).parents[2] / "docs"
API_ENTRY = re.compile(r"^- \*\*`(\w+)", re.MULTILINE)


def verbs(command: Any, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """All verbs below ``command``, by the words one types."""
    if not hasattr(command, "commands"):
        return {" ".join(path): command}
    found: dict[str, Any] = {}
    for name, sub in command.commands.items():
        found |= verbs(sub, (*path, name))
    return found


VERBS = {
    verb: command for verb, command in verbs(get_command(app)).items() if verb not in SHORT_FORMS
}
OF_EVERY_COMMAND = {"--help", "--db"}


def section(verb: str) -> str:
    """What docs/cli.md says about ``verb``."""
    found = re.search(
        rf"^## {verb}\n(.*?)(?=^## |\Z)",
        (DOCS / "cli.md").read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None, f"docs/cli.md has no section on {verb}"
    return found[1]


def test_every_public_name_is_in_the_index_once_and_nothing_else_is() -> None:
    indexed = API_ENTRY.findall((DOCS / "api.md").read_text("utf-8"))

    assert sorted(indexed) == sorted(snakestore.__all__)


def test_every_public_name_has_one_entry_in_the_reference() -> None:
    documented = [
        name
        for page in (DOCS / "reference").glob("*.md")
        for name in re.findall(r"^::: snakestore\.(\w+)$", page.read_text("utf-8"), re.MULTILINE)
    ]

    assert sorted(documented) == sorted([*snakestore.__all__, "tables"])


def test_every_adapter_has_an_entry_in_the_reference() -> None:
    modules = (DOCS.parent / "snakestore" / "integrations").rglob("*.py")
    adapters = {
        (path.parent if path.name == "__init__.py" else path).stem
        for path in modules
        if re.search(r"^__all__ = ", path.read_text("utf-8"), re.MULTILINE)
    }
    page = (DOCS / "reference" / "integrations.md").read_text("utf-8")
    documented = re.findall(r"^::: snakestore\.integrations\.(\w+)$", page, re.MULTILINE)

    assert sorted(documented) == sorted(adapters)


def test_every_public_name_has_a_docstring() -> None:
    without = [
        name for name in snakestore.__all__ if not (getattr(snakestore, name).__doc__ or "").strip()
    ]

    assert without == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_stands_in_the_docs_with_all_its_options(verb: str) -> None:
    command = VERBS[verb]
    options = {
        option
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and option not in OF_EVERY_COMMAND
    }
    described = section(verb)

    assert (command.help or "").strip()
    assert f"snakestore {verb}" in described
    assert {option for option in options if option not in described} == set()


def test_the_docs_know_no_verb_that_is_not_there() -> None:
    described = re.findall(r"^## (.+)$", (DOCS / "cli.md").read_text("utf-8"), re.MULTILINE)

    assert sorted(described) == sorted(VERBS)


def test_the_docs_list_the_short_forms() -> None:
    listed = re.findall(
        r"^\| `(\w+)` \| `(\w+ \w+)` \|", (DOCS / "cli.md").read_text("utf-8"), re.MULTILINE
    )

    assert dict(listed) == SHORT_FORMS


def test_the_list_of_commands_says_what_their_help_says() -> None:
    command = get_command(app)

    for name, place in {**GROUPS, **COMMANDS}.items():
        summary = command.commands[name].help.partition("\n")[0]
        assert summary.startswith(place.summary.rstrip(".")), name


def test_every_type_stands_in_the_table_of_types() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", (DOCS / "types.md").read_text("utf-8"), re.MULTILINE)

    assert set(listed) >= {
        name for name in snakestore.supported_types() if snakestore_defines(name)
    }


def snakestore_defines(type_name: str) -> bool:
    return type(types.get(type_name)).__module__.startswith("snakestore.")


def test_the_readme_fits_two_screens() -> None:
    readme = (DOCS.parent / "README.md").read_text("utf-8")

    assert len(readme.splitlines()) <= 110
