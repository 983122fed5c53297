"""URLs of and engines on PostgreSQL, through psycopg 3."""

from __future__ import annotations

import logging
from typing import Any

import sqlalchemy
from sqlalchemy import URL, Engine, event

from snakestore.errors import StoreError, ValidationError
from snakestore.storage.settings import Settings

_POOL_SIZE = 20
_CANCEL_TIMEOUT = 5.0
"""Seconds to wait for a server that is asked to cancel a statement."""

_logger = logging.getLogger("snakestore.postgresql")
_HIDDEN = "hidden"
_SHOWN_PARAMETERS = frozenset(
    {
        "application_name",
        "client_encoding",
        "connect_timeout",
        "dbname",
        "host",
        "hostaddr",
        "port",
        "prepare_threshold",
        "service",
        "sslmode",
        "target_session_attrs",
        "user",
    }
)
"""Parameters of a URL that are shown. Others may be secret; new releases of libpq add some."""


class ServerURL(URL):
    """A URL that shows no secrets: neither the password nor those among libpq's parameters."""

    def render_as_string(self, hide_password: bool = True) -> str:  # noqa: FBT001, FBT002 - inherited
        """The URL as text; ``hide_password`` hides the values of parameters too."""
        if not hide_password:
            return super().render_as_string(hide_password=False)
        hidden = {
            key: value if key in _SHOWN_PARAMETERS and "@" not in str(value) else _HIDDEN
            for key, value in self.query.items()
        }
        return URL.render_as_string(self.set(query=hidden), hide_password=True)


def parse_url(url: URL) -> URL:
    """The URL with psycopg 3 as its driver.

    Raises:
        ValidationError: the host, or what follows it, contains an "@", and the part before it
            belongs to the password.
        StoreError: it names another driver.
    """
    if "@" in (url.host or "") or (url.password is not None and "@" in (url.database or "")):
        # refused before the driver shows the host, and with it the rest of the password
        message = "the URL has more than one '@': write an '@' in a user name or password as %40"
        raise ValidationError(message)
    _, _, driver = url.drivername.partition("+")
    if driver not in {"", "psycopg"}:
        message = (
            f"snakestore opens PostgreSQL with psycopg 3, not {driver}: write postgresql://, or"
            " make the Engine (asyncpg: the AsyncEngine) yourself and give that to the repository"
        )
        raise StoreError(message)
    return ServerURL(*url.set(drivername="postgresql+psycopg"))


def describe(url: URL) -> str:
    """The URL without secrets, neither the password nor those among libpq's parameters."""
    return ServerURL(*url).render_as_string(hide_password=True)


def create_engine(url: URL, settings: Settings) -> Engine:
    """An engine whose statements wait for locks no longer than ``busy_timeout``.

    Raises:
        StoreError: psycopg is not installed.
    """
    try:
        engine = sqlalchemy.create_engine(
            # without it, a database in SQL_ASCII returns bytes instead of texts
            url.update_query_dict({"client_encoding": "utf8", **url.query}),
            isolation_level="READ COMMITTED",
            max_overflow=-1,
            pool_pre_ping=True,  # the server may have been restarted in between
            pool_size=_POOL_SIZE,
        )
    except ImportError as error:
        message = "PostgreSQL needs the driver psycopg 3: pip install 'snakestore[postgresql]'"
        raise StoreError(message) from error

    engine.url = ServerURL(*engine.url)

    # 0 would mean to wait for ever
    milliseconds = max(1, round(settings.busy_timeout * 1000))

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _entry: Any) -> None:
        connection.execute(f"SET lock_timeout = {milliseconds}")
        connection.execute("SET timezone = 'UTC'")
        connection.commit()

    return engine


def cancel(driver_connection: Any) -> None:
    """Ask the server to end the statement that it runs for a connection, if the driver can."""
    request = getattr(driver_connection, "cancel_safe", None)
    try:
        if request is not None:
            request(timeout=_CANCEL_TIMEOUT)
        elif hasattr(driver_connection, "cancel"):
            driver_connection.cancel()
    except Exception as error:  # noqa: BLE001 - closing the connection ends it, only later
        _logger.warning("a statement could not be cancelled: %s", type(error).__name__)
