"""Chromium without a window, on an inspector that is served."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def served(store: Path) -> Iterator[str]:
    """The address of the inspector of a store, served by the command."""
    command = [sys.executable, "-u", "-m", "snakestore.cli", "inspect", str(store)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://[\d.:]+", process.stdout.readline())
        assert found is not None, process.communicate()
        yield found[0]
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of playwright's."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # containers run the tests as root, where Chromium's sandbox does not start
        browser = playwright.chromium.launch(
            executable_path=EXECUTABLE, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            browser.close()
