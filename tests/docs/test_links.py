"""Links between the pages, and from the pages to files of the project, lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted({*ROOT.glob("*.md"), *DOCS.rglob("*.md")})
CODE = re.compile(r"^(\s*)```.*?^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
DOCUMENTED = re.compile(r"^::: (\S+)$", re.MULTILINE)
IN_THE_REPOSITORY = "https://github.com/snakestore/snakestore/blob/main/"


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return CODE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page: its headings, as GitHub and MkDocs spell them, and its names."""
    text = prose(page)
    headings = {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
        for heading in HEADING.findall(text)
    }
    return headings | set(DOCUMENTED.findall(text))


def target_of(page: Path, link: str) -> Path:
    path = link.partition("#")[0]
    if path.startswith(IN_THE_REPOSITORY):
        return ROOT / path.removeprefix(IN_THE_REPOSITORY)
    return page.parent / path if path else page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for link in LINK.findall(prose(page)):
        if link.startswith("http") and not link.startswith(IN_THE_REPOSITORY):
            continue
        target = target_of(page, link)
        anchor = link.partition("#")[2]
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_no_page_of_the_site_links_to_a_file_outside_of_docs_by_a_relative_path() -> None:
    outside = [
        f"{page.name}: {link}"
        for page in DOCS.rglob("*.md")
        for link in LINK.findall(prose(page))
        if not link.startswith("http")
        and not target_of(page, link).resolve().is_relative_to(DOCS.resolve())
    ]

    assert outside == []


def test_every_page_is_in_the_navigation_of_the_site_once() -> None:
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    listed = re.findall(r"^\s+- .+: ([\w/-]+\.md)$", settings, re.MULTILINE)

    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_the_source_names_only_pages_that_exist() -> None:
    named = {
        name
        for module in (ROOT / "snakestore").rglob("*.py")
        for name in re.findall(r"\bdocs/[\w/-]+\.md", module.read_text("utf-8"))
    }

    assert sorted(name for name in named if not (ROOT / name).exists()) == []
