"""Makes ``first_schema.db``, a full store of the first schema. It ran once, at its release.

python tests/migrations/make_first_schema.py
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from snakestore.storage.migrate.upgrade import upgrade
from snakestore.types import binary

PATH = Path(__file__).with_name("first_schema.db")
MADE, USED, LATER = (
    "2025-03-01T08:00:00.000000Z",
    "2025-03-01T09:30:00.123456Z",
    "2025-03-01T10:30:00.123456Z",
)
VECTOR = binary.write("f8", (3,), [1.0, -0.0, 2.5])

SESSIONS = [
    ("agent-1", '{"user": "ada"}', MADE, USED, None, None, "worker-7", 6, 2, 9),
    ("agent-2", "{}", MADE, USED, 3600.0, LATER, None, 1, 0, 1),
    (
        "räksmörgås 🐍",
        '{"deep": {"list": [1, 2.5, null]}}',
        MADE,
        USED,
        0.5,
        "2025-03-01T09:30:00.623456Z",
        None,
        0,
        1,
        0,
    ),
]
VARIABLES = [
    # session_id, id, name, type, value, value_blob, constraints, metadata, version,
    # last_updated_at, optimizer_id, optimizer_pid, started, expires
    (
        "agent-1",
        "v-1",
        "temperature",
        "float",
        "0.7",
        None,
        '{"max": 2.0, "min": 0.0}',
        '{"source": "python"}',
        3,
        USED,
        None,
        None,
        None,
        None,
    ),
    (
        "agent-1",
        "v-2",
        "tries",
        "integer",
        "12345678901234567890",
        None,
        "{}",
        "{}",
        0,
        MADE,
        "optuna",
        "4711",
        USED,
        LATER,
    ),
    (
        "agent-1",
        "v-3",
        "prompt",
        "string",
        '"a\\u0000b 🐍"',
        None,
        '{"min_length": 1}',
        '{"note": "\\u0000"}',
        1,
        USED,
        "gepa",
        None,
        USED,
        None,
    ),
    ("agent-1", "v-4", "on", "boolean", "true", None, "{}", "{}", 0, MADE, None, None, None, None),
    (
        "agent-1",
        "v-5",
        "vector",
        "embedding",
        None,
        VECTOR,
        '{"dimensions": 3}',
        "{}",
        1,
        USED,
        None,
        None,
        None,
        None,
    ),
    (
        "agent-1",
        "v-6",
        "anything",
        "json",
        "null",
        None,
        "{}",
        "{}",
        0,
        MADE,
        None,
        None,
        None,
        None,
    ),
    (
        "agent-2",
        "v-1",
        "strategy",
        "choice",
        '"b"',
        None,
        '{"choices": ["a", "b"]}',
        '{"source": "cli", "updated_at": "then"}',
        0,
        MADE,
        None,
        None,
        None,
        None,
    ),
]
PROGRAMS = [
    ("agent-1", "main", '{"steps": [1, 2, {"demo": "x"}]}', MADE, USED),
    ("agent-1", "none", "null", MADE, MADE),
    ("räksmörgås 🐍", "π", "3.14159", MADE, MADE),
]


def fill(connection: sqlite3.Connection) -> None:
    """Put the rows in."""
    connection.executemany("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", SESSIONS)
    for (
        session_id,
        id_,
        name,
        type_,
        value,
        blob,
        constraints,
        metadata,
        version,
        updated,
        *optimization,
    ) in VARIABLES:
        row = (
            session_id,
            id_,
            name,
            type_,
            value,
            blob,
            constraints,
            metadata,
            version,
            MADE,
            updated,
            *optimization,
            "[]",
        )
        connection.execute(f"INSERT INTO variables VALUES ({', '.join('?' * len(row))})", row)
    connection.executemany("INSERT INTO programs VALUES (?, ?, ?, ?, ?)", PROGRAMS)


if __name__ == "__main__":
    PATH.unlink(missing_ok=True)
    upgrade(PATH, "0001")
    with sqlite3.connect(PATH) as opened:
        fill(opened)
    opened.close()
