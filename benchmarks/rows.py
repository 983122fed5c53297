"""The rows of the table: the work, the number of calls, the base and the target."""

from __future__ import annotations

from benchmarks.row import (
    ASYNC_BASELINE,
    ASYNC_DRIVER,
    ASYNC_FULL,
    ASYNC_OURS,
    ASYNC_POSTGRES_BASELINE,
    CACHED,
    FULL_BASELINE,
    FULL_OURS,
    LONG_LOG,
    MEMORY_BASELINE,
    NO_HISTORY,
    OURS,
    POSTGRES_BASELINE,
    POSTGRES_OURS,
    THREADED_OURS,
    Row,
    Target,
    ours,
)
from benchmarks.scattered_rows import BARE_ROWS, PEER_ROWS

SQLITE_ROWS = (
    Row(
        key="get",
        title="get_value by name",
        calls=500,
        targets={OURS: Target(1.3, 1.05), CACHED: Target(0.7, 0.5)},
        note=(
            "One statement reads the session's expiry and the variable, by id or by name, as the"
            " method does. The access is recorded once a minute."
        ),
    ),
    Row(key="record", title="get_variable, the whole record", calls=300, targets=ours(1.3, 1.0)),
    Row(
        key="update-plain",
        title="update_variable, history=0",
        calls=300,
        targets=ours(1.3, 1.1),
        whole=True,
        note=(
            "BEGIN IMMEDIATE, read, merge the metadata, UPDATE the variable, UPDATE the session"
            " (counter, access), COMMIT."
        ),
    ),
    Row(
        key="update",
        title="update_variable, the last 100 kept",
        calls=100,
        targets=ours(1.3, 1.1),
        whole=True,
        note="The same, plus one INSERT into the history and one DELETE of its oldest row.",
    ),
    Row(
        key="history",
        title="update_variable with history, of history=0",
        calls=100,
        base=NO_HISTORY,
        targets=ours(2.0),
        whole=True,
        note="The cost of the history within snakestore.",
    ),
    Row(
        key="history-read",
        title="get_value with 100 past values, of none",
        calls=500,
        base=NO_HISTORY,
        targets=ours(1.1),
        note="A history does not make reads slower: the ratio is 1.0, apart from noise.",
    ),
    Row(key="register", title="register_variable", calls=150, targets=ours(1.3, 1.0), whole=True),
    Row(
        key="batch-plain",
        title="update_variables of 100, one commit, history=0",
        calls=90,
        targets=ours(1.2, 0.7),
        whole=True,
        note=(
            "The baseline reads the hundred variables with one statement and writes them with"
            " executemany."
        ),
    ),
    Row(
        key="batch",
        title="update_variables of 100, the last 100 kept",
        calls=5,
        targets=ours(1.2, 0.7),
        whole=True,
    ),
    Row(key="list", title="list_variables of 100", calls=10, targets=ours(0.9, 0.5)),
    Row(key="prefix", title="list_variables, prefix: 10 of 100", calls=60, targets=ours(1.2, 0.8)),
    Row(
        key="put-large",
        title="put_variable in a session of 16,000, history=0",
        calls=200,
        targets=ours(1.3, 1.1),
        whole=True,
        note=(
            "Whether the id or the name is taken is looked up by key: the session's size does not"
            " matter."
        ),
    ),
    Row(
        key="newest",
        title="list_variables, the newest 10 of 4,000",
        calls=60,
        targets=ours(1.2, 0.8),
        note="The end of an index range: it costs as much as 10 of 10.",
    ),
    Row(
        key="embedding-store",
        title="embedding of 1536: update",
        calls=50,
        targets=ours(0.15, 0.12),
        note="Compared with a baseline that writes JSON.",
        whole=True,
    ),
    Row(
        key="embedding-load",
        title="embedding of 1536: get_value",
        calls=20,
        targets=ours(0.10, 0.07),
        note="Compared with a baseline that reads JSON.",
    ),
    Row(
        key="tensor-store",
        title="tensor of 64x64 float32: update",
        calls=50,
        note="A numpy array, compared with a baseline that writes JSON.",
        whole=True,
    ),
    Row(
        key="tensor-load",
        title="tensor of 64x64 float32: get_value",
        calls=10,
        note="Compared with a baseline that reads JSON into nested lists.",
    ),
    Row(
        key="append",
        title="append_log, one entry",
        calls=300,
        targets=ours(1.3, 1.1),
        whole=True,
        note=(
            "BEGIN IMMEDIATE, read the session and the log, UPDATE the log, INSERT the entry,"
            " UPDATE the session (access), COMMIT."
        ),
    ),
    Row(
        key="append-long",
        title="append_log at a million entries, of 20",
        calls=300,
        base=OURS,
        targets={LONG_LOG: Target(1.1)},
        whole=True,
        note="100,000 entries in a quick run.",
    ),
    Row(
        key="read-last",
        title="read_log, the last 20",
        calls=200,
        targets=ours(1.3, 1.0),
        note="The baseline reads the session and the entries in one transaction.",
    ),
    Row(
        key="read-last-long",
        title="read_log, the last 20 of a million, of 20",
        calls=200,
        base=OURS,
        targets={LONG_LOG: Target(1.1)},
        note="100,000 entries in a quick run.",
    ),
    Row(
        key="sweep",
        title="delete_expired, a session of 10 variables",
        calls=200,
        targets=ours(1.1, 1.0),
    ),
    Row(
        key="sweep-lock",
        title="delete_expired, longest transaction",
        calls=200,
        targets={OURS: Target(30.0, unit="ms")},
        figure="worst returned",
        note=(
            "The time between two calls of progress, which is at least the time for which the"
            " lock is held."
        ),
    ),
)
BACKEND_ROWS = (
    Row(key="memory-get", title="in memory: get_value", calls=500, base=MEMORY_BASELINE),
    Row(key="memory-update", title="in memory: update_variable", calls=100, base=MEMORY_BASELINE),
    Row(
        key="async-get",
        title="async get_value",
        calls=100,
        base=ASYNC_BASELINE,
        targets={ASYNC_OURS: Target(1.3, 1.0)},
    ),
    Row(
        key="async-get-sync",
        title="async get_value, of get_value",
        calls=500,
        base=OURS,
        targets={ASYNC_OURS: Target(1.8, 1.4)},
        note="The read runs on the event loop, without a change of threads.",
    ),
    Row(
        key="async-get-driver",
        title="async get_value, of aiosqlite",
        calls=200,
        base=ASYNC_DRIVER,
        targets={ASYNC_OURS: Target(0.1, 0.05)},
        note="aiosqlite hands each call of the driver to a thread: to execute, fetch and close.",
    ),
    Row(
        key="async-update",
        title="async update_variable",
        calls=50,
        base=ASYNC_BASELINE,
        targets={ASYNC_OURS: Target(1.3, 1.0)},
    ),
    Row(
        key="threads-together",
        title="8 threads update together, of update_variable",
        calls=500,
        base=OURS,
        targets={THREADED_OURS: Target(1.3, 1.1)},
        note="One after the other on one thread, against threads that share a repository.",
    ),
    Row(
        key="async-together",
        title="100 tasks update together, of update_variable",
        calls=500,
        base=OURS,
        targets={ASYNC_OURS: Target(0.65, 0.5)},
        note="One after the other on one thread, against writes that share a commit.",
    ),
    Row(
        key="async-together-full",
        title='100 tasks with durability="full", of "normal"',
        calls=500,
        base=ASYNC_OURS,
        targets={ASYNC_FULL: Target(2.0, 1.25)},
        note="It depends on how fast the disk syncs. Tasks share a sync.",
    ),
    Row(
        key="postgres-get",
        title="PostgreSQL get_value",
        calls=100,
        base=POSTGRES_BASELINE,
        targets={POSTGRES_OURS: Target(1.3, 1.1)},
        note="Over a local socket. psycopg prepares the statement automatically.",
    ),
    Row(
        key="postgres-update",
        title="PostgreSQL update_variable",
        calls=20,
        base=POSTGRES_BASELINE,
        targets={POSTGRES_OURS: Target(1.3, 1.1)},
        note=(
            "BEGIN, lock the session, read, history, prune, variable, session, COMMIT: eight round"
            " trips, no pipeline."
        ),
    ),
    Row(
        key="postgres-update-afar",
        title="PostgreSQL update_variable, 1 ms away",
        calls=20,
        base=POSTGRES_BASELINE,
        targets={POSTGRES_OURS: Target(0.4)},
        note=(
            "The same over a relay that delays by 1 ms what the client sends: eight round trips"
            " against two. synchronous_commit is off, because a busy disk would hide the"
            " difference."
        ),
    ),
    Row(
        key="async-postgres-get",
        title="async PostgreSQL get_value",
        calls=50,
        base=ASYNC_POSTGRES_BASELINE,
    ),
    Row(
        key="async-postgres-update",
        title="async PostgreSQL update_variable",
        calls=20,
        base=ASYNC_POSTGRES_BASELINE,
    ),
)
PROCESS_ROWS = (
    Row(
        key="processes",
        title="4 processes update one variable: an update",
        calls=50,
        targets=ours(1.4, 1.2),
    ),
    Row(
        key="processes-wait",
        title="4 processes: the worst wait",
        calls=50,
        targets={OURS: Target(150.0, 60.0, "ms")},
        figure="worst returned",
        note="The longest single update of all rounds.",
    ),
    Row(
        key="processes-lost",
        title="4 processes: updates lost, and errors",
        calls=50,
        targets={OURS: Target(0.0, unit="count")},
        figure="worst returned",
        note="Acknowledged updates minus the version in the file, plus errors.",
    ),
)
FULL_PROCESS_ROWS = (
    Row(
        key="processes-full",
        title='8 processes with durability="full": an update',
        calls=25,
        base=FULL_BASELINE,
        targets={FULL_OURS: Target(0.59, 0.4)},
        note=(
            "By hand with synchronous FULL, which syncs while it holds the write lock. It depends"
            " on how fast the disk syncs: the slower, the greater the difference."
        ),
    ),
    Row(
        key="processes-full-wait",
        title='8 processes with durability="full": the worst wait, of "normal"',
        calls=25,
        base=OURS,
        targets={FULL_OURS: Target(1.0, 0.5)},
        figure="worst returned",
        note="The longest single update of all rounds. A ratio compares the longest of one round.",
    ),
    Row(
        key="processes-full-lost",
        title='8 processes with durability="full": updates lost, and errors',
        calls=25,
        base=FULL_BASELINE,
        targets={FULL_OURS: Target(0.0, unit="count")},
        figure="worst returned",
        note="As with 4 processes.",
    ),
)
ALL_PROCESS_ROWS = PROCESS_ROWS + FULL_PROCESS_ROWS
ROWS = SQLITE_ROWS + BARE_ROWS + PEER_ROWS + BACKEND_ROWS + ALL_PROCESS_ROWS
# done by this process alone, so its processor time is the whole time
OWN_ROWS = tuple(
    row
    for row in SQLITE_ROWS + BARE_ROWS + PEER_ROWS + BACKEND_ROWS
    if row.figure == "median time" and "postgres" not in row.key
)
