"""A time without a zone, and the highest version."""

from __future__ import annotations

from datetime import UTC, datetime

NAIVE = datetime(2030, 1, 1, tzinfo=UTC).replace(tzinfo=None)
HIGHEST = 2**63 - 1
