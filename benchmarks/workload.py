"""The sessions, names and values that all implementations use."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

TTL = 3600.0
READS, PLAIN, UPDATES, PLAIN_BATCH, BATCH = "reads", "plain", "updates", "plain-batch", "batch"
NAMES = tuple(f"group{group}_parameter{number}" for group in range(10) for number in range(10))
UPDATED = NAMES[:10]
PREFIX, PREFIX_PATTERN = "group4_", "group4_*"
HISTORY = 100
MANY, VERY_MANY = 4_000, 16_000  # variables of the large sessions
NEWEST = 10
SWEPT_VARIABLES = 10
SWEPT_NAMES = NAMES[:SWEPT_VARIABLES]
DIMENSIONS = 1536
SIDE = 64
ROUND_TRIP = 0.001  # seconds to a server afar
CONSTRAINTS = {"min": 0.0, "max": 1.0}
CONSTRAINTS_TEXT = json.dumps(CONSTRAINTS)
METADATA = {
    "description": "how daring the answers are",
    "source": "python",
    "updated_at": "2026-01-02T03:04:05.678901Z",
}
METADATA_TEXT = json.dumps(METADATA)
FLOATS = tuple(number / 1009 for number in range(1009))
_EMBEDDINGS = random.Random(11)
EMBEDDINGS = tuple([_EMBEDDINGS.gauss(0.0, 0.05) for _ in range(DIMENSIONS)] for _ in range(4))


def text_of(moment: datetime) -> str:
    """A time as stored."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def now() -> datetime:
    """The current time, aware and in UTC."""
    return datetime.now(UTC)


def long_ago() -> datetime:
    """A time of last access at which a session with ``TTL`` has expired."""
    return now() - timedelta(seconds=10 * TTL)
