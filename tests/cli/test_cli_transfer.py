"""``snakestore copy`` and ``snakestore db upgrade --partitions``."""

from __future__ import annotations

import pytest
import sqlalchemy

import snakestore
from snakestore import SessionRepository
from tests.servers import new_database


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("s")
        repo.register_variable("s", "x", "float", 1.0)
    return path


def test_a_store_is_copied_and_the_report_printed(cli, source, tmp_path):
    output = cli("copy", source, tmp_path / "target.db")

    assert [line.split() for line in output.splitlines()][:3] == [
        ["what", "count"],
        ["sessions", "1"],
        ["copied", "1"],
    ]
    with SessionRepository.open(tmp_path / "target.db") as repo:
        assert repo.get_value("s", "x") == 1.0


def test_copying_again_skips_sessions_and_reports_it_as_json(cli, source, tmp_path):
    first = cli.json("copy", source, tmp_path / "target.db")
    second = cli.json("copy", source, tmp_path / "target.db")

    assert (second["copied"], second["skipped"], second["checksum"]) == (0, 1, first["checksum"])


def test_copying_a_store_to_itself_is_refused(cli, source):
    assert "same database" in cli("copy", source, source, code=1)


def test_a_store_is_copied_into_partitioned_tables(cli, source, postgresql_server):
    with new_database(postgresql_server) as url:
        address = url.render_as_string(hide_password=False)
        cli("db", "upgrade", address, "--partitions", "2")
        cli("copy", source, address)
        engine = snakestore.create_engine(url)
        with engine.connect() as connection:
            partitions = connection.scalar(
                sqlalchemy.text(
                    "SELECT count(*) FROM pg_inherits WHERE inhparent = 'sessions'::regclass"
                )
            )
        value = SessionRepository(engine).get_value("s", "x")
        engine.dispose()

    assert (partitions, value) == (2, 1.0)
