"""Importing a session that is there already."""

from __future__ import annotations

import pytest

from snakestore import ConflictError, SessionExistsError, ValidationError
from tests.contract.export.records import exported


def test_a_conflict_imports_nothing(target, both):
    with pytest.raises(SessionExistsError) as caught:
        target.import_sessions(both)

    assert caught.value.session_id == "s"
    assert isinstance(caught.value, ConflictError)
    assert (target.get_value("s", "v"), target.session_exists("t")) == ("mine", False)


@pytest.mark.parametrize(
    ("way", "counts", "value"), [("skip", (1, 1, 0), "mine"), ("replace", (1, 0, 1), "theirs")]
)
def test_a_conflict_is_skipped_or_replaced(target, both, way, counts, value):
    previewed = target.import_sessions(both, on_conflict=way, dry_run=True)
    untouched = target.get_value("s", "v"), target.session_exists("t")

    report = target.import_sessions(both, on_conflict=way)

    assert (report.imported, report.skipped, report.replaced) == counts
    assert report.conflicts == ("s",)
    assert (previewed, untouched) == (report, ("mine", False))
    assert (target.get_value("s", "v"), target.session_exists("t")) == (value, True)
    assert target.check().ok


def test_a_conflict_says_how_to_import_all_the_same(target, both):
    with pytest.raises(SessionExistsError, match="on_conflict=") as caught:
        target.import_sessions(both)

    assert "exist_ok" not in str(caught.value)


def test_a_dry_run_lists_conflicts_and_does_not_raise(target, both):
    report = target.import_sessions(both, dry_run=True)

    assert (report.imported, report.conflicts) == (1, ("s",))
    assert not target.session_exists("t")


def test_an_expired_session_is_no_conflict(repo, sid, target, clock):
    target.create_session(sid, ttl=1)
    clock.advance(2)
    repo.touch(sid)

    report = target.import_sessions(exported(repo))

    assert (report.imported, report.conflicts) == (1, ())
    assert target.get_session(sid).ttl == 3600


def test_an_unknown_way_is_refused(target, both):
    with pytest.raises(ValidationError, match="fail, skip, replace"):
        target.import_sessions(both, on_conflict="ignore")

    assert not target.session_exists("t")
