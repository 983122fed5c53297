"""The demo with real processes: kill -9 of any of them at any time, and continuing afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from snakestore import SessionRepository
from snakestore.demo import run as demo
from snakestore.demo.crew import crew_at_work
from snakestore.demo.search import SIZE_PREFIX, SPACE, lost_updates
from snakestore.demo.worker import Task

FEW = ("--evaluations", "60")


@pytest.fixture
def corpus_folder(tmp_path: Path) -> Path:
    """Real text, small enough that an evaluation takes about a millisecond."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "demo.py").write_bytes(Path(demo.__file__).read_bytes())
    return folder


def contents(store: Path) -> dict[str, Any]:
    """What the file holds: the counter, the sizes, the best, and whether SQLite finds it sound."""
    connection = sqlite3.connect(store)
    try:
        sizes = dict(
            connection.execute(
                "SELECT name, value FROM variables WHERE name LIKE ? || '%'", (SIZE_PREFIX,)
            ).fetchall()
        )
        others = dict(
            connection.execute(
                "SELECT name, value FROM variables WHERE name NOT LIKE ? || '%'", (SIZE_PREFIX,)
            ).fetchall()
        )
        (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
        return {
            "sizes": sizes,
            "evaluations": int(others["evaluations"]),
            "target": int(others["target"]),
            "best": others["best"],
            "sound": sound,
        }
    finally:
        connection.close()


def smallest_of_best(store: Path) -> int:
    return int(re.findall(r'"size": ?(\d+)', contents(store)["best"])[0])


def wait_until(condition: Any, seconds: float = 20.0) -> None:
    """Wait for what other processes do."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def evaluations_so_far(store: Path) -> int:
    """The counter, -1 before there is one."""
    with contextlib.suppress(sqlite3.Error, KeyError):
        return int(contents(store)["evaluations"])
    return -1


def test_the_demo_runs_in_an_empty_folder_and_prints_its_results(processes: Any) -> None:
    ran = processes.run("demo", "--evaluations", "40")

    assert ran.returncode == 0, ran.stderr
    now = contents(processes.folder / "snakestore-demo.db")
    assert now["evaluations"] == len(now["sizes"]) >= 40
    assert "updates lost  0 (" in ran.stdout
    assert "level  wbits  memLevel  strategy" in ran.stdout
    assert 'sqlite3 snakestore-demo.db "select' in ran.stdout
    assert f"{smallest_of_best(processes.folder / 'snakestore-demo.db'):,}" in ran.stdout
    assert "\x1b" not in ran.stdout


def test_the_printed_query_works(processes: Any, corpus_folder: Path) -> None:
    ran = processes.run(
        "demo", "it's.db", "--files", corpus_folder, "--evaluations", "8", "--workers", "1"
    )
    query = re.findall(r'"(select .*)"', ran.stdout)[0]

    connection = sqlite3.connect(processes.folder / "it's.db")
    found = {row[0] for row in connection.execute(query)}
    connection.close()
    assert found == {"level", "wbits", "memLevel", "strategy", "best", "evaluations", "target"}


@pytest.mark.slow
def test_the_next_run_starts_the_next_round_and_repeats_no_measurement(
    processes: Any, corpus_folder: Path
) -> None:
    store = processes.folder / "demo.db"
    processes.run("demo", store, "--files", corpus_folder, *FEW, "--workers", "2")
    first = contents(store)
    ran = processes.run("demo", store, "--files", corpus_folder, *FEW, "--workers", "2")
    second = contents(store)

    assert second["target"] == first["evaluations"] + 60
    assert first["sizes"].items() <= second["sizes"].items()
    assert second["evaluations"] == len(second["sizes"]) >= second["target"]
    assert (
        f"{second['evaluations'] - first['evaluations']} in this run, {second['evaluations']} of"
        f" {len(SPACE)} in all" in ran.stdout
    )


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 20])
def test_after_a_kill_of_all_processes_the_next_run_continues(
    processes: Any, corpus_folder: Path, after: int
) -> None:
    store = processes.folder / "demo.db"
    arguments = ("demo", store, "--files", corpus_folder, "--evaluations", "300")
    process = processes.start(*arguments)
    wait_until(lambda: evaluations_so_far(store) >= after)
    process.send_signal(signal.SIGKILL)
    # ends when the last process that inherited it has ended: the workers leave by themselves
    process.stderr.read()
    killed_at = evaluations_so_far(store)
    ran = processes.run(*arguments)
    now = contents(store)

    assert ran.returncode == 0, ran.stderr
    assert "updates lost  0 (" in ran.stdout
    assert now["sound"] == "ok"
    assert now["evaluations"] == len(now["sizes"]) >= 300
    assert f"{now['evaluations'] - killed_at} in this run" in ran.stdout
    assert smallest_of_best(store) == min(map(int, now["sizes"].values()))


def test_a_killed_worker_loses_nothing_and_the_others_finish(
    tmp_path: Path, corpus_folder: Path
) -> None:
    store = tmp_path / "demo.db"
    corpus = demo.read_corpus([corpus_folder], "a file", exclude=store)
    with SessionRepository.open(store) as repo:
        demo.prepare(repo, corpus, 300)
    with crew_at_work(
        [Task(str(store), corpus.session_id, worker, 3) for worker in range(3)]
    ) as crew:
        victim = next(iter(crew.started.values()))

        def kill_one(acknowledged: int) -> None:
            if acknowledged >= 10 and not crew.reports.failures:
                victim.kill()

        reports = crew.watch(corpus.files, kill_one, time.monotonic() + 60)
    now = contents(store)

    assert reports.failures == ["a worker ended with signal 9; its results are kept"]
    assert now["evaluations"] == len(now["sizes"]) >= 300
    assert (
        lost_updates(
            reports.acknowledged,
            {name: int(size) for name, size in now["sizes"].items()},
            now["evaluations"],
        )
        == 0
    )


def test_ctrl_c_ends_the_demo_cleanly(processes: Any, corpus_folder: Path) -> None:
    store = processes.folder / "demo.db"
    process = processes.start(
        "demo", store, "--files", corpus_folder, "--evaluations", "3000", "--workers", "2"
    )
    wait_until(lambda: evaluations_so_far(store) >= 5)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    out, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (130, "")
    assert "Run it again to continue" in out
    assert "updates lost  0 (" in out


@pytest.mark.slow
def test_the_demo_stops_after_its_seconds(processes: Any, corpus_folder: Path) -> None:
    started = time.monotonic()
    ran = processes.run(
        "demo",
        "demo.db",
        "--files",
        corpus_folder,
        "--evaluations",
        "3150",
        "--seconds",
        "1.5",
        "--workers",
        "2",
    )

    assert ran.returncode == 0
    assert "The time was up at" in ran.stdout
    assert time.monotonic() - started < 15


def test_when_every_setting_is_measured_nothing_is_measured_again(
    tmp_path: Path, corpus_folder: Path, cli: Any
) -> None:
    store = tmp_path / "demo.db"
    corpus = demo.read_corpus([corpus_folder], "a file", exclude=store)
    with SessionRepository.open(store) as repo, repo.transaction() as transaction:
        demo.prepare(transaction, corpus, 10)
        for size, settings in enumerate(SPACE):
            transaction.register_variable(
                corpus.session_id,
                settings.size_name,
                "integer",
                1000 + size,
                metadata={"found_by": "worker-1"},
            )
        transaction.update_variables(
            corpus.session_id, {"evaluations": len(SPACE), "target": len(SPACE)}
        )

    output = cli("demo", store, "--files", corpus_folder)

    assert "Every setting is measured" in output
    assert f"0 in this run, {len(SPACE)} of {len(SPACE)} in all" in output


def test_the_next_run_adds_results_of_killed_workers_to_the_best(
    tmp_path: Path, corpus_folder: Path
) -> None:
    corpus = demo.read_corpus([corpus_folder], "a file", exclude=tmp_path / "x")
    with SessionRepository.open(tmp_path / "demo.db") as repo:
        demo.prepare(repo, corpus, 10)
        repo.register_variable(
            corpus.session_id, SPACE[100].size_name, "integer", 7, metadata={"found_by": "worker-3"}
        )
        repo.modify_variable(corpus.session_id, "evaluations", lambda count: count + 1)

        assert demo.prepare(repo, corpus, 10) == (1, 10)
        best = repo.get_value(corpus.session_id, "best")
        level = repo.get_value(corpus.session_id, "level")

    assert best == {
        "size": 7,
        "settings": SPACE[100].to_dict(),
        "found_by": "worker-3",
        "runners_up": [],
    }
    assert level == SPACE[100].level


@pytest.mark.slow
def test_two_demos_share_one_file(processes: Any, corpus_folder: Path) -> None:
    store = processes.folder / "demo.db"
    both = [
        processes.start(
            "demo", store, "--files", corpus_folder, "--evaluations", "200", "--workers", "2"
        )
        for _ in range(2)
    ]
    output = [process.communicate(timeout=60) for process in both]

    assert [process.returncode for process in both] == [0, 0], output
    assert all("updates lost  0 (" in out for out, _ in output)
    assert contents(store)["evaluations"] == len(contents(store)["sizes"])


def test_a_read_only_folder_is_an_error_in_one_line(processes: Any) -> None:
    ran = processes.run("demo", "no/such/folder/demo.db", *FEW, "--workers", "2")

    assert (ran.returncode, len(ran.stderr.splitlines())) == (1, 1)


def test_missing_files_are_wrong_usage(processes: Any) -> None:
    assert processes.run("demo", "--files", "nowhere").returncode == 2
    assert list(processes.folder.iterdir()) == []
