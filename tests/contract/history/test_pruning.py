"""prune_history: the older part of the history is deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from snakestore import ValidationError, Variable, VersionNotFoundError
from tests.contract.history.past import versions

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_pruning_keeps_the_last_ones_of_every_variable(repo, updated):
    other = repo.create_session("other").id
    repo.register_variable(other, "x", "integer", 0)
    repo.update_variable(other, "x", 1)

    pruned = repo.prune_history(keep=1)

    assert pruned == 2
    assert versions(repo, updated) == [2]
    assert versions(repo, other) == [0]


@pytest.mark.parametrize(
    ("keep", "kept"), [(0, []), (2, [2, 1]), (3, [2, 1, 0]), (10**9, [2, 1, 0])]
)
def test_pruning_keeps_as_many_as_keep_says(repo, updated, keep, kept):
    assert repo.prune_history(keep=keep) == 3 - len(kept)
    assert versions(repo, updated) == kept
    assert repo.get_value(updated, "x") == 30


def test_pruning_takes_what_is_older_than_a_moment(repo, updated, clock):
    too_young = repo.prune_history(older_than=clock() - timedelta(days=1))
    kept = versions(repo, updated)
    old_enough = repo.prune_history(older_than=clock() + timedelta(days=1))

    assert (too_young, kept) == (0, [2, 1, 0])
    assert (old_enough, versions(repo, updated)) == (3, [])


@pytest.mark.parametrize("age", [timedelta(days=10**6), timedelta.max])
def test_nothing_is_older_than_time_itself(repo, updated, age):
    assert repo.prune_history(updated, older_than=age) == 0


def test_pruning_leaves_values_versions_and_stats(repo, updated):
    before, stats = repo.get_variable(updated, "x"), repo.get_stats(updated)

    repo.prune_history(keep=0)

    assert repo.get_variable(updated, "x") == before
    assert repo.get_stats(updated) == stats
    assert repo.update_variable(updated, "x", 40).version == 4
    assert versions(repo, updated) == [3]


@pytest.mark.parametrize("keep", [-1, 1.5, "1"])
def test_what_pruning_keeps_is_a_count(repo, updated, keep):
    with pytest.raises(ValidationError):
        repo.prune_history(keep=keep)

    assert versions(repo, updated) == [2, 1, 0]


def test_a_variable_put_with_a_version_has_no_earlier_ones(repo, sid, clock):
    repo.put_variable(
        sid, Variable(id="i", name="x", type="integer", value=1, created_at=LONG_AGO, version=5)
    )

    assert repo.get_variables(sid, ["x"], at=clock()).found["x"].version == 5
    with pytest.raises(VersionNotFoundError):
        repo.get_variable_version(sid, "x", 4)


@pytest.mark.parametrize("kept", [1, 2, 5])
def test_the_history_is_full_and_no_fuller_after_each_update(repo, kept):
    repo.create_session("bounded", history=kept)
    repo.register_variable("bounded", "n", "integer", 0)

    lengths = []
    for number in range(1, kept + 3):
        repo.update_variable("bounded", "n", number)
        lengths.append(len(repo.variable_history("bounded", "n")))

    assert lengths == [min(number, kept) for number in range(1, kept + 3)]


@pytest.mark.parametrize("keep", [1, 200])
def test_pruning_of_many_counts_each_version_of_each_session(repo, clock, keep):
    for sid in ("s1", "s2"):
        repo.create_session(sid)
        for name in "ab":
            repo.register_variable(sid, name, "integer", 0)
    for number in range(1, 4):
        clock.advance(10)
        repo.update_variables("s1", {"a": number, "b": number})
        repo.update_variable("s2", "a", number)
    moment = clock() - timedelta(seconds=25)  # only the oldest version is older

    pruned = repo.prune_history(keep=keep, older_than=moment, batch_size=3)

    kept = [each.version for each in repo.variable_history("s1", "b")]
    assert (pruned, kept) == ((3, [2, 1]) if keep == 1 else (0, [2, 1, 0]))
