"""Views that explain the store, and an index of the variables that are being optimised.

Revision: 0006, after 0005
"""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

VIEWS = {
    "sqlite": {
        "session_overview": (
            """
            SELECT
                CASE WHEN (sessions.expires_at < strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')) THEN 'expired' ELSE 'live' END AS state,
                (SELECT CASE WHEN s < 0 THEN '0 s' WHEN s < 120 THEN s || ' s' WHEN s < 7200 THEN (s / 60) || ' min' WHEN s < 172800 THEN (s / 3600) || ' h' ELSE (s / 86400) || ' d' END FROM (SELECT CAST(round((julianday('now') - julianday(sessions.last_accessed)) * 86400.0, 3) AS INTEGER) AS s) AS seconds) AS idle,
                (SELECT CASE WHEN s IS NULL THEN 'never' WHEN s < 0 THEN 'expired' WHEN s < 120 THEN s || ' s' WHEN s < 7200 THEN (s / 60) || ' min' WHEN s < 172800 THEN (s / 3600) || ' h' ELSE (s / 86400) || ' d' END FROM (SELECT CAST(round((julianday(sessions.expires_at) - julianday('now')) * 86400.0, 3) AS INTEGER) AS s) AS seconds) AS expires_in,
                sessions.variable_count,
                sessions.program_count,
                (SELECT count(*) AS count_1 FROM logs WHERE logs.session_id = sessions.id) AS log_count,
                sessions.total_variable_updates,
                CAST((SELECT coalesce(sum(coalesce(length(CAST(variables.value AS BLOB)), length(variables.value_blob))), 0) AS coalesce_1 FROM variables WHERE variables.session_id = sessions.id) + (SELECT coalesce(sum(coalesce(length(CAST(variable_versions.value AS BLOB)), length(variable_versions.value_blob))), 0) AS coalesce_2 FROM variable_versions WHERE variable_versions.session_id = sessions.id) + (SELECT coalesce(sum(length(CAST(programs.program AS BLOB))), 0) AS coalesce_3 FROM programs WHERE programs.session_id = sessions.id) + (SELECT coalesce(sum(length(CAST(program_versions.program AS BLOB))), 0) AS coalesce_4 FROM program_versions WHERE program_versions.session_id = sessions.id) + (SELECT coalesce(sum(length(CAST(log_entries.entry AS BLOB))), 0) AS coalesce_5 FROM log_entries WHERE log_entries.session_id = sessions.id) AS BIGINT) AS size_bytes,
                sessions.last_worker_id,
                sessions.ttl,
                sessions.metadata AS metadata,
                sessions.created_at,
                sessions.last_accessed,
                sessions.expires_at AS expires_at,
                round((julianday('now') - julianday(sessions.last_accessed)) * 86400.0, 3) AS idle_seconds,
                round((julianday(sessions.expires_at) - julianday('now')) * 86400.0, 3) AS expires_in_seconds,
                sessions.id
            FROM sessions
        """
        ),
        "variable_overview": (
            """
            SELECT
                variables.name,
                coalesce(variables.value, '<binary, ' || CAST(length(variables.value_blob) AS TEXT) || ' bytes>') AS value,
                variables.type,
                variables.version,
                (SELECT CASE WHEN s < 0 THEN '0 s' WHEN s < 120 THEN s || ' s' WHEN s < 7200 THEN (s / 60) || ' min' WHEN s < 172800 THEN (s / 3600) || ' h' ELSE (s / 86400) || ' d' END FROM (SELECT CAST(round((julianday('now') - julianday(variables.last_updated_at)) * 86400.0, 3) AS INTEGER) AS s) AS seconds) AS age,
                (SELECT CAST(member.value AS TEXT) FROM json_each(variables.metadata) AS member WHERE member.key = 'source') AS source,
                CASE WHEN (variables.optimizer_id IS NOT NULL AND (variables.optimization_expires_at IS NULL OR variables.optimization_expires_at > strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))) THEN 'yes' ELSE 'no' END AS optimizing,
                CASE WHEN (variables.optimizer_id IS NOT NULL AND (variables.optimization_expires_at IS NULL OR variables.optimization_expires_at > strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))) THEN variables.optimizer_id ELSE NULL END AS optimizer_id,
                coalesce(length(CAST(variables.value AS BLOB)), length(variables.value_blob)) AS size_bytes,
                (SELECT count(*) AS count_1 FROM variable_versions WHERE variable_versions.session_id = variables.session_id AND variable_versions.variable_id = variables.id) AS past_versions,
                variables.constraints AS constraints,
                variables.metadata AS metadata,
                variables.last_updated_at,
                variables.created_at,
                round((julianday('now') - julianday(variables.last_updated_at)) * 86400.0, 3) AS age_seconds,
                variables.session_id,
                variables.id
            FROM variables
        """
        ),
        "variable_history_overview": (
            """
            SELECT
                owner.name,
                variable_versions.version,
                coalesce(variable_versions.value, '<binary, ' || CAST(length(variable_versions.value_blob) AS TEXT) || ' bytes>') AS value,
                variable_versions.type,
                (SELECT CAST(member.value AS TEXT) FROM json_each(variable_versions.metadata) AS member WHERE member.key = 'source') AS source,
                CASE WHEN ((SELECT CAST(member.value AS TEXT) FROM json_each(variable_versions.metadata) AS member WHERE member.key = 'source') = 'rollback') THEN (SELECT CAST(member.value AS TEXT) FROM json_each(variable_versions.metadata) AS member WHERE member.key = 'reason') END AS reason,
                CASE WHEN ((SELECT CAST(member.value AS TEXT) FROM json_each(variable_versions.metadata) AS member WHERE member.key = 'source') = 'rollback') THEN (SELECT CAST(member.value AS TEXT) FROM json_each(variable_versions.metadata) AS member WHERE member.key = 'rolled_back_to') END AS rolled_back_to,
                'no' AS is_current,
                coalesce(length(CAST(variable_versions.value AS BLOB)), length(variable_versions.value_blob)) AS size_bytes,
                variable_versions.created_at AS written_at,
                round((julianday('now') - julianday(variable_versions.created_at)) * 86400.0, 3) AS age_seconds,
                variable_versions.session_id,
                variable_versions.variable_id
            FROM variable_versions
            JOIN variables AS owner ON owner.session_id = variable_versions.session_id AND owner.id = variable_versions.variable_id
            UNION ALL
            SELECT
                variables.name,
                variables.version,
                coalesce(variables.value, '<binary, ' || CAST(length(variables.value_blob) AS TEXT) || ' bytes>') AS value,
                variables.type,
                (SELECT CAST(member.value AS TEXT) FROM json_each(variables.metadata) AS member WHERE member.key = 'source') AS source,
                CASE WHEN ((SELECT CAST(member.value AS TEXT) FROM json_each(variables.metadata) AS member WHERE member.key = 'source') = 'rollback') THEN (SELECT CAST(member.value AS TEXT) FROM json_each(variables.metadata) AS member WHERE member.key = 'reason') END AS reason,
                CASE WHEN ((SELECT CAST(member.value AS TEXT) FROM json_each(variables.metadata) AS member WHERE member.key = 'source') = 'rollback') THEN (SELECT CAST(member.value AS TEXT) FROM json_each(variables.metadata) AS member WHERE member.key = 'rolled_back_to') END AS rolled_back_to,
                'yes' AS is_current,
                coalesce(length(CAST(variables.value AS BLOB)), length(variables.value_blob)) AS size_bytes,
                variables.last_updated_at AS written_at,
                round((julianday('now') - julianday(variables.last_updated_at)) * 86400.0, 3) AS age_seconds,
                variables.session_id,
                variables.id AS variable_id
            FROM variables
            ORDER BY session_id,
                name,
                version
        """
        ),
        "program_overview": (
            """
            SELECT
                programs.program AS program,
                programs.version,
                (SELECT CASE WHEN s < 0 THEN '0 s' WHEN s < 120 THEN s || ' s' WHEN s < 7200 THEN (s / 60) || ' min' WHEN s < 172800 THEN (s / 3600) || ' h' ELSE (s / 86400) || ' d' END FROM (SELECT CAST(round((julianday('now') - julianday(programs.last_updated_at)) * 86400.0, 3) AS INTEGER) AS s) AS seconds) AS age,
                length(CAST(programs.program AS BLOB)) AS size_bytes,
                (SELECT count(*) AS count_1 FROM program_versions WHERE program_versions.session_id = programs.session_id AND program_versions.program_id = programs.id) AS past_versions,
                programs.metadata AS metadata,
                programs.last_updated_at,
                programs.created_at,
                round((julianday('now') - julianday(programs.last_updated_at)) * 86400.0, 3) AS age_seconds,
                programs.session_id,
                programs.id
            FROM programs
        """
        ),
        "log_overview": (
            """
            SELECT
                logs.name,
                logs.length,
                (SELECT CASE WHEN s < 0 THEN '0 s' WHEN s < 120 THEN s || ' s' WHEN s < 7200 THEN (s / 60) || ' min' WHEN s < 172800 THEN (s / 3600) || ' h' ELSE (s / 86400) || ' d' END FROM (SELECT CAST(round((julianday('now') - julianday(logs.last_updated_at)) * 86400.0, 3) AS INTEGER) AS s) AS seconds) AS age,
                (SELECT log_entries.entry FROM log_entries WHERE log_entries.session_id = logs.session_id AND log_entries.log_name = logs.name ORDER BY log_entries.position DESC LIMIT 1 OFFSET 0) AS newest_entry,
                CAST((SELECT coalesce(sum(length(CAST(log_entries.entry AS BLOB))), 0) AS coalesce_1 FROM log_entries WHERE log_entries.session_id = logs.session_id AND log_entries.log_name = logs.name) AS BIGINT) AS size_bytes,
                logs.next_position,
                logs.last_updated_at,
                logs.created_at,
                round((julianday('now') - julianday(logs.last_updated_at)) * 86400.0, 3) AS age_seconds,
                logs.session_id
            FROM logs
        """
        ),
        "lease_overview": (
            """
            SELECT
                variables.name,
                variables.optimizer_id AS holder,
                CASE WHEN (sessions.expires_at < strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')) THEN 'session expired' WHEN (variables.optimization_expires_at <= strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')) THEN 'expired' ELSE 'held' END AS state,
                (SELECT CASE WHEN s IS NULL THEN 'when released' WHEN s < 0 THEN 'expired' WHEN s < 120 THEN s || ' s' WHEN s < 7200 THEN (s / 60) || ' min' WHEN s < 172800 THEN (s / 3600) || ' h' ELSE (s / 86400) || ' d' END FROM (SELECT CAST(round((julianday(variables.optimization_expires_at) - julianday('now')) * 86400.0, 3) AS INTEGER) AS s) AS seconds) AS expires_in,
                (SELECT CASE WHEN s < 0 THEN '0 s' WHEN s < 120 THEN s || ' s' WHEN s < 7200 THEN (s / 60) || ' min' WHEN s < 172800 THEN (s / 3600) || ' h' ELSE (s / 86400) || ' d' END FROM (SELECT CAST(round((julianday('now') - julianday(variables.optimization_started_at)) * 86400.0, 3) AS INTEGER) AS s) AS seconds) AS held_for,
                variables.optimizer_pid AS holder_pid,
                variables.optimization_expires_at AS expires_at,
                variables.optimization_started_at AS started_at,
                round((julianday(variables.optimization_expires_at) - julianday('now')) * 86400.0, 3) AS expires_in_seconds,
                round((julianday('now') - julianday(variables.optimization_started_at)) * 86400.0, 3) AS held_seconds,
                variables.session_id,
                variables.id AS variable_id
            FROM variables
            JOIN sessions ON sessions.id = variables.session_id
            WHERE variables.optimizer_id IS NOT NULL
        """
        ),
        "about": (
            """
            SELECT
                snakestore_alembic_version.version_num AS schema_revision,
                '{made_by}' AS made_by,
                'https://github.com/snakestore/snakestore/blob/main/docs/inspecting.md' AS documentation,
                CASE WHEN (NOT (EXISTS (SELECT sessions.id FROM sessions))) THEN 'yes' ELSE 'no' END AS is_empty
            FROM snakestore_alembic_version
        """
        ),
    },
    "postgresql": {
        "session_overview": (
            """
            SELECT
                CASE WHEN (sessions.last_accessed + sessions.ttl * interval '1 second' < clock_timestamp()) THEN 'expired' ELSE 'live' END AS state,
                CASE WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (sessions.last_accessed)), 3)) AS BIGINT) < 0 THEN '0 s' WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (sessions.last_accessed)), 3)) AS BIGINT) < 120 THEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (sessions.last_accessed)), 3)) AS BIGINT) || ' s' WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (sessions.last_accessed)), 3)) AS BIGINT) < 7200 THEN (CAST(trunc(round(extract(epoch FROM clock_timestamp() - (sessions.last_accessed)), 3)) AS BIGINT) / 60) || ' min' WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (sessions.last_accessed)), 3)) AS BIGINT) < 172800 THEN (CAST(trunc(round(extract(epoch FROM clock_timestamp() - (sessions.last_accessed)), 3)) AS BIGINT) / 3600) || ' h' ELSE (CAST(trunc(round(extract(epoch FROM clock_timestamp() - (sessions.last_accessed)), 3)) AS BIGINT) / 86400) || ' d' END AS idle,
                CASE WHEN CAST(trunc(round(extract(epoch FROM (sessions.last_accessed + sessions.ttl * interval '1 second') - clock_timestamp()), 3)) AS BIGINT) IS NULL THEN 'never' WHEN CAST(trunc(round(extract(epoch FROM (sessions.last_accessed + sessions.ttl * interval '1 second') - clock_timestamp()), 3)) AS BIGINT) < 0 THEN 'expired' WHEN CAST(trunc(round(extract(epoch FROM (sessions.last_accessed + sessions.ttl * interval '1 second') - clock_timestamp()), 3)) AS BIGINT) < 120 THEN CAST(trunc(round(extract(epoch FROM (sessions.last_accessed + sessions.ttl * interval '1 second') - clock_timestamp()), 3)) AS BIGINT) || ' s' WHEN CAST(trunc(round(extract(epoch FROM (sessions.last_accessed + sessions.ttl * interval '1 second') - clock_timestamp()), 3)) AS BIGINT) < 7200 THEN (CAST(trunc(round(extract(epoch FROM (sessions.last_accessed + sessions.ttl * interval '1 second') - clock_timestamp()), 3)) AS BIGINT) / 60) || ' min' WHEN CAST(trunc(round(extract(epoch FROM (sessions.last_accessed + sessions.ttl * interval '1 second') - clock_timestamp()), 3)) AS BIGINT) < 172800 THEN (CAST(trunc(round(extract(epoch FROM (sessions.last_accessed + sessions.ttl * interval '1 second') - clock_timestamp()), 3)) AS BIGINT) / 3600) || ' h' ELSE (CAST(trunc(round(extract(epoch FROM (sessions.last_accessed + sessions.ttl * interval '1 second') - clock_timestamp()), 3)) AS BIGINT) / 86400) || ' d' END AS expires_in,
                sessions.variable_count,
                sessions.program_count,
                (SELECT count(*) AS count_1 FROM logs WHERE logs.session_id = sessions.id) AS log_count,
                sessions.total_variable_updates,
                CAST((SELECT coalesce(sum(coalesce(octet_length(CAST(variables.value AS TEXT)), length(variables.value_blob))), 0) AS coalesce_1 FROM variables WHERE variables.session_id = sessions.id) + (SELECT coalesce(sum(coalesce(octet_length(CAST(variable_versions.value AS TEXT)), length(variable_versions.value_blob))), 0) AS coalesce_2 FROM variable_versions WHERE variable_versions.session_id = sessions.id) + (SELECT coalesce(sum(octet_length(CAST(programs.program AS TEXT))), 0) AS coalesce_3 FROM programs WHERE programs.session_id = sessions.id) + (SELECT coalesce(sum(octet_length(CAST(program_versions.program AS TEXT))), 0) AS coalesce_4 FROM program_versions WHERE program_versions.session_id = sessions.id) + (SELECT coalesce(sum(octet_length(CAST(log_entries.entry AS TEXT))), 0) AS coalesce_5 FROM log_entries WHERE log_entries.session_id = sessions.id) AS BIGINT) AS size_bytes,
                sessions.last_worker_id,
                sessions.ttl,
                sessions.metadata AS metadata,
                sessions.created_at,
                sessions.last_accessed,
                sessions.last_accessed + sessions.ttl * interval '1 second' AS expires_at,
                round(extract(epoch FROM clock_timestamp() - (sessions.last_accessed)), 3) AS idle_seconds,
                round(extract(epoch FROM (sessions.last_accessed + sessions.ttl * interval '1 second') - clock_timestamp()), 3) AS expires_in_seconds,
                sessions.id
            FROM sessions
        """
        ),
        "variable_overview": (
            r"""
            SELECT
                variables.name,
                coalesce(variables.value, '<binary, ' || CAST(length(variables.value_blob) AS TEXT) || ' bytes>') AS value,
                variables.type,
                variables.version,
                CASE WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.last_updated_at)), 3)) AS BIGINT) < 0 THEN '0 s' WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.last_updated_at)), 3)) AS BIGINT) < 120 THEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.last_updated_at)), 3)) AS BIGINT) || ' s' WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.last_updated_at)), 3)) AS BIGINT) < 7200 THEN (CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.last_updated_at)), 3)) AS BIGINT) / 60) || ' min' WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.last_updated_at)), 3)) AS BIGINT) < 172800 THEN (CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.last_updated_at)), 3)) AS BIGINT) / 3600) || ' h' ELSE (CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.last_updated_at)), 3)) AS BIGINT) / 86400) || ' d' END AS age,
                CASE WHEN position(E'\\u0000' IN CAST(variables.metadata AS TEXT)) = 0 THEN variables.metadata ->> 'source' END AS source,
                CASE WHEN (variables.optimizer_id IS NOT NULL AND (variables.optimization_expires_at IS NULL OR variables.optimization_expires_at > clock_timestamp())) THEN 'yes' ELSE 'no' END AS optimizing,
                CASE WHEN (variables.optimizer_id IS NOT NULL AND (variables.optimization_expires_at IS NULL OR variables.optimization_expires_at > clock_timestamp())) THEN variables.optimizer_id ELSE NULL END AS optimizer_id,
                coalesce(octet_length(CAST(variables.value AS TEXT)), length(variables.value_blob)) AS size_bytes,
                (SELECT count(*) AS count_1 FROM variable_versions WHERE variable_versions.session_id = variables.session_id AND variable_versions.variable_id = variables.id) AS past_versions,
                variables.constraints AS constraints,
                variables.metadata AS metadata,
                variables.last_updated_at,
                variables.created_at,
                round(extract(epoch FROM clock_timestamp() - (variables.last_updated_at)), 3) AS age_seconds,
                variables.session_id,
                variables.id
            FROM variables
        """
        ),
        "variable_history_overview": (
            r"""
            SELECT
                owner.name,
                variable_versions.version,
                coalesce(variable_versions.value, '<binary, ' || CAST(length(variable_versions.value_blob) AS TEXT) || ' bytes>') AS value,
                variable_versions.type,
                CASE WHEN position(E'\\u0000' IN CAST(variable_versions.metadata AS TEXT)) = 0 THEN variable_versions.metadata ->> 'source' END AS source,
                CASE WHEN (CASE WHEN position(E'\\u0000' IN CAST(variable_versions.metadata AS TEXT)) = 0 THEN variable_versions.metadata ->> 'source' END = 'rollback') THEN CASE WHEN position(E'\\u0000' IN CAST(variable_versions.metadata AS TEXT)) = 0 THEN variable_versions.metadata ->> 'reason' END END AS reason,
                CASE WHEN (CASE WHEN position(E'\\u0000' IN CAST(variable_versions.metadata AS TEXT)) = 0 THEN variable_versions.metadata ->> 'source' END = 'rollback') THEN CASE WHEN position(E'\\u0000' IN CAST(variable_versions.metadata AS TEXT)) = 0 THEN variable_versions.metadata ->> 'rolled_back_to' END END AS rolled_back_to,
                'no' AS is_current,
                coalesce(octet_length(CAST(variable_versions.value AS TEXT)), length(variable_versions.value_blob)) AS size_bytes,
                variable_versions.created_at AS written_at,
                round(extract(epoch FROM clock_timestamp() - (variable_versions.created_at)), 3) AS age_seconds,
                variable_versions.session_id,
                variable_versions.variable_id
            FROM variable_versions
            JOIN variables AS owner ON owner.session_id = variable_versions.session_id AND owner.id = variable_versions.variable_id
            UNION ALL
            SELECT
                variables.name,
                variables.version,
                coalesce(variables.value, '<binary, ' || CAST(length(variables.value_blob) AS TEXT) || ' bytes>') AS value,
                variables.type,
                CASE WHEN position(E'\\u0000' IN CAST(variables.metadata AS TEXT)) = 0 THEN variables.metadata ->> 'source' END AS source,
                CASE WHEN (CASE WHEN position(E'\\u0000' IN CAST(variables.metadata AS TEXT)) = 0 THEN variables.metadata ->> 'source' END = 'rollback') THEN CASE WHEN position(E'\\u0000' IN CAST(variables.metadata AS TEXT)) = 0 THEN variables.metadata ->> 'reason' END END AS reason,
                CASE WHEN (CASE WHEN position(E'\\u0000' IN CAST(variables.metadata AS TEXT)) = 0 THEN variables.metadata ->> 'source' END = 'rollback') THEN CASE WHEN position(E'\\u0000' IN CAST(variables.metadata AS TEXT)) = 0 THEN variables.metadata ->> 'rolled_back_to' END END AS rolled_back_to,
                'yes' AS is_current,
                coalesce(octet_length(CAST(variables.value AS TEXT)), length(variables.value_blob)) AS size_bytes,
                variables.last_updated_at AS written_at,
                round(extract(epoch FROM clock_timestamp() - (variables.last_updated_at)), 3) AS age_seconds,
                variables.session_id,
                variables.id AS variable_id
            FROM variables
            ORDER BY session_id,
                name,
                version
        """
        ),
        "program_overview": (
            """
            SELECT
                programs.program AS program,
                programs.version,
                CASE WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (programs.last_updated_at)), 3)) AS BIGINT) < 0 THEN '0 s' WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (programs.last_updated_at)), 3)) AS BIGINT) < 120 THEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (programs.last_updated_at)), 3)) AS BIGINT) || ' s' WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (programs.last_updated_at)), 3)) AS BIGINT) < 7200 THEN (CAST(trunc(round(extract(epoch FROM clock_timestamp() - (programs.last_updated_at)), 3)) AS BIGINT) / 60) || ' min' WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (programs.last_updated_at)), 3)) AS BIGINT) < 172800 THEN (CAST(trunc(round(extract(epoch FROM clock_timestamp() - (programs.last_updated_at)), 3)) AS BIGINT) / 3600) || ' h' ELSE (CAST(trunc(round(extract(epoch FROM clock_timestamp() - (programs.last_updated_at)), 3)) AS BIGINT) / 86400) || ' d' END AS age,
                octet_length(CAST(programs.program AS TEXT)) AS size_bytes,
                (SELECT count(*) AS count_1 FROM program_versions WHERE program_versions.session_id = programs.session_id AND program_versions.program_id = programs.id) AS past_versions,
                programs.metadata AS metadata,
                programs.last_updated_at,
                programs.created_at,
                round(extract(epoch FROM clock_timestamp() - (programs.last_updated_at)), 3) AS age_seconds,
                programs.session_id,
                programs.id
            FROM programs
        """
        ),
        "log_overview": (
            """
            SELECT
                logs.name,
                logs.length,
                CASE WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (logs.last_updated_at)), 3)) AS BIGINT) < 0 THEN '0 s' WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (logs.last_updated_at)), 3)) AS BIGINT) < 120 THEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (logs.last_updated_at)), 3)) AS BIGINT) || ' s' WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (logs.last_updated_at)), 3)) AS BIGINT) < 7200 THEN (CAST(trunc(round(extract(epoch FROM clock_timestamp() - (logs.last_updated_at)), 3)) AS BIGINT) / 60) || ' min' WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (logs.last_updated_at)), 3)) AS BIGINT) < 172800 THEN (CAST(trunc(round(extract(epoch FROM clock_timestamp() - (logs.last_updated_at)), 3)) AS BIGINT) / 3600) || ' h' ELSE (CAST(trunc(round(extract(epoch FROM clock_timestamp() - (logs.last_updated_at)), 3)) AS BIGINT) / 86400) || ' d' END AS age,
                (SELECT log_entries.entry FROM log_entries WHERE log_entries.session_id = logs.session_id AND log_entries.log_name = logs.name ORDER BY log_entries.position DESC LIMIT 1) AS newest_entry,
                CAST((SELECT coalesce(sum(octet_length(CAST(log_entries.entry AS TEXT))), 0) AS coalesce_1 FROM log_entries WHERE log_entries.session_id = logs.session_id AND log_entries.log_name = logs.name) AS BIGINT) AS size_bytes,
                logs.next_position,
                logs.last_updated_at,
                logs.created_at,
                round(extract(epoch FROM clock_timestamp() - (logs.last_updated_at)), 3) AS age_seconds,
                logs.session_id
            FROM logs
        """
        ),
        "lease_overview": (
            """
            SELECT
                variables.name,
                variables.optimizer_id AS holder,
                CASE WHEN (sessions.last_accessed + sessions.ttl * interval '1 second' < clock_timestamp()) THEN 'session expired' WHEN (variables.optimization_expires_at <= clock_timestamp()) THEN 'expired' ELSE 'held' END AS state,
                CASE WHEN CAST(trunc(round(extract(epoch FROM (variables.optimization_expires_at) - clock_timestamp()), 3)) AS BIGINT) IS NULL THEN 'when released' WHEN CAST(trunc(round(extract(epoch FROM (variables.optimization_expires_at) - clock_timestamp()), 3)) AS BIGINT) < 0 THEN 'expired' WHEN CAST(trunc(round(extract(epoch FROM (variables.optimization_expires_at) - clock_timestamp()), 3)) AS BIGINT) < 120 THEN CAST(trunc(round(extract(epoch FROM (variables.optimization_expires_at) - clock_timestamp()), 3)) AS BIGINT) || ' s' WHEN CAST(trunc(round(extract(epoch FROM (variables.optimization_expires_at) - clock_timestamp()), 3)) AS BIGINT) < 7200 THEN (CAST(trunc(round(extract(epoch FROM (variables.optimization_expires_at) - clock_timestamp()), 3)) AS BIGINT) / 60) || ' min' WHEN CAST(trunc(round(extract(epoch FROM (variables.optimization_expires_at) - clock_timestamp()), 3)) AS BIGINT) < 172800 THEN (CAST(trunc(round(extract(epoch FROM (variables.optimization_expires_at) - clock_timestamp()), 3)) AS BIGINT) / 3600) || ' h' ELSE (CAST(trunc(round(extract(epoch FROM (variables.optimization_expires_at) - clock_timestamp()), 3)) AS BIGINT) / 86400) || ' d' END AS expires_in,
                CASE WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.optimization_started_at)), 3)) AS BIGINT) < 0 THEN '0 s' WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.optimization_started_at)), 3)) AS BIGINT) < 120 THEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.optimization_started_at)), 3)) AS BIGINT) || ' s' WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.optimization_started_at)), 3)) AS BIGINT) < 7200 THEN (CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.optimization_started_at)), 3)) AS BIGINT) / 60) || ' min' WHEN CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.optimization_started_at)), 3)) AS BIGINT) < 172800 THEN (CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.optimization_started_at)), 3)) AS BIGINT) / 3600) || ' h' ELSE (CAST(trunc(round(extract(epoch FROM clock_timestamp() - (variables.optimization_started_at)), 3)) AS BIGINT) / 86400) || ' d' END AS held_for,
                variables.optimizer_pid AS holder_pid,
                variables.optimization_expires_at AS expires_at,
                variables.optimization_started_at AS started_at,
                round(extract(epoch FROM (variables.optimization_expires_at) - clock_timestamp()), 3) AS expires_in_seconds,
                round(extract(epoch FROM clock_timestamp() - (variables.optimization_started_at)), 3) AS held_seconds,
                variables.session_id,
                variables.id AS variable_id
            FROM variables
            JOIN sessions ON sessions.id = variables.session_id
            WHERE variables.optimizer_id IS NOT NULL
        """
        ),
        "about": (
            """
            SELECT
                snakestore_alembic_version.version_num AS schema_revision,
                '{made_by}' AS made_by,
                'https://github.com/snakestore/snakestore/blob/main/docs/inspecting.md' AS documentation,
                CASE WHEN (NOT (EXISTS (SELECT sessions.id FROM sessions))) THEN 'yes' ELSE 'no' END AS is_empty
            FROM snakestore_alembic_version
        """
        ),
    },
}
OLDER = {
    "session_overview": ("0001", "VIEWS"),
    "variable_overview": ("0001", "VIEWS"),
    "variable_history_overview": ("0002", "VIEW"),
}
"""The views of earlier revisions, and where these define them."""


def upgrade() -> None:
    """Create the index and the views; three of them replace narrower ones."""
    op.create_index(
        op.f("ix_variables_leased"),
        "variables",
        ["session_id", "name"],
        sqlite_where=sa.text("optimizer_id IS NOT NULL"),
        postgresql_where=sa.text("optimizer_id IS NOT NULL"),
    )
    for name in reversed(OLDER):
        op.execute(f"DROP VIEW {name}")
    context = op.get_context()
    made_by = context.opts.get("made_by", "an unknown version")
    for name, query in VIEWS[context.dialect.name].items():
        _create_view(name, query.replace("{made_by}", made_by))


def downgrade() -> None:
    """Drop the index and the views, and create the views as they were."""
    context = op.get_context()
    for name in reversed(VIEWS[context.dialect.name]):
        op.execute(f"DROP VIEW {name}")
    for name, (defined_in, where) in OLDER.items():
        definition = _definitions(defined_in, where)[context.dialect.name]
        _create_view(name, definition if isinstance(definition, str) else definition[name])
    op.drop_index(op.f("ix_variables_leased"), table_name="variables")


def _create_view(name: str, query: str) -> None:
    op.execute(f"CREATE VIEW {name} AS{dedent(query).rstrip()}")


def _definitions(defined_in: str, where: str) -> dict[str, Any]:
    """The views of an earlier revision, which is frozen."""
    environment = op.get_context().environment_context
    assert environment is not None  # noqa: S101 - the revision runs in one
    script = environment.script.get_revision(defined_in)
    definitions: dict[str, Any] = getattr(script.module, where)
    return definitions
