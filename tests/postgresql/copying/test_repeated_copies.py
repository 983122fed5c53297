"""A copy is continued after an interruption, and never overwrites what was used since."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy

import snakestore
from snakestore import SessionExistsError, SessionRepository
from snakestore.storage.schema.copied import copied_sessions
from tests.postgresql.copying.stores import NOW, dump, opened


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
