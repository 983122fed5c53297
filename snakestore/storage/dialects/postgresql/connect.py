"""URLs of and engines on PostgreSQL, through psycopg 3."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, event

from snakestore.errors import StoreError, ValidationError
from snakestore.storage.dialects.postgresql.citus import BEGIN_SETTING
from snakestore.storage.dialects.postgresql.pooler import examine, unprepared
from snakestore.storage.settings import Settings
from snakestore.storage.sqlalchemy_internals import in_autocommit, in_greenlet, wait_for

PREPARE_THRESHOLD = "prepare_threshold"
_SETTINGS = "snakestore_settings"
"""The key of the statements that follow BEGIN, among the ``info`` of a pool's entry."""
_HOST = re.compile(
    r"(?:\[(?P<address>[^\[\]]+)\]|(?P<name>/.*|[^:\[\]]*|[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[^\[\]]*))"
    r"(?::(?P<port>[0-9]+))?"
)
"""The folder of a socket, a name, or an address, in brackets if a port follows one of IPv6."""
_DEFAULT_PORT = "5432"
_POOL_SIZE = 20
_CANCEL_TIMEOUT = 5.0
"""Seconds to wait for a server that is asked to cancel a statement."""

_logger = logging.getLogger("snakestore.postgresql")
_HIDDEN = "hidden"
_NESTED = re.compile("[@=]")
"""A value that is a URL or a connection string itself, which libpq allows in ``dbname``."""
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
            key: value if key in _SHOWN_PARAMETERS and not _NESTED.search(str(value)) else _HIDDEN
            for key, value in self.query.items()
        }
        return URL.render_as_string(self.set(query=hidden), hide_password=True)


def parse_url(url: URL) -> URL:
    """The URL with psycopg 3 as its driver.

    Raises:
        ValidationError: the host, or what follows it, contains an "@", and the part before it
            belongs to the password; or its prepare_threshold is neither a number nor "none".
        StoreError: it names another driver.
    """
    if "@" in (url.host or "") or (url.password is not None and "@" in (url.database or "")):
        # refused before the driver shows the host, and with it the rest of the password
        message = "the URL has more than one '@': write an '@' in a user name or password as %40"
        raise ValidationError(message)
    prepare_threshold_of(url)
    _, _, driver = url.drivername.partition("+")
    if driver not in {"", "psycopg"}:
        message = (
            f"snakestore opens PostgreSQL with psycopg 3, not {driver}: write postgresql://, or"
            " make the Engine (asyncpg: the AsyncEngine) yourself and give that to the repository"
        )
        raise StoreError(message)
    return ServerURL(*_with_ports_apart(url).set(drivername="postgresql+psycopg"))


def _with_ports_apart(url: URL) -> URL:
    """A URL of several hosts whose ports are listed apart from them, as libpq takes them.

    Raises:
        ValidationError: a port is no number.
    """
    given = url.query.get("host", "")
    hosts = ",".join([given] if isinstance(given, str) else given).split(",")
    if len(hosts) == 1 or "port" in url.query:
        return url
    matched = [_HOST.fullmatch(host) for host in hosts]
    found = [match for match in matched if match is not None]
    if len(found) < len(hosts):
        message = (
            "one of the hosts in the URL is malformed: write host=a,b, or host=a:5432,b:5433 with"
            " the address of IPv6 in brackets"
        )
        raise ValidationError(message)
    query = {"host": ",".join(match["address"] or match["name"] for match in found)}
    if any(match["port"] for match in found):
        query["port"] = ",".join(match["port"] or _DEFAULT_PORT for match in found)
    return url.update_query_dict(query)


def describe(url: URL) -> str:
    """The URL without secrets, neither the password nor those among libpq's parameters."""
    return ServerURL(*url).render_as_string(hide_password=True)


def create_engine(url: URL, settings: Settings) -> Engine:
    """An engine whose transactions wait for locks no longer than ``busy_timeout``.

    Nothing is set on a connection beyond a transaction: a pooler would lend it to others so.
    Behind a pooler, no statement is prepared, unless the URL has a ``prepare_threshold``.

    Raises:
        StoreError: psycopg is not installed.
    """
    chosen = PREPARE_THRESHOLD in url.query
    try:
        engine = sqlalchemy.create_engine(
            # without it, a database in SQL_ASCII returns bytes instead of texts
            driver_url(url).update_query_dict({"client_encoding": "utf8"}),
            connect_args={PREPARE_THRESHOLD: prepare_threshold_of(url)} if chosen else {},
            isolation_level="READ COMMITTED",
            max_overflow=-1,
            pool_pre_ping=True,  # the server may have been restarted in between
            pool_size=_POOL_SIZE,
        )
    except ImportError as error:
        message = "PostgreSQL needs the driver psycopg 3: pip install 'snakestore[postgresql]'"
        raise StoreError(message) from error

    engine.url = ServerURL(*url)

    # 0 would mean to wait for ever
    milliseconds = max(1, round(settings.busy_timeout * 1000))
    lock_wait = f"SET LOCAL lock_timeout = {milliseconds}"

    @event.listens_for(engine, "connect")
    def configure(connection: Any, entry: Any) -> None:
        """Note what a new connection needs at each BEGIN, and what a pooler forbids."""
        found = examine(connection)
        entry.info[_SETTINGS] = (BEGIN_SETTING, lock_wait) if found.citus else (lock_wait,)
        if not chosen and found.lent:
            connection.prepare_threshold = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        """Set the transaction alone: a pooler lends its connection to others."""
        if not in_autocommit(connection):
            with unprepared(connection):
                for setting in begin_settings(connection.info):
                    connection.exec_driver_sql(setting)

    return engine


def begin_settings(info: Mapping[Any, Any]) -> Sequence[str]:
    """What follows BEGIN and is sent along with it, so that it costs no round trip."""
    settings: Sequence[str] = info.get(_SETTINGS, ())
    return settings


def prepare_threshold_of(url: URL) -> int | None:
    """After how many executions psycopg prepares a statement, from the query of a URL.

    None, which is written "none", means never.

    Raises:
        ValidationError: it is neither a number of 0 or more nor "none".
    """
    given = url.query.get(PREPARE_THRESHOLD, "none")
    if isinstance(given, str) and given.lower() == "none":
        return None
    if isinstance(given, str) and given.isascii() and given.isdecimal():
        return int(given)
    message = f'{PREPARE_THRESHOLD} in a URL is a number, 0 or more, or "none"'
    raise ValidationError(message, value=given)


def driver_url(url: URL) -> URL:
    """The URL without what is an argument of psycopg's and not a parameter of libpq's."""
    return url.difference_update_query([PREPARE_THRESHOLD])


def cancel(driver_connection: Any) -> None:
    """Ask the server to end the statement that it runs for a connection, if the driver can."""
    request = getattr(driver_connection, "cancel_safe", None)
    try:
        if request is not None:
            requested = request(timeout=_CANCEL_TIMEOUT)
            if not inspect.iscoroutine(requested):
                return
            if in_greenlet():
                wait_for(requested)
            else:
                requested.close()
        elif hasattr(driver_connection, "cancel"):
            driver_connection.cancel()
    except Exception as error:  # noqa: BLE001 - closing the connection ends it, only later
        _logger.warning("a statement could not be cancelled: %s", type(error).__name__)
