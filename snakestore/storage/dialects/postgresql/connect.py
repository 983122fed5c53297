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


def parse_url(url: URL) -> URL:
    """The URL with psycopg 3 as its driver.

    Raises:
        ValidationError: its host contains an "@", which is then part of the password.
        StoreError: it names another driver.
    """
    if "@" in (url.host or ""):
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
    return url.set(drivername="postgresql+psycopg")


def describe(url: URL) -> str:
    """The URL without passwords, neither the user's nor those among libpq's parameters."""
    hidden = {key: _HIDDEN for key in url.query if "password" in key.lower()}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


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
