"""Copies between databases: exact, continued after an interruption, never overwriting."""

from __future__ import annotations

import random
import tracemalloc
import uuid
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
    StoreError,
    ValidationError,
    create_variable,
)
from snakestore.storage.schema.copied import copied_sessions
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
    repo.put_program("s", "p", {"steps": []}, metadata={"score": -0.0})
    repo.put_program("s", "none", None)
    repo.append_log("s", "l", [{"n": -0.0, "": "\0 🐍"}, None, 2**200, "gone"])
    repo.pop_log("s", "l")
    repo.append_log("s", "empty", [1, 2], keep_last=0)
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


@pytest.fixture(params=["to a file", pytest.param("to a server", marks=pytest.mark.slow)])
def target(request, tmp_path):
    """An empty database to copy to."""
    if request.param == "to a file":
        return tmp_path / "target.db"
    return request.getfixturevalue("url")


def opened(place, seconds):
    """A repository with a clock that is some seconds after the copy."""
    return SessionRepository.open(place, clock=lambda: NOW + timedelta(seconds=seconds))


def of_session(dumped, sid):
    """The rows of a session. It is the first column of every table."""
    return {name: [row for row in rows if row[0] == sid] for name, rows in dumped.items()}


USES = {
    "touch": lambda repo: repo.touch("eternal"),
    "read": lambda repo: repo.get_session("eternal"),
    "update": lambda repo: repo.update_variable("s", "n", 7),
    "register": lambda repo: repo.register_variable("eternal", "new", "float", 1.0),
    "delete": lambda repo: repo.delete_variable("s", "n"),
    "metadata": lambda repo: repo.update_session("eternal", metadata={"a": 1}),
    "program": lambda repo: repo.put_program("s", "p", {"steps": []}),
    "log": lambda repo: repo.append_log("s", "l", []),
    "lease": lambda repo: repo.end_optimization("s", "x", optimizer_id="opt"),
    "prune": lambda repo: repo.prune_history("s", keep=1),
    "anew": lambda repo: (repo.delete_session("s"), repo.create_session("s")),
}


CHANGES = {name: use for name, use in USES.items() if name != "anew"}
"""What leaves a session the same one."""


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_a_later_access_at_the_source_does_not_overwrite_a_use_of_the_target(file, target, use):
    snakestore.copy(file, target)
    with opened(target, 70) as repo:
        use(repo)
    with opened(file, 80) as repo:
        for sid in ("s", "eternal"):
            repo.touch(sid)

    before = dump(target)
    with pytest.raises(SessionExistsError) as refused:
        snakestore.copy(file, target)

    used = refused.value.session_id
    assert of_session(dump(target), used) == of_session(before, used)


def test_a_write_under_a_slow_clock_at_the_target_is_not_overwritten(file, target):
    snakestore.copy(file, target)
    with opened(target, -60) as repo:
        repo.put_program("s", "p", {"steps": ["theirs"]})
    with opened(file, 80) as repo:
        repo.touch("s")

    with pytest.raises(SessionExistsError):
        snakestore.copy(file, target)
    with opened(target, 90) as repo:
        assert repo.get_program("s", "p") == {"steps": ["theirs"]}


@pytest.mark.parametrize("use", CHANGES.values(), ids=CHANGES.keys())
def test_a_target_that_was_not_used_catches_up_with_any_change(file, target, use):
    snakestore.copy(file, target)
    for seconds in (70, 140):
        with opened(file, seconds) as repo:
            use(repo) if seconds == 70 else repo.touch("eternal")
        report = snakestore.copy(file, target)

        assert (report.copied, report.replaced, report.sessions) == (0, 1, 123)
        assert report.checksum == snakestore.copy(file, target).checksum


def test_a_copy_that_was_used_is_copied_back_to_an_unused_source(file, target):
    snakestore.copy(file, target)
    with opened(target, 70) as repo:
        repo.update_variable("s", "n", 7)

    assert snakestore.copy(target, file).replaced == 1
    with opened(file, 80) as repo:
        assert repo.get_value("s", "n") == 7


def test_a_session_that_was_not_copied_is_replaced_only_after_it_was_equal(file, target, tmp_path):
    with SessionRepository.open(file) as repo:
        repo.backup(tmp_path / "other.db")
    with opened(file, 70) as repo:
        repo.touch("s")

    with pytest.raises(SessionExistsError):
        snakestore.copy(file, tmp_path / "other.db")
    with SessionRepository.open(file) as repo:
        repo.backup(tmp_path / "other.db", overwrite=True)
    assert snakestore.copy(file, tmp_path / "other.db").skipped == 123
    with opened(file, 80) as repo:
        repo.touch("s")
    assert snakestore.copy(file, tmp_path / "other.db").replaced == 1


def test_an_older_state_does_not_replace_a_newer_one(file, target, tmp_path):
    with SessionRepository.open(file) as repo:
        repo.backup(tmp_path / "older.db")
    with opened(file, 70) as repo:
        repo.touch("s")
    snakestore.copy(file, target)

    with pytest.raises(SessionExistsError):
        snakestore.copy(tmp_path / "older.db", target)


def test_the_record_of_a_deleted_session_is_removed(file, target):
    snakestore.copy(file, target)
    for place in (file, target):
        with SessionRepository.open(place) as repo:
            repo.delete_session("s")
    snakestore.copy(file, target)

    engine = snakestore.create_engine(target)
    with engine.connect() as connection:
        recorded = connection.scalars(sqlalchemy.select(copied_sessions.c.session_id)).all()
    engine.dispose()
    assert len(recorded) == 122
    assert "s" not in recorded


def test_downgrading_to_base_drops_the_records(file, target):
    snakestore.copy(file, target)

    snakestore.downgrade(target, "base")

    engine = snakestore.create_engine(target)
    assert sqlalchemy.inspect(engine).has_table(copied_sessions.name) is False
    snakestore.upgrade(engine)
    engine.dispose()


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
