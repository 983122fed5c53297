"""The recorded time of an access, and the shortest time that is kept."""

from __future__ import annotations

A_MICROSECOND = 1e-6


def recorded(repo, sid):
    """The recorded access, looked at without being one."""
    (session,) = [
        session for session in repo.list_sessions(include_expired=True) if session.id == sid
    ]
    return session.last_accessed
