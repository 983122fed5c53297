"""Check the types of what the documentation shows, with mypy --strict and pyright.

Run it as a program. It checks the Python blocks of README.md and docs/ (one file per page), the
examples, and ``typed_use.py``.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MYPY = """\
[mypy]
strict = true
follow_imports = silent
mypy_path = {root}
cache_dir = {folder}/.cache
[mypy-sqlalchemy_utils.*]
ignore_missing_imports = true
"""


def blocks_of(page: Path) -> str:
    """The Python blocks of a page, each on the line where it stands there."""
    text = page.read_text("utf-8")
    code = ""
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 1
        code += "\n" * (line - code.count("\n")) + block[1]
    return code


def write_files(folder: Path) -> list[str]:
    """Fill a folder with what is to be checked; the names of the files."""
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        # the frameworks of these pages are not installed with the test extra
        if page.stem not in {"integrations", "recipes"} and (code := blocks_of(page)):
            # a module of the name of one of Python's own would shadow it
            (folder / f"page_{page.stem.replace('-', '_')}.py").write_text(code, "utf-8")
    for example in (*(ROOT / "examples").glob("*.py"), Path(__file__).with_name("typed_use.py")):
        shutil.copy(example, folder)
    shutil.copytree(ROOT / "examples" / "support", folder / "support")
    return sorted(path.name for path in folder.glob("*.py"))


def main() -> int:
    """Run both type checkers; how many of them complain."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_files(folder)
        (folder / "mypy.ini").write_text(MYPY.format(root=ROOT, folder=folder), "utf-8")
        (folder / "pyrightconfig.json").write_text(
            json.dumps({"extraPaths": [str(ROOT)], "typeCheckingMode": "standard"}), "utf-8"
        )
        commands = (
            [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", *files],
            [sys.executable, "-m", "pyright", "--pythonpath", sys.executable],
        )
        return sum(
            subprocess.run(command, cwd=folder, check=False).returncode != 0 for command in commands
        )


if __name__ == "__main__":
    sys.exit(main())
