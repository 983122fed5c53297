"""A folder that another user may enter."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that other users may reach; pytest's own are private."""
    folder = Path(tempfile.mkdtemp(prefix="snakestore-faults-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)  # only root may remove files from a folder that is read-only
    shutil.rmtree(folder)
