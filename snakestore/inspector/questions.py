"""The ten questions of an operator, as SQL over the views that runs on SQLite and PostgreSQL.

This is the only place that has them: ``docs/inspecting.md`` shows these queries, and the inspector
runs them. ``session_overview CROSS JOIN ...`` makes SQLite read the sessions first, and then only
what belongs to those that were in use.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the query that answers it."""

    name: str
    """Its name in an address."""
    title: str
    description: str
    sql: str
    """A SELECT. Its parameters are ``:session``, ``:name`` and the like."""
    parameters: tuple[str, ...] = ()
    reads_everything: bool = False
    """Whether it reads the rows of every session."""


IDLE = Question(
    "idle-longest",
    "Which sessions are alive and idle longest?",
    "Live sessions, the one without an access for longest first.",
    """\
SELECT idle, expires_in, variable_count, program_count, last_worker_id,
    id AS session_id
FROM session_overview
WHERE state = 'live'
ORDER BY idle_seconds DESC
LIMIT 20""",
)

CHANGED = Question(
    "changed-last-hour",
    "What changed in the last hour, and by what?",
    "Variables, programs and logs that were written in the last hour, the newest first. The source"
    " is the one that the writer named.",
    """\
SELECT 'variable' AS kind, v.name, v.last_updated_at AS changed_at, v.source, v.version, v.value,
    v.session_id
FROM session_overview AS s CROSS JOIN variable_overview AS v
WHERE v.session_id = s.id AND s.idle_seconds < 3600 AND v.age_seconds < 3600
UNION ALL
SELECT 'program', p.id, p.last_updated_at, NULL, p.version, NULL, p.session_id
FROM session_overview AS s CROSS JOIN program_overview AS p
WHERE p.session_id = s.id AND s.idle_seconds < 3600 AND p.age_seconds < 3600
UNION ALL
SELECT 'log', l.name, l.last_updated_at, NULL, l.next_position, NULL, l.session_id
FROM session_overview AS s CROSS JOIN log_overview AS l
WHERE l.session_id = s.id AND s.idle_seconds < 3600 AND l.age_seconds < 3600
ORDER BY changed_at DESC
LIMIT 200""",
)

AT_A_TIME = Question(
    "value-at-a-time",
    "What was the prompt at noon?",
    "The value that a variable had at a time, such as 2026-03-01T12:00 (UTC).",
    """\
SELECT value, version, written_at, source, reason
FROM variable_history_overview
WHERE session_id = :session AND name = :name AND written_at <= :time
ORDER BY version DESC
LIMIT 1""",
    ("session", "name", "time"),
)

LEASES = Question(
    "leases",
    "Who holds which lease, and until when?",
    "Variables that are being optimised, the lease that ends next first.",
    """\
SELECT name, holder, expires_in, held_for, holder_pid, expires_at, session_id
FROM lease_overview
WHERE state = 'held'
ORDER BY expires_in_seconds
LIMIT 100""",
)

LARGEST = Question(
    "largest",
    "Which session is largest?",
    "Bytes of values, programs, logs and their history. It reads every row of the store.",
    """\
SELECT size_bytes, variable_count, program_count, log_count, state, idle, id AS session_id
FROM session_overview
ORDER BY size_bytes DESC
LIMIT 20""",
    reads_everything=True,
)

GROWS = Question(
    "grows",
    "What grows?",
    "Of the sessions that were in use in the last day: variables and programs by the versions that"
    " are kept, and logs by their entries.",
    """\
SELECT 'variable' AS kind, v.name, v.past_versions AS kept, v.age, v.session_id
FROM session_overview AS s CROSS JOIN variable_overview AS v
WHERE v.session_id = s.id AND s.idle_seconds < 86400
UNION ALL
SELECT 'program', p.id, p.past_versions, p.age, p.session_id
FROM session_overview AS s CROSS JOIN program_overview AS p
WHERE p.session_id = s.id AND s.idle_seconds < 86400
UNION ALL
SELECT 'log', l.name, l.length, l.age, l.session_id
FROM session_overview AS s CROSS JOIN log_overview AS l
WHERE l.session_id = s.id AND s.idle_seconds < 86400
ORDER BY kept DESC
LIMIT 20""",
)

ROLLED_BACK = Question(
    "rolled-back",
    "Which values were rolled back, and why?",
    "Rollbacks of a session's variables, the newest first.",
    """\
SELECT name, version, rolled_back_to, reason, value, written_at, variable_id
FROM variable_history_overview
WHERE session_id = :session AND source = 'rollback'
ORDER BY written_at DESC
LIMIT 100""",
    ("session",),
)

EXPIRING = Question(
    "expiring",
    "Which sessions expire in the next ten minutes?",
    "Live sessions with at most ten minutes left, the next one first.",
    """\
SELECT expires_in, idle, variable_count, program_count, last_worker_id,
    id AS session_id
FROM session_overview
WHERE state = 'live' AND expires_in_seconds <= 600
ORDER BY expires_in_seconds
LIMIT 100""",
)

DIFFERENCES = Question(
    "differences",
    "What differs between two sessions?",
    "Variables of two sessions with another type or value, or that one of them lacks.",
    """\
SELECT names.name, l.value AS left_value, r.value AS right_value,
    l.type AS left_type, r.type AS right_type
FROM (
    SELECT name FROM variables WHERE session_id = :left
    UNION SELECT name FROM variables WHERE session_id = :right
) AS names
LEFT JOIN variable_overview AS l ON l.session_id = :left AND l.name = names.name
LEFT JOIN variable_overview AS r ON r.session_id = :right AND r.name = names.name
LEFT JOIN variables AS lv ON lv.session_id = :left AND lv.name = names.name
LEFT JOIN variables AS rv ON rv.session_id = :right AND rv.name = names.name
WHERE CASE
    WHEN lv.type = rv.type AND (lv.value = rv.value OR lv.value_blob = rv.value_blob) THEN 0
    ELSE 1
END = 1
ORDER BY names.name""",
    ("left", "right"),
)

WRONG = Question(
    "anything-wrong",
    "Is anything wrong?",
    "Expired sessions that no sweep has deleted, leases that have run out and were not released,"
    " and sessions whose counts are wrong. No rows: none of these. `snakestore check` reads and"
    " checks every row.",
    """\
SELECT 'an expired session was not swept' AS problem, expires_at AS since, id AS session_id
FROM session_overview
WHERE state = 'expired'
UNION ALL
SELECT 'a lease has run out and was not released: ' || name, expires_at, session_id
FROM lease_overview
WHERE state = 'expired'
UNION ALL
SELECT 'a count is wrong: run snakestore check', last_accessed, id
FROM sessions
WHERE variable_count <> (SELECT count(*) FROM variables AS v WHERE v.session_id = sessions.id)
    OR program_count <> (SELECT count(*) FROM programs AS p WHERE p.session_id = sessions.id)
LIMIT 100""",
)

QUESTIONS = (
    IDLE,
    CHANGED,
    AT_A_TIME,
    LEASES,
    LARGEST,
    GROWS,
    ROLLED_BACK,
    EXPIRING,
    DIFFERENCES,
    WRONG,
)
"""In the order in which pages show them."""
