"""A Variable to put, and an Enum that stands for names."""

from __future__ import annotations

import enum
from datetime import UTC, datetime

from snakestore import Variable

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Key(enum.Enum):
    """An atom whose value is text, and one whose name is what counts."""

    TEMPERATURE = "temperature"
    top_p = 1


def a_variable(**fields):
    given = {
        "id": "var_1",
        "name": "temperature",
        "type": "float",
        "value": 0.7,
        "created_at": LONG_AGO,
    }
    return Variable(**(given | fields))
