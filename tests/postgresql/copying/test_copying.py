"""Copies between databases: exact, and refused where they cannot be made."""

from __future__ import annotations

import random
import tracemalloc
import uuid
from datetime import timedelta

import pytest
import sqlalchemy

import snakestore
from snakestore import (
    CopyReport,
    SchemaOutdatedError,
    SessionRepository,
    StoreError,
    ValidationError,
)
from snakestore.storage.schema.copied import copied_sessions
from snakestore.storage.schema.revisions import HEAD
from tests.postgresql.copying.stores import NOW, dump


def test_there_and_back_gives_the_same_rows_and_the_same_checksum(file, url, tmp_path):
    there = snakestore.copy(file, url)
    back = snakestore.copy(url, tmp_path / "back.db")

    assert dump(file) == dump(url) == dump(tmp_path / "back.db")
    assert there == back
    assert (
        there.sessions,
        there.copied,
        there.skipped,
        there.variables,
        there.versions,
        there.programs,
        there.logs,
        there.log_entries,
    ) == (123, 123, 0, 7, 7, 2, 2, 3)
    assert isinstance(there, CopyReport)


def test_the_store_works_on_where_it_arrived(file, url):
    snakestore.copy(file, url)

    with SessionRepository.open(url, clock=lambda: NOW + timedelta(seconds=1)) as repo:
        assert repo.get_value("s", "n") == 2**200
        assert repo.get_variable("s", "x").optimization_status.optimizer_id == "opt"
        assert repo.update_variable("s", "x", 0.5, optimizer_id="opt").version == 6
        assert [repo.append_log("s", log, ["new"]) for log in ("l", "empty")] == [4, 1]
        newest = [repo.read_log("s", log, last=1)[0].position for log in ("l", "empty")]
        assert newest == [4, 2]
        assert [past.version for past in repo.variable_history("s", "x")] == [5, 4, 3, 2, 1, 0]
        assert [session.id for session in repo.list_expired()] == ["expired"]


def test_copying_touches_nothing_at_the_source(file, url):
    before = file.read_bytes()

    snakestore.copy(file, url)

    assert file.read_bytes() == before


def test_engines_are_taken_too(file, url):
    source, target = sqlalchemy.create_engine(f"sqlite:///{file}"), sqlalchemy.create_engine(url)

    report = snakestore.copy(source, target)

    assert report.copied == 123
    assert dump(source) == dump(target)
    source.dispose()
    target.dispose()


def test_other_sessions_of_the_target_stay(file, url):
    with SessionRepository.open(url) as repo:
        repo.create_session("theirs")

    snakestore.copy(file, url)

    with SessionRepository.open(url) as repo:
        assert repo.session_exists("theirs")


def test_progress_is_called_after_each_transaction(file, tmp_path):
    told = []

    snakestore.copy(
        file, tmp_path / "target.db", progress=lambda done, total: told.append((done, total))
    )

    assert told == [(50, 123), (100, 123), (123, 123)]


def test_an_empty_store_is_copied(tmp_path):
    SessionRepository.open(tmp_path / "empty.db").close()

    report = snakestore.copy(tmp_path / "empty.db", tmp_path / "target.db")

    assert (report.sessions, snakestore.current(tmp_path / "target.db")) == (0, HEAD)


def test_a_file_onto_itself_is_refused(file, tmp_path):
    (tmp_path / "link.db").symlink_to(file)

    for target in (file, str(file), f"sqlite:///{file}", tmp_path / "link.db"):
        with pytest.raises(ValidationError, match="same database"):
            snakestore.copy(file, target)


def test_a_servers_database_onto_itself_is_refused(url):
    with pytest.raises(ValidationError, match="same database"):
        snakestore.copy(url, url.update_query_dict({"application_name": "another way"}))


def test_an_engine_in_memory_onto_itself_is_refused_and_onto_another_is_not():
    one, other = snakestore.create_engine("sqlite://"), snakestore.create_engine("sqlite://")
    snakestore.upgrade(one)
    SessionRepository(one).create_session("s")

    with pytest.raises(ValidationError):
        snakestore.copy(one, one)
    assert snakestore.copy(one, other).copied == 1
    one.dispose()
    other.dispose()


def test_a_source_that_is_missing_is_reported_and_the_target_is_not_made(tmp_path):
    with pytest.raises(SchemaOutdatedError, match=r"missing\.db does not exist: there is nothing"):
        snakestore.copy(tmp_path / "missing.db", tmp_path / "target.db")

    assert list(tmp_path.iterdir()) == []


def test_an_older_engine_as_source_is_reported(tmp_path):
    snakestore.upgrade(tmp_path / "old.db", "0001")
    engine = snakestore.create_engine(tmp_path / "old.db")

    with pytest.raises(SchemaOutdatedError):
        snakestore.copy(engine, tmp_path / "target.db")
    engine.dispose()


def test_a_session_is_copied_in_memory_that_does_not_grow_with_it(tmp_path):
    path = tmp_path / "large.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("s")
        with repo.transaction() as transaction:
            for number in range(60):
                transaction.register_variable(
                    "s", f"v{number}", "string", random.Random(number).randbytes(500_000).hex()
                )

    tracemalloc.start()
    report = snakestore.copy(path, tmp_path / "target.db")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert report.variables == 60
    assert peak < 30_000_000


def test_the_error_for_a_role_that_cannot_create_the_checksum_table_names_the_one_that_can(
    tmp_path, url, outside, opened
):
    source = tmp_path / "source.db"
    with SessionRepository.open(source) as repo:
        repo.create_session("s")
    opened()
    role = f"copier_{uuid.uuid4().hex[:8]}"
    outside.execute(sqlalchemy.text(f"DROP TABLE IF EXISTS {copied_sessions.name}"))
    outside.execute(sqlalchemy.text("REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
    outside.execute(sqlalchemy.text(f"CREATE ROLE {role} LOGIN PASSWORD 'copier'"))
    rights = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public"
    outside.execute(sqlalchemy.text(f"GRANT {rights} TO {role}"))
    target = url.set(username=role, password="copier")  # noqa: S106 - of this test
    try:
        with pytest.raises(StoreError, match=f"{copied_sessions.name}, which this role cannot"):
            snakestore.copy(source, target)
        with SessionRepository.open(tmp_path / "empty.db"):
            snakestore.copy(tmp_path / "empty.db", url)
        outside.execute(sqlalchemy.text(f"GRANT {rights} TO {role}"))
        report = snakestore.copy(source, target)
    finally:
        outside.execute(sqlalchemy.text(f"DROP OWNED BY {role}"))
        outside.execute(sqlalchemy.text(f"DROP ROLE {role}"))

    assert report.copied == 1
