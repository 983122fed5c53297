"""The built site: it documents every public name and method, and loads nothing from elsewhere.

It needs the extra ``docs``.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import snakestore
from snakestore import tables

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=\"?([^\"\s>]+)"
    r"|<link\b(?=[^>]*\brel=\"?(?:stylesheet|preconnect|preload|icon|manifest))"
    r"[^>]*\bhref=\"?([^\"\s>]+)"
)
LOADED_BY_STYLES = re.compile(r"(?:url\(|@import )[\"']?((?:https?:)?//[^\"')]+)")
FROM_ELSEWHERE = re.compile(r"(?:https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with warnings as errors."""
    pytest.importorskip("mkdocs", reason="needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (built.returncode, built.stdout) == (0, ""), built.stderr
    return folder


def documented(site: Path) -> list[str]:
    """The public names that the reference describes: each heading once."""
    return [
        name
        for page in (site / "reference").rglob("*.html")
        for name in re.findall(r"<h\d id=\"(snakestore\.[\w.]+)\"", page.read_text("utf-8"))
    ]


def methods(cls: type) -> list[str]:
    """The public methods and properties of a class, inherited ones of snakestore included."""
    return [
        name
        for name, member in inspect.getmembers(cls)
        if not name.startswith("_")
        and (inspect.isroutine(member) or isinstance(member, property))
        and any(name in vars(base) and "snakestore" in base.__module__ for base in cls.__mro__)
    ]


def test_every_public_name_and_method_has_an_entry_in_the_reference(site: Path) -> None:
    expected = [f"snakestore.{name}" for name in snakestore.__all__]
    for name in snakestore.__all__:
        member = getattr(snakestore, name)
        if inspect.isclass(member):
            expected += [f"snakestore.{name}.{method}" for method in methods(member)]

    assert sorted(set(expected) - set(documented(site))) == []


def test_every_mapped_class_has_an_entry_in_the_reference(site: Path) -> None:
    expected = {f"snakestore.tables.{name}" for name in tables.__all__}

    assert sorted(expected - set(documented(site))) == []


def test_no_name_is_documented_twice(site: Path) -> None:
    names = documented(site)

    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_pages_and_styles_load_nothing_from_elsewhere(site: Path) -> None:
    loaded = [
        f"{page.relative_to(site)}: {address}"
        for page in site.rglob("*.html")
        for found in LOADED.finditer(page.read_text("utf-8"))
        if FROM_ELSEWHERE.match(address := found[1] or found[2])
    ]
    loaded += [
        f"{style.relative_to(site)}: {address}"
        for style in site.rglob("*.css")
        for address in LOADED_BY_STYLES.findall(style.read_text("utf-8"))
    ]

    assert loaded == []


def test_no_script_asks_others_when_a_page_is_opened(site: Path) -> None:
    """What the theme's script would fetch: facts about a repository, and Mermaid for diagrams."""
    asking = [
        str(page.relative_to(site))
        for page in site.rglob("*.html")
        if re.search(r"data-md-component=.?source\b|class=.?mermaid", page.read_text("utf-8"))
    ]

    assert asking == []


def test_search_answers_without_a_server_and_without_a_network(site: Path, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no Chromium (on Debian: apt install chromium)")
    shown = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path}",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--virtual-time-budget=20000",
            "--dump-dom",
            f"{(site / 'workers.html').as_uri()}?q=claim_variable",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout

    assert re.search(r"md-search-result__meta\">\d+ matching documents", shown)
    assert "reference/repository.html?h=claim_variable#snakestore.SessionRepository.claim" in shown


def test_the_search_index_has_every_page_and_method(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    places = {entry["location"] for entry in index["docs"]}
    pages = {place.partition("#")[0] for place in places}
    built = {
        str(page.relative_to(site)) for page in site.rglob("*.html") if page.name != "404.html"
    }

    assert {"workers.html", "reference/repository.html"} <= pages
    assert sorted(built - {page or "index.html" for page in pages}) == []
    assert "reference/repository.html#snakestore.SessionRepository.get_value" in places
