"""What ``--json`` prints of a session, a program and an entry of a log. Times are ISO 8601 text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snakestore import LogEntry, Program, Session


def session_record(session: Session) -> dict[str, Any]:
    """The session as JSON-serialisable data."""
    return {
        "id": session.id,
        "created_at": session.created_at.isoformat(),
        "last_accessed": session.last_accessed.isoformat(),
        "ttl": session.ttl,
        "expires_at": None if session.expires_at is None else session.expires_at.isoformat(),
        "last_worker_id": session.last_worker_id,
        "metadata": session.metadata,
        "variable_count": session.stats.variable_count,
        "program_count": session.stats.program_count,
        "total_variable_updates": session.stats.total_variable_updates,
    }


def program_record(program: Program) -> dict[str, Any]:
    """The program as JSON-serialisable data."""
    return {
        "id": program.id,
        "document": program.document,
        "version": program.version,
        "metadata": program.metadata,
        "created_at": program.created_at.isoformat(),
        "last_updated_at": program.last_updated_at.isoformat(),
    }


def entry_record(entry: LogEntry) -> dict[str, Any]:
    """The entry of a log as JSON-serialisable data."""
    return {
        "position": entry.position,
        "value": entry.value,
        "created_at": entry.created_at.isoformat(),
    }
