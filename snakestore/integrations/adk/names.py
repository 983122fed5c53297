"""Ids of sessions and names of variables, for names of ADK, which may be any text."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from snakestore.names import invalid_name_reason
from snakestore.session import Session

LONGEST_PART = 80
"""Longer names of apps, users and sessions are replaced by a checksum in the id of a session."""

_ESCAPES = str.maketrans({each: f"%{ord(each):02X}" for each in "%/*\0"})
_CHECKSUM = "%sha256="


class Key(NamedTuple):
    """The names of a session of ADK, and the ids of its sessions in the store."""

    app: str
    user: str
    session: str

    @property
    def sid(self) -> str:
        """The session of the events and of the session's own state."""
        return f"adk/{_part(self.app)}/{_part(self.user)}/{_part(self.session)}"

    @property
    def app_sid(self) -> str:
        """The session of the app's state."""
        return f"adk-app/{_part(self.app)}"

    @property
    def user_sid(self) -> str:
        """The session of the user's state."""
        return f"adk-user/{_part(self.app)}/{_part(self.user)}"


def key_of(stored: Session) -> Key:
    """The names of the session of ADK that is stored here."""
    about = stored.metadata
    return Key(about["app_name"], about["user_id"], about["session_id"])


def is_shared(sid: str) -> bool:
    """Whether this is the id of the state of an app or a user."""
    return not sid.startswith("adk/")


def pattern(app: str, user: str | None) -> str:
    """The pattern of the ids of a user's sessions; None: of all users."""
    users = "" if user is None else f"{_part(user)}/"
    return f"adk/{_part(app)}/{users}*"


def variable_name(key: str) -> str:
    """A key of the state as the name of a variable: itself, or a checksum if it cannot be one."""
    odd = invalid_name_reason(key) is not None or key.startswith(_CHECKSUM)
    return _checksum(key) if odd else key


def _part(text: str) -> str:
    escaped = text.translate(_ESCAPES)
    return escaped if len(escaped) <= LONGEST_PART else _checksum(text)


def _checksum(text: str) -> str:
    return _CHECKSUM + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
