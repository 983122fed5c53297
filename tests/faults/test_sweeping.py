from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from snakestore import SessionRepository
from tests.faults import crew, work
from tests.faults.soundness import assert_sound

SWEEPERS, WRITERS = 2, 4


def fill(path: Path, expired: int, live: int) -> None:
    """Sessions that expired an hour ago, and some that have not."""
    ago = datetime.now(UTC) - timedelta(hours=2)
    with SessionRepository.open(path, clock=lambda: ago) as repo, repo.transaction() as transaction:
        for number in range(expired):
            transaction.create_session(f"old{number}", ttl=3600)
            transaction.register_variable(f"old{number}", "v", "string", "x" * 200)
    with SessionRepository.open(path) as repo, repo.transaction() as transaction:
        for number in range(live):
            transaction.create_session(f"live{number}", ttl=3600)
            transaction.register_variable(f"live{number}", "v", "integer", 0)


def test_sweepers_share_the_work_take_nobody_live_and_let_writers_have_their_turn(
    tmp_path, size, figures
):
    expired, live = size(2000, 20_000), size(500, 5000)
    path, stop = tmp_path / "s.db", tmp_path / "stop"
    fill(path, expired, live)
    before = path.stat().st_size

    with crew.Crew(
        work.write_meanwhile, [(path, number, stop) for number in range(WRITERS)]
    ) as writers:
        began = time.monotonic()
        swept = crew.run(work.sweep, [(path,)] * SWEEPERS)
        took = time.monotonic() - began
        stop.touch()
        waits = [wait for each in writers.results() for wait in each]

    figures(
        "sweeping", expired=expired, live=live, sweepers=SWEEPERS, writers=WRITERS, swept=swept,
        seconds=took, writes=len(waits), p99=crew.percentile(waits, 0.99), max=max(waits),
        bytes_before=before, bytes_after=path.stat().st_size,
    )  # fmt: skip
    with SessionRepository.open(path) as repo:
        stats = repo.store_stats()
    assert sum(swept) == expired
    assert (stats.sessions, stats.expired_sessions, stats.free_bytes) == (live, 0, 0)
    assert path.stat().st_size < before / 2
    assert (
        crew.percentile(waits, 0.99) < 1.0
    )  # under 50 ms on two cores of one's own; the figure is reported
    assert_sound(path)


# --- the log, and space


def log_size(path: Path) -> int:
    return Path(f"{path}-wal").stat().st_size


def test_a_log_that_grew_under_a_long_reader_is_cut_when_the_reader_is_done(
    tmp_path, monkeypatch, figures
):
    limit = 500_000
    monkeypatch.setattr("snakestore.storage.dialects.sqlite.opening.JOURNAL_SIZE_LIMIT", limit)
    path = tmp_path / "s.db"
    with SessionRepository.open(path, history=0) as repo, SessionRepository.open(path) as other:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "v", "string", "")
        with other.transaction(read_only=True) as reader:
            assert reader.get_value("s", "v") == ""
            for number in range(400):
                repo.update_variable("s", "v", str(number) * 10_000)
            assert reader.get_value("s", "v") == ""
        grown = log_size(path)

        for number in range(20):
            repo.update_variable("s", "v", str(number) * 10_000)
        after = log_size(path)

    figures("log", grown=grown, after=after, limit=limit)
    assert grown > 10 * limit
    assert after <= limit
    assert not Path(f"{path}-wal").exists()


def test_the_space_of_swept_sessions_goes_back_to_the_disk(tmp_path):
    path = tmp_path / "s.db"
    fill(path, 300, 10)
    with SessionRepository.open(path) as repo:
        before = repo.store_stats()

        deleted = repo.delete_expired()

        after = repo.store_stats()
        shown = path.stat().st_size
    assert deleted == 300
    assert after.free_bytes == 0
    assert after.size_bytes < before.size_bytes / 2
    assert shown == after.size_bytes
    assert after.wal_bytes == log_size(path) if Path(f"{path}-wal").exists() else True
