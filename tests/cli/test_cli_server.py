"""The commands print of a store on a server what they print of a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_cli_read import LOOKING, on
from tests.servers import new_database

OF_THE_FILE = {"stats", "db"}
"""What they print differs by database: sizes."""
WRITES = (
    ("var", "set", "chat-1", "temperature", "1.5"),
    ("var", "lock", "chat-1", "prompt", "--as", "ada"),
    ("var", "rollback", "chat-1", "temperature", "0"),
    ("program", "put", "chat-1", "qa", "{}"),
    ("log", "append", "chat-1", "turns", "1"),
    ("session", "create", "new", "--ttl", "none"),
    ("session", "delete", "job-1", "--yes"),
    ("sweep",),
    ("compact",),
    ("db", "check"),
)


@pytest.mark.slow
def test_a_server_prints_the_same_as_a_file(cli: Any, store: Path, postgresql_server: str) -> None:
    with new_database(postgresql_server) as url:
        address = url.render_as_string(hide_password=False)
        cli("copy", store, address)

        for command in LOOKING:
            if command[0] not in OF_THE_FILE:
                assert cli(*on(address, command)) == cli(*on(store, command)), command
        for written in WRITES:
            of_server = cli("--db", address, *written)
            assert masked(of_server) == masked(cli("--db", store, *written)), written


def masked(printed: str) -> str:
    return re.sub(r"\d+ bytes", "", printed)
