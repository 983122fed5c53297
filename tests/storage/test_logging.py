"""What ``snakestore.migrate`` and ``snakestore.sqlite`` log, and that it contains no secrets."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from snakestore import NetworkFileSystemWarning, SchemaError, SessionRepository, StoreError, upgrade
from snakestore.storage.dialects.sqlite import location
from snakestore.storage.engine import create_engine
from snakestore.storage.migrate.upgrade import downgrade
from snakestore.storage.schema.revisions import HEAD


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "snakestore")
    return caplog


def logged(log: pytest.LogCaptureFixture, logger: str) -> list[tuple[str, str]]:
    return [
        (record.levelname, record.getMessage()) for record in log.records if record.name == logger
    ]


def test_migrations_are_logged_at_info(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    path = str(tmp_path / "s.db")
    upgrade(path)
    upgrade(path)  # nothing to do, nothing to log
    downgrade(path, "0001")

    assert logged(log, "snakestore.migrate") == [
        ("INFO", f"upgrading {path} from base to head"),
        ("INFO", f"downgrading {path} from {HEAD} to 0001"),
    ]


def test_a_refused_file_is_logged_as_a_warning(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    path = str(tmp_path / "s.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE cats (name)")

    with pytest.raises(SchemaError):
        SessionRepository.open(path)

    [(level, message)] = logged(log, "snakestore.migrate")
    assert level == "WARNING"
    assert message.startswith(f"refused {path} (SchemaError): ")


def test_opening_a_file_is_logged_once_for_each_engine(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    path = str(tmp_path / "s.db")
    with SessionRepository.open(path) as repo:
        repo.create_session("s")
    with SessionRepository.open(f"file:{path}?mode=ro") as repo:
        repo.list_sessions()

    assert logged(log, "snakestore.sqlite") == [
        ("DEBUG", f"opened {path}"),
        ("DEBUG", f"opened {path} read-only"),
    ]


def test_a_new_connection_to_a_replaced_file_is_logged(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "s.db"
    upgrade(tmp_path / "other.db")
    engine = create_engine(path)
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    (tmp_path / "other.db").replace(path)

    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT * FROM sessions")

    assert ("INFO", f"reconnecting to {path}: the file was changed or replaced") in logged(
        log, "snakestore.sqlite"
    )


def test_a_network_file_system_is_logged_beside_its_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    device = tmp_path.stat().st_dev
    (tmp_path / "mounts").write_text(
        f"36 35 {os.major(device)}:{os.minor(device)} / / rw master:1 - nfs4 server:/x rw\n"
    )
    monkeypatch.setattr(location, "MOUNTS", str(tmp_path / "mounts"))

    with pytest.warns(NetworkFileSystemWarning):
        create_engine(tmp_path / "s.db").connect().close()

    assert ("WARNING", f"{tmp_path / 's.db'} is on a network file system (nfs4)") in logged(
        log, "snakestore.sqlite"
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:secret@127.0.0.1:1/agents",
        "postgresql://ada@127.0.0.1:1/agents?password=secret",
    ],
)
def test_no_password_is_logged(url: str, log: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StoreError) as caught:
        SessionRepository.open(url)

    [(level, message)] = logged(log, "snakestore.migrate")
    assert level == "WARNING"
    assert message.startswith("refused postgresql+psycopg://ada")
    assert "secret" not in log.text + str(caught.value)
