"""Make the pictures of the inspector in the documentation.

Run ``python -m tests.inspector.screenshots``. It needs Chromium and the extras ``inspect`` and
``browser``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.inspector.chromium import ROOT, chromium, served
from tests.inspector.conftest import filled

ASSETS = ROOT / "docs" / "assets"
PICTURES = {
    "inspector-session": ("/session?id=chat-42", 620),
    "inspector-variable": ("/variable?session=chat-42&name=temperature", 700),
}


def main() -> None:
    """Write the pictures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        served(filled(Path(folder) / "agent.db")) as address,
        chromium() as browser,
    ):
        for name, (path, height) in PICTURES.items():
            page = browser.new_page(viewport={"width": 1150, "height": height})
            page.goto(address + path, wait_until="networkidle")
            page.screenshot(path=ASSETS / f"{name}.png")
            page.close()


if __name__ == "__main__":
    main()
