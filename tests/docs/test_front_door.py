"""What ``import snakestore`` gives, and what it leaves for later."""

from __future__ import annotations

import subprocess
import sys

import pytest

import snakestore

LATER = (
    "alembic",
    "asyncio",
    "numpy",
    "rich",
    "typer",
    "snakestore.aio",
    "snakestore.cli",
    "snakestore.transfer",
    "snakestore.repository.store.check_store",
    "snakestore.repository.view",
    "snakestore.storage.dialects.postgresql.dialect",
    "snakestore.types.regex",
    "snakestore.view",
)
IN_A_NEW_PROCESS = """
import sys
import sqlalchemy.orm
before = set(sys.modules)
import snakestore
print([name for name in {later!r} if name in set(sys.modules) - before])
print([name for name in snakestore.__all__ if name not in dir(snakestore)])
print([name for name in snakestore.__all__ if getattr(snakestore, name, None) is None])
"""


def test_import_loads_nothing_that_a_start_can_do_without_and_every_name_is_there():
    code = IN_A_NEW_PROCESS.format(later=LATER)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout.splitlines() == ["[]", "[]", "[]"]


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'SessionStore'"):
        _ = snakestore.SessionStore
