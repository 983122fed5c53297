"""The Python versions that are supported stand in four places, which agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SUPPORTED = [
    found[1]
    for classifier in PROJECT["classifiers"]
    if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", classifier))
]


def test_the_oldest_supported_python_is_the_required_one() -> None:
    assert PROJECT["requires-python"] == f">={SUPPORTED[0]}"


def test_the_readme_names_the_oldest_and_the_newest_python() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")

    assert f"Python {SUPPORTED[0]} to {SUPPORTED[-1]}" in readme


def test_both_ci_programs_run_every_supported_python() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    matrices = [
        re.findall(r'"(.+?)"', found) for found in re.findall(r"python: \[(.+)\]", workflow)
    ]
    loop = re.search(r"^for version in (.+); do$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)

    assert matrices == [SUPPORTED, SUPPORTED]
    assert loop is not None
    assert loop[1].split() == SUPPORTED
