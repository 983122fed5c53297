"""A PgBouncer between the tests and their server: one process for each way to lend connections."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

PORT = 6432
_NOBODY = 65534


def program() -> str:
    """The path of pgbouncer; the test is skipped where there is none."""
    found = shutil.which(
        "pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    )
    if found is None:
        pytest.skip("no pgbouncer: install the package of the system (apt-get install pgbouncer)")
    return found


@contextlib.contextmanager
def pgbouncer(server: URL, *, mode: str, pool_size: int) -> Iterator[URL]:
    """The URL of the databases of ``server`` through a PgBouncer of its own.

    It listens on a socket in a folder of its own, and knows no startup parameters but its own.
    """
    path = program()
    with tempfile.TemporaryDirectory(prefix="snakestore-pgbouncer-") as name:
        folder = Path(name)
        settings = folder / "pgbouncer.ini"
        settings.write_text(_settings(server, folder, mode, pool_size))
        options: dict[str, int] = {}
        if os.geteuid() == 0:  # which pgbouncer refuses to run as
            options = {"user": _user_of(server)}
            os.chown(folder, options["user"], -1)
        process = subprocess.Popen(
            [path, "-q", settings], stderr=subprocess.DEVNULL, cwd=folder, **options
        )
        url = server.set(host=None, port=PORT).update_query_dict({"host": name})
        try:
            _wait_for(process, folder)
            yield url
        finally:
            process.terminate()
            process.wait(10)


def _settings(server: URL, folder: Path, mode: str, pool_size: int) -> str:
    host = server.query.get("host") or server.host or "localhost"
    target = {"host": host, "port": server.port, "user": server.username}
    if server.password:
        target["password"] = str(server.password)
    return "\n".join(
        [
            "[databases]",
            "* = " + " ".join(f"{key}={value}" for key, value in target.items() if value),
            "[pgbouncer]",
            f"unix_socket_dir = {folder}",
            f"listen_port = {PORT}",
            "listen_addr =",
            "auth_type = any",
            f"pool_mode = {mode}",
            f"default_pool_size = {pool_size}",
            "max_client_conn = 200",
        ]
    )


def _user_of(server: URL) -> int:
    """The user that runs the server, who can reach its socket; of a server elsewhere, nobody."""
    host = str(server.query.get("host") or "")
    path = Path(host, f".s.PGSQL.{server.port or 5432}")
    return path.stat().st_uid if host.startswith("/") and path.exists() else _NOBODY


def _wait_for(process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 10
    while not _listens(folder / f".s.PGSQL.{PORT}"):
        assert process.poll() is None, "pgbouncer does not start"
        assert time.monotonic() < deadline, "pgbouncer does not listen"
        time.sleep(0.01)


def _listens(path: Path) -> bool:
    """Whether a server accepts connections; its socket is there a moment before."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(os.fspath(path)) == 0


def session_settings(url: URL) -> dict[str, str]:
    """What was set on the connection that a plain client of the pooler is lent."""
    with psycopg.connect(
        host=str(url.query["host"]),
        port=url.port,
        user=url.username,
        dbname=url.database,
        prepare_threshold=None,
        autocommit=True,
    ) as connection:
        rows = connection.execute("SELECT name, setting FROM pg_settings WHERE source = 'session'")
        return dict(rows.fetchall())
