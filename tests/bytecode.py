"""Bytecode for the processes that tests start, where PYTHONDONTWRITEBYTECODE keeps it from them.

Each of them would compile the library anew, which takes longer than most tests.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import RUN_FOLDER


@pytest.fixture(scope="session", autouse=True)
def _kept_bytecode() -> Iterator[None]:
    """Let these processes share bytecode in the folder of the run; none is left in the checkout."""
    with pytest.MonkeyPatch.context() as patch:
        if sys.dont_write_bytecode:
            patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
            patch.setenv("PYTHONPYCACHEPREFIX", str(Path(os.environ[RUN_FOLDER]) / "bytecode"))
        yield
