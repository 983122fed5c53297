from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import snakestore
from snakestore.storage.schema.revisions import HEAD
from tests.faults import crew, work
from tests.faults.soundness import assert_sound

PROCESSES = 24
LONGEST = 30.0  # seconds that the slowest of them may take on a busy machine; the time is reported


def start_together(path: Path, broken: str | None = None) -> list[float]:
    """Open one file in all processes at once; the seconds that each took."""
    answers = crew.run(work.open_and_count, [(path, broken)] * PROCESSES)
    assert all(sessions == 1 for _, sessions in answers)
    return [seconds for seconds, _ in answers]


def test_many_processes_that_open_a_missing_file_at_once_all_have_it(tmp_path, size, figures):
    took = []

    for number in range(size(2, 25)):
        took += start_together(tmp_path / f"{number}.db")
        assert_sound(tmp_path / f"{number}.db")

    figures("cold start", processes=PROCESSES, opened=len(took), failed=0, slowest=max(took))
    assert max(took) < LONGEST
    assert not [name for name in os.listdir(tmp_path) if ".new" in name]


def test_many_processes_that_open_an_older_file_at_once_migrate_it_once(tmp_path, size, figures):
    took = []

    for number in range(size(2, 25)):
        path = tmp_path / f"{number}.db"
        snakestore.upgrade(path, "0001")
        took += start_together(path)
        assert snakestore.current(path) == HEAD
        assert_sound(path)

    figures("older schema", processes=PROCESSES, opened=len(took), failed=0, slowest=max(took))
    assert max(took) < LONGEST


def test_a_maker_that_is_killed_half_way_leaves_a_file_that_the_next_one_finishes(
    tmp_path, size, figures
):
    rounds = size(12, 100)

    for number in range(rounds):
        path = tmp_path / f"{number}.db"
        with crew.Crew(work.open_and_count, [(path,)] * 3) as makers:
            time.sleep(0.25 * number / rounds)
            makers.kill()
        took, sessions = work.open_and_count(path)
        assert sessions == 1
        assert took < LONGEST
        assert_sound(path)

    figures("makers killed", kills=rounds, failed=0)


def test_control_without_a_lock_at_start_some_process_fails(tmp_path):
    with pytest.raises(AssertionError, match=r"already exists|process \d+ failed"):
        for number in range(10):
            start_together(tmp_path / f"{number}.db", "no lock at start")
