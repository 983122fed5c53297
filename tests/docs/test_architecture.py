"""The map in docs/architecture.md agrees with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from snakestore.storage.schema.tables import Base

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PACKAGE = ROOT / "snakestore"
HAS_MAP = ("", "storage", "repository")
"""The folders whose modules and folders the page lists one by one."""


@pytest.mark.parametrize("folder", HAS_MAP)
def test_the_map_names_every_module_and_folder(folder: str) -> None:
    there = [
        f"{entry.name}/" if entry.is_dir() else entry.name
        for entry in (PACKAGE / folder).iterdir()
        if not entry.name.startswith(("__", "py.typed"))
    ]

    assert sorted(name for name in there if f"`{name}`" not in PAGE) == []


def test_every_path_on_the_page_exists() -> None:
    named = set(re.findall(r"`((?:\w+/)*\w+(?:\.py|/))`", PAGE))
    files = {
        str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if ".venv" not in path.parts
    }
    known = {path for file in files for path in [file, *_folders(file)]}

    assert sorted(name for name in named if not any(_ends_with(path, name) for path in known)) == []


def _folders(file: str) -> list[str]:
    return [f"{parent}/" for parent in Path(file).parents if str(parent) != "."]


def _ends_with(path: str, name: str) -> bool:
    return path == name or path.endswith(f"/{name}")


@pytest.mark.parametrize("table", Base.metadata.sorted_tables, ids=lambda table: table.name)
def test_the_page_lists_every_column(table) -> None:
    line = re.search(rf"^\| `{table.name}` \|.*$", PAGE, re.MULTILINE)

    assert line is not None
    assert [column.name for column in table.columns if column.name not in line[0]] == []
