"""The statements of the hand-written store in SQLite."""

from __future__ import annotations

SWEEP_BATCH = 100

_FOUND = (
    "FROM sessions AS s LEFT JOIN variables AS v ON v.session_id = s.id AND (v.id = ? OR v.name ="
    " ?) WHERE s.id = ?"
)
_SESSION = "s.last_accessed, s.ttl, s.history_limit"
_COLUMNS = (
    "v.id, v.name, v.type, v.value, v.value_blob, v.constraints, v.metadata, v.version,"
    " v.created_at, v.last_updated_at, v.optimizer_id, v.optimization_expires_at, v.access_rules"
)
GET = f"SELECT s.last_accessed, s.ttl, v.type, v.value, v.value_blob {_FOUND}"
GET_BY_NAME = (
    "SELECT s.last_accessed, s.ttl, v.type, v.value, v.value_blob FROM sessions AS s LEFT JOIN"
    " variables AS v ON v.session_id = s.id AND v.name = ? WHERE s.id = ?"
)
FIND = f"SELECT {_SESSION}, {_COLUMNS} {_FOUND}"
SESSION = f"SELECT {_SESSION} FROM sessions AS s WHERE s.id = ?"
SELECT = f"SELECT {_COLUMNS} FROM variables AS v WHERE v.session_id = ? AND"
LIST = f"SELECT {_COLUMNS} FROM variables AS v WHERE v.session_id = ? ORDER BY v.created_at, v.id"
PREFIX = (
    f"SELECT {_COLUMNS} FROM variables AS v WHERE v.session_id = ? AND v.name >= ? AND v.name < ?"
    " ORDER BY v.created_at, v.id"
)
TAKEN = (
    "SELECT 1 FROM variables WHERE session_id = ? AND id = ? UNION ALL SELECT 1 FROM variables"
    " WHERE session_id = ? AND name = ?"
)
INSERT = (
    "INSERT INTO variables (session_id, id, name, type, value, value_blob, constraints, metadata,"
    " version, created_at, last_updated_at, access_rules) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?,"
    " '[]')"
)
UPDATE = (
    "UPDATE variables SET value = ?, value_blob = ?, metadata = ?, version = version + 1,"
    " last_updated_at = ? WHERE session_id = ? AND id = ?"
)
KEEP = (
    "INSERT INTO variable_versions (session_id, variable_id, version, type, value, value_blob,"
    " metadata, created_at) SELECT session_id, id, version, type, value, value_blob, metadata,"
    " last_updated_at FROM variables WHERE session_id = ? AND id = ?"
)
PRUNE = "DELETE FROM variable_versions WHERE session_id = ? AND variable_id = ? AND version < ?"
ACCESS = (
    "UPDATE sessions SET last_accessed = max(last_accessed, ?), expires_at = max(expires_at, ?)"
    " WHERE id = ?"
)
COUNT = (
    "UPDATE sessions SET last_accessed = max(last_accessed, ?), expires_at = max(expires_at, ?),"
    " variable_count = variable_count + ?, total_variable_updates = total_variable_updates + ?"
    " WHERE id = ?"
)
EXPIRED = f"SELECT id FROM sessions WHERE expires_at < ? ORDER BY expires_at LIMIT {SWEEP_BATCH}"
