"""The benchmark program runs, and its baselines do the same work. No time is checked."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchmarks import seed
from benchmarks.app import as_json, main
from benchmarks.baselines.bare import BareStore
from benchmarks.baselines.large_sessions import LargeSessionBaseline
from benchmarks.baselines.sqlite import connect
from benchmarks.entries import BASELINES, OURSELVES, PEERS
from benchmarks.measure import ONCE
from benchmarks.page import page
from benchmarks.processes import CONTESTS, measure
from benchmarks.results import Report, Timing, compared
from benchmarks.row import OURS, Target
from benchmarks.rows import BACKEND_ROWS, ROWS, SQLITE_ROWS
from benchmarks.runner import Field, laboratory, run
from benchmarks.scattered import KEPT_VERSIONS
from benchmarks.scattered_rows import BARE_ROWS
from benchmarks.table import show, table_lines
from benchmarks.workload import BATCH, NAMES, PLAIN, READS, UPDATED, UPDATES
from snakestore import SessionRepository

ENTRIES = {entry.name: entry for entry in (*BASELINES, *OURSELVES, *PEERS)}


@pytest.fixture
def shared_file(tmp_path):
    """A seeded file, with the hand-written program and the library at work on it."""
    path = tmp_path / "shared.db"
    with SessionRepository.open(path) as repo:
        seeds = connect(path)
        seed.in_file(seeds)
        seeds.close()
        baseline = LargeSessionBaseline(path)
        yield baseline, repo
        baseline.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "rows", [SQLITE_ROWS, BARE_ROWS, BACKEND_ROWS], ids=["sqlite", "bare", "backends"]
)
def test_each_row_runs_once(rows, capsys):
    report = run(rows, ONCE, mode="once", peers=False, said=print)

    show(report)
    measured = {
        result.key: {timing.implementation for timing in result.timings}
        for result in report.results
    }
    assert list(measured) == [row.key for row in rows]
    assert all({row.base, *row.targets} - set(report.absent) <= measured[row.key] for row in rows)
    assert report.failed == {}
    assert set(report.absent) <= {"snakestore cache=True", "snakestore to_numpy()"}
    assert "get_value" in capsys.readouterr().out
    assert json.loads(as_json(report))["results"][0]["timings"][0]["microseconds"] > 0
    assert rows[0].title in page(report)


@pytest.mark.slow
@pytest.mark.parametrize("contest", CONTESTS, ids=lambda contest: f"{contest.processes}-processes")
def test_processes_that_update_one_file_lose_nothing_and_meet_no_error(contest):
    with laboratory() as lab:
        results = measure(contest, lab, ENTRIES, ONCE, updates=25)

    each, _, lost = results
    assert [result.key for result in results] == [row.key for row in contest.rows]
    assert all(timing.microseconds > 0 for timing in each.timings)
    assert {timing.implementation: timing.count for timing in lost.timings} == dict.fromkeys(
        contest.names, 0.0
    )


def test_an_update_by_hand_changes_what_an_update_by_the_library_changes(shared_file):
    baseline, repo = shared_file

    for sid in (PLAIN, UPDATES):
        by_hand = baseline.update(sid, UPDATED[0], 0.125)
        seen = repo.get_variable(sid, UPDATED[0])
        by_library = repo.update_variable(sid, UPDATED[1], 0.125)

        assert (by_hand.value, by_hand.version, by_hand.id) == (seen.value, seen.version, seen.id)
        assert (by_hand.version, by_hand.metadata.keys()) == (
            by_library.version,
            by_library.metadata.keys(),
        )
        lengths = [len(repo.variable_history(sid, name)) for name in UPDATED[:3]]
        assert lengths == ([0, 0, 0] if sid == PLAIN else [100, 100, 100])


def test_all_that_is_written_by_hand_is_counted_as_the_library_counts(shared_file):
    baseline, repo = shared_file
    before = repo.get_stats(BATCH)

    baseline.update_many(BATCH, dict.fromkeys(NAMES, 0.75))
    baseline.register(BATCH, "another", "float", 0.5, constraints={"min": 0.0})

    after = repo.get_stats(BATCH)
    assert after.variable_count - before.variable_count == 1
    assert after.total_variable_updates - before.total_variable_updates == len(NAMES) + 1
    assert len(repo.variable_history(BATCH, NAMES[0])) == 100
    assert repo.get_value(BATCH, "another") == 0.5


def test_reads_and_lists_by_hand_give_what_the_library_gives(shared_file):
    baseline, repo = shared_file

    assert baseline.get_value(READS, NAMES[3]) == repo.get_value(READS, NAMES[3])
    assert [record.name for record in baseline.list_records(READS, "group4_")] == [
        each.name for each in repo.list_variables(READS, "group4_*")
    ]
    assert [record.id for record in baseline.list_records(READS)] == [
        variable.id for variable in repo.list_variables(READS)
    ]


def test_what_is_put_and_listed_by_hand_is_what_the_library_puts_and_lists(shared_file):
    baseline, repo = shared_file
    record = baseline.get_record(BATCH, NAMES[0])

    put = baseline.put(BATCH, replace(record, value=0.75))
    again = baseline.put(BATCH, replace(record, value=0.75))
    newest = baseline.newest(BATCH, 3)

    assert (put.version, again.version) == (record.version + 1, record.version + 1)
    stored = repo.get_variable(BATCH, NAMES[0])
    assert (stored.value, stored.version) == (0.75, put.version)
    assert repo.variable_history(BATCH, NAMES[0], limit=1)[0].version == record.version
    assert [each.name for each in newest] == [
        each.name for each in repo.list_variables(BATCH, limit=3, reverse=True)
    ]


def test_the_bare_store_counts_updates_and_keeps_the_last_versions(tmp_path):
    store = BareStore(tmp_path / "bare.db")
    store.seed(sessions=1)

    version = store.update_kept("kept000", NAMES[0], {"a": 1})
    store.update_many_kept("kept000", {NAMES[0]: {"a": 2}, NAMES[1]: {"a": 3}})

    assert version == KEPT_VERSIONS + 1
    assert store.get_record("kept000", NAMES[0])["version"] == version + 1
    assert [each["value"] for each in store.list_prefix("kept000", NAMES[1])] == [{"a": 3}]
    rows = store.connection.execute(
        "SELECT version FROM versions WHERE session_id = 'kept000' AND name = ?", (NAMES[0],)
    )
    assert [number for (number,) in rows] == list(range(version + 1 - KEPT_VERSIONS, version + 1))
    counted = store.connection.execute("SELECT updates FROM sessions WHERE id = 'kept000'")
    assert counted.fetchone() == (3,)


def test_a_sweep_by_hand_deletes_what_expired_and_nothing_else(shared_file):
    baseline, repo = shared_file
    baseline.connection.execute("BEGIN IMMEDIATE")
    seed.expired_sessions(baseline.connection.cursor(), 130)
    baseline.connection.execute("COMMIT")
    alive = len(repo.list_sessions())

    deleted, longest = baseline.delete_expired()

    assert (deleted, longest > 0) == (130, True)
    assert len(repo.list_sessions(include_expired=True)) == alive


def test_an_implementation_that_is_missing_is_named_with_the_package_to_install():
    absent = replace(PEERS[0], needs=("no_such_module",), install="no-such-package")

    with laboratory() as lab:
        field = Field(lab, [absent])
        taking = field.taking_part(ROWS[0])

    assert taking == {}
    assert field.absent == {
        absent.name: "not installed: no_such_module (pip install no-such-package)"
    }
    assert field.absentees(ROWS[0]) == [absent.name]


def test_everyone_takes_part_in_rows_that_there_are_and_each_row_has_its_base():
    keys = {row.key for row in ROWS}

    assert all(set(entry.rows) <= keys for entry in ENTRIES.values())
    assert all(row.key in ENTRIES[name].rows for row in ROWS for name in (row.base, *row.targets))
    assert all(entry.unequal for entry in PEERS)


def test_a_target_is_met_at_its_bound_and_missed_above():
    timing = Timing(
        implementation=OURS, kind="ours", microseconds=1.0, ratio=1.3, target=Target(1.3, 1.1)
    )

    assert (timing.met, timing.reached) == (True, False)
    assert replace(timing, ratio=1.31).met is False
    assert replace(timing, target=None).met is None
    assert compared([2.0, 3.0, 4.0], [1.0, 1.0, 1.0]) == (2.5, 3.0, 3.5)


def test_a_report_without_rows_is_an_empty_table():
    report = Report(machine={}, mode="quick")

    assert list(table_lines(report)) == []


def test_an_unknown_row_is_refused_with_the_names_of_those_there_are(capsys):
    with pytest.raises(SystemExit) as refused:
        main(["--only", "nonsense"])

    assert refused.value.code == 2
    assert "there are get, record" in capsys.readouterr().err
