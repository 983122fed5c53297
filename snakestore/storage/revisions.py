"""The revisions of the schema that this release knows, oldest first: a warm start compares, without importing Alembic.

A test holds them equal to the scripts in ``migrations/``.
"""

from __future__ import annotations

REVISIONS = ("0001", "0002")
HEAD = REVISIONS[-1]
VERSION_TABLE = "snakestore_alembic_version"
