"""Moving a store: everything arrives as it was stored, a copy cut short goes on, and nothing is overwritten unawares."""

from __future__ import annotations

import random
import tracemalloc
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy

import snakestore
from snakestore import (
    CopyReport,
    SchemaOutdatedError,
    SessionExistsError,
    SessionRepository,
    ValidationError,
    create_variable,
)
from snakestore.storage.schema.revisions import HEAD

NOW = datetime(2021, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def furnish(repo):
    """Something of everything that a store can hold."""
    repo.create_session(
        "s", ttl=90.5, metadata={"z": -0.0, "a": [1, 1.0, "\0", "🐍"]}, worker_id="w", history=None
    )
    repo.register_variable("s", "x", "float", 0.1, id="x-id", constraints={"min": 0})
    for number in range(5):
        repo.update_variable("s", "x", number / 7, metadata={"step": number})
    repo.register_variable("s", "nan", "float", float("nan"))
    repo.register_variable("s", "n", "integer", 2**200)
    repo.register_variable("s", "naïve 'quoted' %s :x", "string", "NUL \0 emoji 🐍\r\n")
    repo.register_variable("s", "e", "embedding", np.arange(5, dtype="float32"))
    repo.update_variable("s", "e", [0.5] * 3)
    repo.register_variable("s", "t", "tensor", {"shape": [2, 2], "data": [[1, 2], [3, 4]]})
    repo.put_variable(
        "s", create_variable(name="ruled", type="json", value=None, metadata={"k": None})
    )
    repo.start_optimization("s", "x", "opt", 7, lease=3600)
    repo.delete_variable("s", "nan")
    repo.put_program("s", "p", {"steps": [1, 2.50, -0.0], "": {}})
    repo.put_program("s", "none", None)
    repo.create_session("eternal", ttl=None, history=0)
    repo.create_session("expired", ttl=0.001)
    repo.register_variable("expired", "x", "float", 1.0)
    for number in range(120):
        repo.create_session(f"many-{number:03}", metadata={"number": number})


@pytest.fixture
def file(tmp_path):
    """A SQLite store with everything in it."""
    path = tmp_path / "source.db"
    with SessionRepository.open(path, clock=lambda: NOW) as repo:
        furnish(repo)
    return path


def dump(place):
    """All rows, but for when a session expires, which a server may keep less exactly."""
    engine = place if isinstance(place, sqlalchemy.Engine) else snakestore.create_engine(place)
    from snakestore.storage.schema.tables import Base

    with engine.connect() as connection:
        found = {
            table.name: (
                connection.execute(
                    sqlalchemy.select(
                        *[column for column in table.c if column.name != "expires_at"]
                    ).order_by(*table.primary_key)
                ).all()
            )
            for table in Base.metadata.sorted_tables
        }
    if engine is not place:
        engine.dispose()
    return found


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
    ) == (123, 123, 0, 7, 6, 2)
    assert isinstance(there, CopyReport)


def test_the_store_works_on_where_it_arrived(file, url):
    snakestore.copy(file, url)

    with SessionRepository.open(url, clock=lambda: NOW + timedelta(seconds=1)) as repo:
        assert repo.get_value("s", "n") == 2**200
        assert repo.get_variable("s", "x").optimization_status.optimizer_id == "opt"
        assert repo.update_variable("s", "x", 0.5, optimizer_id="opt").version == 6
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


def test_a_second_copy_skips_what_is_there(file, url):
    first = snakestore.copy(file, url)
    second = snakestore.copy(file, url)

    assert (second.copied, second.replaced, second.skipped) == (0, 0, 123)
    assert second.checksum == first.checksum


def test_a_copy_that_was_cut_short_goes_on(file, url):
    class CutShortError(Exception):
        pass

    def cut(done, _total):
        if done >= 50:
            raise CutShortError

    with pytest.raises(CutShortError):
        snakestore.copy(file, url, progress=cut)
    report = snakestore.copy(file, url)

    assert (report.copied, report.skipped) == (73, 50)
    assert dump(file) == dump(url)


def test_what_changed_at_the_source_since_is_copied_anew(file, url):
    snakestore.copy(file, url)
    with SessionRepository.open(file, clock=lambda: NOW + timedelta(seconds=1)) as repo:
        repo.update_variable("s", "n", 7)
        repo.delete_program("s", "none")
        repo.create_session("new")

    report = snakestore.copy(file, url)

    assert (report.copied, report.replaced, report.skipped) == (1, 1, 122)
    assert dump(file) == dump(url)


def test_a_session_that_was_used_at_the_target_since_is_not_overwritten(file, url):
    snakestore.copy(file, url)
    with SessionRepository.open(url, clock=lambda: NOW + timedelta(seconds=1)) as repo:
        repo.update_variable("s", "n", 7)

    with pytest.raises(SessionExistsError) as refused:
        snakestore.copy(file, url)

    assert refused.value.session_id == "s"
    with SessionRepository.open(url, clock=lambda: NOW + timedelta(seconds=1)) as repo:
        assert repo.get_value("s", "n") == 7


def test_another_session_of_the_same_id_is_not_overwritten(file, url):
    with SessionRepository.open(url, clock=lambda: NOW - timedelta(days=1)) as repo:
        repo.create_session("s", ttl=None)

    with pytest.raises(SessionExistsError):
        snakestore.copy(file, url)


def test_other_sessions_of_the_target_stay(file, url):
    with SessionRepository.open(url) as repo:
        repo.create_session("theirs")

    snakestore.copy(file, url)

    with SessionRepository.open(url) as repo:
        assert repo.session_exists("theirs")


def test_progress_is_told_after_each_transaction(file, tmp_path):
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


def test_a_source_that_is_missing_is_told_and_the_target_is_not_made(tmp_path):
    with pytest.raises(SchemaOutdatedError):
        snakestore.copy(tmp_path / "missing.db", tmp_path / "target.db")

    assert list(tmp_path.iterdir()) == []


def test_an_older_engine_as_source_is_told(tmp_path):
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
