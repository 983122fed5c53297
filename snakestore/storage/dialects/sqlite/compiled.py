"""Statements as SQLAlchemy compiles them for ``sqlite3``, those that have a name.

``python -m tests.storage.compile_ahead`` writes this module.
"""

from __future__ import annotations

from snakestore.storage.queries.statement import Compilation
from snakestore.storage.schema.column_types import read_time, written_time

COMPILATIONS = {
    "insert_first_version": Compilation(
        sql=(
            "INSERT INTO variables (session_id, id, name, type, value, value_blob, "
            "constraints, metadata, version, created_at, last_updated_at, access_rules) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, '[]')"
        ),
        order=(
            "sid",
            "vid",
            "new_name",
            "new_type",
            "new_value",
            "new_value_blob",
            "new_constraints",
            "new_metadata",
            "new_created_at",
            "new_created_at",
        ),
        constants={},
        incoming=(("new_created_at", written_time),),
        names=(),
        outgoing=(),
    ),
    "insert_session": Compilation(
        sql=(
            "INSERT INTO sessions (id, metadata, created_at, last_accessed, ttl, "
            "expires_at, last_worker_id, variable_count, program_count, "
            "total_variable_updates, history_limit) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, "
            "?, ?)"
        ),
        order=(
            "id",
            "metadata",
            "created_at",
            "last_accessed",
            "ttl",
            "expires_at",
            "last_worker_id",
            "variable_count",
            "program_count",
            "total_variable_updates",
            "history_limit",
        ),
        constants={},
        incoming=(
            ("created_at", written_time),
            ("last_accessed", written_time),
            ("expires_at", written_time),
        ),
        names=(),
        outgoing=(),
    ),
    "look_up_value": Compilation(
        sql=(
            "SELECT sessions.last_accessed AS a, sessions.ttl AS b, variables.type AS c, "
            "variables.value AS d, variables.value_blob AS e \nFROM sessions LEFT OUTER "
            "JOIN variables ON variables.rowid = coalesce((SELECT other.rowid \nFROM "
            "variables AS other \nWHERE other.session_id = sessions.id AND other.name = "
            "?), (SELECT other.rowid \nFROM variables AS other \nWHERE other.session_id = "
            "sessions.id AND other.id = ?)) \nWHERE sessions.id = ?"
        ),
        order=("identifier", "identifier", "sid"),
        constants={},
        incoming=(),
        names=("a", "b", "c", "d", "e"),
        outgoing=(
            read_time,
            None,
            None,
            None,
            None,
        ),
    ),
    "look_up_variable": Compilation(
        sql=(
            "SELECT sessions.last_accessed AS a, sessions.ttl AS b, variables.id AS c, "
            "variables.name AS d, variables.type AS e, variables.value AS f, "
            "variables.value_blob AS g, variables.constraints AS h, variables.metadata "
            "AS i, variables.version AS j, variables.created_at AS k, "
            "variables.last_updated_at AS l, variables.optimizer_id AS m, "
            "variables.optimizer_pid AS n, variables.optimization_started_at AS o, "
            "variables.optimization_expires_at AS p, variables.access_rules AS q \nFROM "
            "sessions LEFT OUTER JOIN variables ON variables.rowid = coalesce((SELECT "
            "other.rowid \nFROM variables AS other \nWHERE other.session_id = sessions.id "
            "AND other.name = ?), (SELECT other.rowid \nFROM variables AS other \nWHERE "
            "other.session_id = sessions.id AND other.id = ?)) \nWHERE sessions.id = ?"
        ),
        order=("identifier", "identifier", "sid"),
        constants={},
        incoming=(),
        names=("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q"),
        outgoing=(
            read_time,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            read_time,
            read_time,
            None,
            None,
            read_time,
            read_time,
            None,
        ),
    ),
    "select_exists": Compilation(
        sql=(
            "SELECT sessions.last_accessed, sessions.ttl, NULL AS server_now_1, "
            "variables.name \nFROM sessions LEFT OUTER JOIN variables ON variables.rowid "
            "= coalesce((SELECT other.rowid \nFROM variables AS other \nWHERE "
            "other.session_id = sessions.id AND other.name = ?), (SELECT other.rowid \n"
            "FROM variables AS other \nWHERE other.session_id = sessions.id AND other.id "
            "= ?)) \nWHERE sessions.id = ?"
        ),
        order=("identifier", "identifier", "sid"),
        constants={},
        incoming=(),
        names=("last_accessed", "ttl", "server_now", "name"),
        outgoing=(
            read_time,
            None,
            read_time,
            None,
        ),
    ),
    "select_for_overwrite": Compilation(
        sql=(
            "SELECT sessions.last_accessed, sessions.ttl, NULL AS server_now_1, "
            "sessions.expires_at, sessions.history_limit, variables.id, variables.name, "
            "variables.type, NULL AS anon_1, NULL AS anon__1, variables.constraints AS "
            "constraints, variables.metadata AS metadata, variables.version, "
            "variables.created_at, NULL AS anon__2, variables.optimizer_id, "
            "variables.optimizer_pid, variables.optimization_started_at, "
            "variables.optimization_expires_at, variables.access_rules AS access_rules, "
            "variables.rowid AS anon_2 \nFROM sessions LEFT OUTER JOIN variables ON "
            "variables.rowid = coalesce((SELECT other.rowid \nFROM variables AS other \n"
            "WHERE other.session_id = sessions.id AND other.name = ?), (SELECT "
            "other.rowid \nFROM variables AS other \nWHERE other.session_id = sessions.id "
            "AND other.id = ?)) \nWHERE sessions.id = ?"
        ),
        order=("identifier", "identifier", "sid"),
        constants={},
        incoming=(),
        names=(
            "last_accessed",
            "ttl",
            "server_now",
            "expires_at",
            "history_limit",
            "id",
            "name",
            "type",
            "",
            "",
            "constraints",
            "metadata",
            "version",
            "created_at",
            "",
            "optimizer_id",
            "optimizer_pid",
            "optimization_started_at",
            "optimization_expires_at",
            "access_rules",
            "",
        ),
        outgoing=(
            read_time,
            None,
            read_time,
            read_time,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            read_time,
            None,
            None,
            None,
            read_time,
            read_time,
            None,
            None,
        ),
    ),
    "select_name_owner": Compilation(
        sql=(
            "SELECT sessions.last_accessed, sessions.ttl, NULL AS server_now_1, "
            "sessions.expires_at, sessions.history_limit, variables.id, variables.name \n"
            "FROM sessions LEFT OUTER JOIN variables ON variables.rowid = "
            "coalesce((SELECT other.rowid \nFROM variables AS other \nWHERE "
            "other.session_id = sessions.id AND other.name = ?), (SELECT other.rowid \n"
            "FROM variables AS other \nWHERE other.session_id = sessions.id AND other.id "
            "= ?)) \nWHERE sessions.id = ?"
        ),
        order=("identifier", "identifier", "sid"),
        constants={},
        incoming=(),
        names=("last_accessed", "ttl", "server_now", "expires_at", "history_limit", "id", "name"),
        outgoing=(
            read_time,
            None,
            read_time,
            read_time,
            None,
            None,
            None,
        ),
    ),
    "select_session": Compilation(
        sql=(
            "SELECT sessions.last_accessed, sessions.ttl, NULL AS server_now_1, "
            "sessions.id, sessions.created_at, sessions.last_worker_id, "
            "sessions.metadata AS metadata, sessions.variable_count, "
            "sessions.program_count, sessions.total_variable_updates \nFROM sessions \n"
            "WHERE sessions.id = ?"
        ),
        order=("sid",),
        constants={},
        incoming=(),
        names=(
            "last_accessed",
            "ttl",
            "server_now",
            "id",
            "created_at",
            "last_worker_id",
            "metadata",
            "variable_count",
            "program_count",
            "total_variable_updates",
        ),
        outgoing=(
            read_time,
            None,
            read_time,
            None,
            read_time,
            None,
            None,
            None,
            None,
            None,
        ),
    ),
    "select_session_state": Compilation(
        sql=(
            "SELECT sessions.last_accessed, sessions.ttl, NULL AS server_now_1, "
            "sessions.expires_at, sessions.history_limit \nFROM sessions \nWHERE "
            "sessions.id = ?"
        ),
        order=("sid",),
        constants={},
        incoming=(),
        names=("last_accessed", "ttl", "server_now", "expires_at", "history_limit"),
        outgoing=(
            read_time,
            None,
            read_time,
            read_time,
            None,
        ),
    ),
    "select_taken": Compilation(
        sql=(
            "SELECT max(sessions.last_accessed) AS last_accessed, max(sessions.ttl) AS "
            "ttl, NULL AS server_now_1, max(sessions.id) AS id \nFROM sessions \nWHERE "
            "sessions.id = ?"
        ),
        order=("sid",),
        constants={},
        incoming=(),
        names=("last_accessed", "ttl", "server_now", "id"),
        outgoing=(
            read_time,
            None,
            read_time,
            None,
        ),
    ),
    "select_value": Compilation(
        sql=(
            "SELECT sessions.last_accessed, sessions.ttl, NULL AS server_now_1, "
            "variables.name, variables.type, variables.value, variables.value_blob \nFROM "
            "sessions LEFT OUTER JOIN variables ON variables.rowid = coalesce((SELECT "
            "other.rowid \nFROM variables AS other \nWHERE other.session_id = sessions.id "
            "AND other.name = ?), (SELECT other.rowid \nFROM variables AS other \nWHERE "
            "other.session_id = sessions.id AND other.id = ?)) \nWHERE sessions.id = ?"
        ),
        order=("identifier", "identifier", "sid"),
        constants={},
        incoming=(),
        names=("last_accessed", "ttl", "server_now", "name", "type", "value", "value_blob"),
        outgoing=(
            read_time,
            None,
            read_time,
            None,
            None,
            None,
            None,
        ),
    ),
    "select_variable": Compilation(
        sql=(
            "SELECT sessions.last_accessed, sessions.ttl, NULL AS server_now_1, "
            "variables.id, variables.name, variables.type, variables.value, "
            "variables.value_blob, variables.constraints AS constraints, "
            "variables.metadata AS metadata, variables.version, variables.created_at, "
            "variables.last_updated_at, variables.optimizer_id, variables.optimizer_pid, "
            "variables.optimization_started_at, variables.optimization_expires_at, "
            "variables.access_rules AS access_rules \nFROM sessions LEFT OUTER JOIN "
            "variables ON variables.rowid = coalesce((SELECT other.rowid \nFROM variables "
            "AS other \nWHERE other.session_id = sessions.id AND other.name = ?), (SELECT "
            "other.rowid \nFROM variables AS other \nWHERE other.session_id = sessions.id "
            "AND other.id = ?)) \nWHERE sessions.id = ?"
        ),
        order=("identifier", "identifier", "sid"),
        constants={},
        incoming=(),
        names=(
            "last_accessed",
            "ttl",
            "server_now",
            "id",
            "name",
            "type",
            "value",
            "value_blob",
            "constraints",
            "metadata",
            "version",
            "created_at",
            "last_updated_at",
            "optimizer_id",
            "optimizer_pid",
            "optimization_started_at",
            "optimization_expires_at",
            "access_rules",
        ),
        outgoing=(
            read_time,
            None,
            read_time,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            read_time,
            read_time,
            None,
            None,
            read_time,
            read_time,
            None,
        ),
    ),
    "update_at_address": Compilation(
        sql=(
            "UPDATE variables SET value=?, value_blob=?, metadata=?, "
            "version=(variables.version + 1), last_updated_at=? WHERE variables.rowid = "
            "?"
        ),
        order=("new_value", "new_value_blob", "new_metadata", "new_last_updated_at", "address"),
        constants={},
        incoming=(("new_last_updated_at", written_time),),
        names=(),
        outgoing=(),
    ),
}
