"""Groups of threads beside other writers of the file, and a kill."""

from __future__ import annotations

import pytest

from snakestore import SessionRepository, StoreBusyError
from tests.awaited.group_commit.groups import TASKS, acknowledged_before_kill, values, versions
from tests.awaited.group_commit.test_other_writers import locked
from tests.threads.crowd import held_turn, outcomes_of, together, updates


def test_a_file_that_stays_busy_fails_every_write_and_stores_nothing(path):
    with SessionRepository.open(path, busy_timeout=0.1) as repo, locked(path):
        outcomes = together(repo, *updates(repo))

    assert {type(each) for each in outcomes} == {StoreBusyError}
    assert values(path) == [0] * TASKS


def test_a_group_waits_for_a_busy_file(path, commits):
    with SessionRepository.open(path) as repo, locked(path) as unlock:
        with held_turn(repo) as crowd:
            crowd.come(*updates(repo))
        unlock()
        outcomes = outcomes_of(crowd)

    assert [each.version for each in outcomes] == [1] * TASKS
    assert commits.count == 1


WRITER = """
import sys, threading
from snakestore import SessionRepository

def count(name):
    for value in range(1, 10**6):
        repo.update_variable("s", name, value)
        sys.stdout.write(f"{name} {value}\\n")
        sys.stdout.flush()

repo = SessionRepository.open(sys.argv[1])
for number in range(20):
    threading.Thread(target=count, args=(f"v{number}",)).start()
"""


@pytest.mark.slow
def test_what_was_acknowledged_is_stored_after_a_kill(path):
    acknowledged = acknowledged_before_kill(WRITER, path)

    stored = values(path)
    assert all(
        known <= there <= known + 1 for known, there in zip(acknowledged, stored, strict=True)
    )
    assert versions(path) == stored
