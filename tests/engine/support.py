"""What several tests here need: processes of other users, and files as a look must leave them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

NOBODY = 65534

PRELUDE = """
import json, os, sys
import snakestore.storage.migrate.upgrade as schema
from snakestore.storage.migrate.opening import open_database
from snakestore.storage.engine import create_engine
from snakestore.storage.execution.driver_errors import translate_errors
path, drop = sys.argv[1], int(sys.argv[2])
if drop:
    os.setgroups([]), os.setgid(drop), os.setuid(drop)
def attempt(function):
    try:
        with translate_errors():
            return function()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
"""


def as_ordinary_user(script: str, path: Path) -> Any:
    """Run ``script``, which prints JSON, without root's rights, so that file modes apply."""
    drop = NOBODY if os.geteuid() == 0 else 0
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + script, str(path), str(drop)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def folder_state(folder: Path) -> dict[str, bytes]:
    """Every file of a folder with its bytes."""
    return {entry.name: entry.read_bytes() for entry in sorted(folder.iterdir())}
