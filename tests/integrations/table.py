"""The table of docs/integrations.md: what each suite says of an adapter.

``bash .ci/integrations --table`` writes it. A module of tests/integrations takes part with
``SUITE = "name of the suite"``; each test that it collects counts.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from importlib.metadata import version
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "integrations.md"
BEGIN, END = "<!-- suites: begin -->", "<!-- suites: end -->"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--table", action="store_true", help="write the table of docs/integrations.md")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--table") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Table(), "table of suites")


class Table:
    """Counts the results of each suite, and writes them at the end."""

    def __init__(self) -> None:
        self.results: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.reasons: dict[tuple[str, str], set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        suite = dict(report.user_properties).get("suite")
        if suite is None or (report.when != "call" and report.passed):
            return
        name, package = str(suite).split("|")
        self.results[name, package][report.outcome] += 1
        if report.skipped and isinstance(report.longrepr, tuple):
            self.reasons[name, package].add(str(report.longrepr[2]).removeprefix("Skipped: "))

    def pytest_sessionfinish(self) -> None:
        rows = [
            f"| {name} | {package} {version(package)} | {counts['passed']} | {counts.total()} |"
            f" {'; '.join(sorted(self.reasons[name, package]))} |"
            for (name, package), counts in sorted(self.results.items())
        ]
        table = "\n".join(
            [
                "| suite | framework | passed | total | why not all |",
                "| --- | --- | --- | --- | --- |",
                *rows,
            ]
        )
        text = PAGE.read_text("utf-8")
        PAGE.write_text(
            re.sub(f"{BEGIN}.*{END}", f"{BEGIN}\n{table}\n{END}", text, flags=re.DOTALL), "utf-8"
        )
