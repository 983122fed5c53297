"""The SQL of the inspector's own pages, over the views and tables of the store.

A list is a range of an index, in its order, so that a page takes as long in a large store as in a
small one. A value is cut in the statement.
"""

from __future__ import annotations

PAGE = 50
"""Rows of a list; statements select one more, to know whether there is a next page."""
LONGEST_SHOWN = 200_000
"""Characters of a value that its own page shows."""

ABOUT = "SELECT * FROM about"
SESSION_COUNT = "SELECT count(*) AS number FROM sessions"

SESSIONS = """
SELECT id AS session_id, state, idle, expires_in, variable_count, program_count,
    total_variable_updates, last_worker_id
FROM session_overview
WHERE id > :after AND id >= :prefix AND substr(id, 1, length(:prefix)) = :prefix
ORDER BY id
LIMIT :limit"""

SESSION = """
SELECT id, state, idle, expires_in, variable_count, program_count, log_count,
    total_variable_updates, last_worker_id, metadata, created_at, last_accessed
FROM session_overview
WHERE id = :session"""

VARIABLES = """
SELECT name, value, type, version, age, source, optimizer_id, size_bytes, session_id
FROM variable_overview
WHERE session_id = :session AND name > :after
ORDER BY name
LIMIT :limit"""

PROGRAMS = """
SELECT id, program, version, age, size_bytes, session_id
FROM program_overview
WHERE session_id = :session AND id > :after
ORDER BY id
LIMIT :limit"""

LOGS = """
SELECT name, length, newest_entry, age, session_id
FROM log_overview
WHERE session_id = :session AND name > :after
ORDER BY name
LIMIT :limit"""

HISTORY = """
SELECT v.name, newest.version, newest.written_at,
    CASE
        WHEN p.version IS NULL THEN
            CASE WHEN json_valid(v.metadata) THEN json_extract(v.metadata, '$.source') END
        WHEN json_valid(p.metadata) THEN json_extract(p.metadata, '$.source')
    END AS source,
    substr(CASE WHEN p.version IS NULL THEN v.value ELSE p.value END, 1, 400) AS value,
    v.session_id
FROM (
    SELECT variable_id, version, created_at AS written_at
    FROM variable_versions WHERE session_id = :session
    UNION ALL
    SELECT id, version, last_updated_at FROM variables WHERE session_id = :session
    ORDER BY written_at DESC
    LIMIT :limit
) AS newest
JOIN variables AS v ON v.session_id = :session AND v.id = newest.variable_id
LEFT JOIN variable_versions AS p
    ON p.session_id = :session AND p.variable_id = newest.variable_id
    AND p.version = newest.version
ORDER BY newest.written_at DESC"""

VARIABLE = "SELECT * FROM variable_overview WHERE session_id = :session AND name = :name"
LEASE = "SELECT * FROM lease_overview WHERE session_id = :session AND name = :name"
VERSIONS = """
SELECT version, value, written_at, source, reason, rolled_back_to, type, size_bytes
FROM variable_history_overview
WHERE session_id = :session AND name = :name AND version < :before
ORDER BY version DESC
LIMIT :limit"""

PLOTTED = """
SELECT version, substr(value, 1, 200) AS value
FROM variable_history_overview
WHERE session_id = :session AND name = :name
ORDER BY version DESC
LIMIT 1000"""

VALUE = """
SELECT value, value_blob FROM variables
WHERE session_id = :session AND name = :name AND version = :version
UNION ALL
SELECT p.value, p.value_blob
FROM variables AS v JOIN variable_versions AS p
    ON p.session_id = v.session_id AND p.variable_id = v.id
WHERE v.session_id = :session AND v.name = :name AND p.version = :version"""

PROGRAM = "SELECT * FROM program_overview WHERE session_id = :session AND id = :id"
PROGRAM_VERSIONS = """
SELECT version, substr(program, 1, 2000) AS program, created_at AS written_at,
    length(CAST(program AS BLOB)) AS size_bytes
FROM program_versions
WHERE session_id = :session AND program_id = :id AND version < :before
ORDER BY version DESC
LIMIT :limit"""
DOCUMENT = """
SELECT program AS value, NULL AS value_blob
FROM programs WHERE session_id = :session AND id = :id AND version = :version
UNION ALL
SELECT program, NULL FROM program_versions
WHERE session_id = :session AND program_id = :id AND version = :version"""

LOG = "SELECT * FROM log_overview WHERE session_id = :session AND name = :name"
ENTRIES = """
SELECT position, substr(entry, 1, 2000) AS entry, created_at AS written_at,
    length(CAST(entry AS BLOB)) AS size_bytes
FROM log_entries
WHERE session_id = :session AND log_name = :name AND position < :before
ORDER BY position DESC
LIMIT :limit"""
ENTRY = """
SELECT entry AS value, NULL AS value_blob FROM log_entries
WHERE session_id = :session AND log_name = :name AND position = :version"""

WHOLE = {"variable": (VALUE, "name"), "program": (DOCUMENT, "id"), "log": (ENTRY, "name")}
"""What selects a whole value, document or entry, and the parameter that names its owner."""

SESSIONS_OVER_TIME = """
SELECT substr(created_at, 1, 13) AS hour, count(*) AS number
FROM sessions GROUP BY hour ORDER BY hour DESC LIMIT 2000"""

UPDATES_OVER_TIME = """
SELECT substr(written_at, 1, 13) AS hour, count(*) AS number
FROM (
    SELECT v.last_updated_at AS written_at
    FROM session_overview AS s CROSS JOIN variables AS v
    WHERE v.session_id = s.id AND s.idle_seconds < 86400
    UNION ALL
    SELECT p.created_at
    FROM session_overview AS s CROSS JOIN variable_versions AS p
    WHERE p.session_id = s.id AND s.idle_seconds < 86400
)
WHERE written_at > strftime('%Y-%m-%dT%H:%M:%f', 'now', '-1 day')
GROUP BY hour ORDER BY hour"""

INDEXED = {
    "sessions": SESSIONS,
    "session": SESSION,
    "variables": VARIABLES,
    "programs": PROGRAMS,
    "logs": LOGS,
    "history": HISTORY,
    "variable": VARIABLE,
    "lease": LEASE,
    "versions": VERSIONS,
    "plotted": PLOTTED,
    "value": VALUE,
    "program": PROGRAM,
    "program versions": PROGRAM_VERSIONS,
    "document": DOCUMENT,
    "log": LOG,
    "entries": ENTRIES,
    "entry": ENTRY,
}
"""Statements that read a range of an index and nothing else."""
