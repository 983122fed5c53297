"""What the storage for Optuna promises beyond Optuna's own suite."""

from __future__ import annotations

import copy
import math
import multiprocessing
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ProcessPoolExecutor

import pytest

pytest.importorskip("optuna", reason="needs the extra snakestore[optuna]")

import optuna
import sqlalchemy
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RetryFailedTrialCallback, fail_stale_trials
from optuna.study import StudyDirection
from optuna.trial import TrialState

from snakestore import SessionRepository
from snakestore.errors import StoreError
from snakestore.integrations.optuna import SnakestoreStorage
from snakestore.integrations.optuna.entries import Trials
from tests.processes.test_one_file import PATIENCE

pytestmark = [
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # the older name of a callback
]
MINIMIZE = [StudyDirection.MINIMIZE]
WORKERS, TRIALS = 8, 5
# a server that has imported Optuna forks the processes: an import takes seconds
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["snakestore.integrations.optuna"])


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture
def storage(store_url):
    with SnakestoreStorage(store_url) as opened:
        yield opened


@pytest.fixture
def other(store_url, storage):
    """Another process's storage: nothing is shared but the store."""
    with SnakestoreStorage(store_url) as opened:
        yield opened


def square(trial):
    return trial.suggest_float("x", -10, 10) ** 2


# --- processes


def optimise(url):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with SnakestoreStorage(url) as storage:
        study = optuna.create_study(storage=storage, study_name="s", load_if_exists=True)
        study.optimize(square, n_trials=TRIALS)


@pytest.mark.slow
def test_eight_processes_that_start_at_once_lose_no_trial(store_url):
    with ProcessPoolExecutor(WORKERS, mp_context=FORKED) as pool:
        for done in [pool.submit(optimise, store_url) for _ in range(WORKERS)]:
            done.result(PATIENCE)

    with SnakestoreStorage(store_url) as storage:
        trials = optuna.load_study(study_name="s", storage=storage).trials
    assert [trial.number for trial in trials] == list(range(WORKERS * TRIALS))
    assert all(trial.state == TrialState.COMPLETE for trial in trials)


KILLED = """
    import sys, time
    import optuna
    from snakestore.integrations.optuna import SnakestoreStorage

    def objective(trial):
        trial.suggest_float("x", 0, 1)
        print("running", flush=True)
        time.sleep(600)

    storage = SnakestoreStorage(sys.argv[1], heartbeat_interval=60)
    optuna.load_study(study_name="s", storage=storage).optimize(objective)
"""


@pytest.mark.slow
def test_a_trial_of_a_killed_process_fails_and_is_tried_again(store_url, clock):
    with SnakestoreStorage(store_url) as storage:
        optuna.create_study(storage=storage, study_name="s")
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(KILLED), store_url],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as worker:
        assert worker.stdout.readline() == b"running\n"
        worker.send_signal(signal.SIGKILL)
    clock.set(clock().replace(year=2999))

    with SessionRepository.open(store_url, clock=clock) as repo:
        storage = SnakestoreStorage(
            repo, heartbeat_interval=60, failed_trial_callback=RetryFailedTrialCallback()
        )
        study = optuna.load_study(study_name="s", storage=storage)
        fail_stale_trials(study)
        failed, again = study.trials

    assert failed.state == TrialState.FAIL
    assert again.state == TrialState.WAITING
    assert again.params == failed.params


# --- leases


def test_a_process_that_was_only_slow_cannot_write_its_failed_trial(store_url, clock):
    with SessionRepository.open(store_url, clock=clock) as repo:
        slow, quick = (SnakestoreStorage(repo, heartbeat_interval=10) for _ in range(2))
        study = optuna.create_study(storage=slow)
        trial_id = slow.create_new_trial(study._study_id)
        slow.record_heartbeat(trial_id)
        assert quick._get_stale_trial_ids(study._study_id) == []
        clock.advance(21)
        fail_stale_trials(optuna.load_study(study_name=study.study_name, storage=quick))

        with pytest.raises(UpdateFinishedTrialError, match="Trial#0"):
            slow.set_trial_state_values(trial_id, TrialState.COMPLETE, [1.0])
        with pytest.raises(UpdateFinishedTrialError):
            slow.set_trial_user_attr(trial_id, "a", 1)
        slow.record_heartbeat(trial_id)
        assert slow.get_trial(trial_id).state == TrialState.FAIL
        assert repo.variable_names("optuna:1", prefix="heartbeat") == []


@pytest.mark.parametrize(("grace_period", "seconds"), [(None, 120), (90, 90)])
def test_a_heartbeat_leases_for_the_grace_period_or_twice_the_interval(
    tmp_path, clock, grace_period, seconds
):
    with SessionRepository.open(tmp_path / "s.db", clock=clock) as repo:
        storage = SnakestoreStorage(repo, heartbeat_interval=60, grace_period=grace_period)
        trial = storage.create_new_trial(storage.create_new_study(MINIMIZE))

        storage.record_heartbeat(trial)

        leased = repo.get_variable("optuna:1", "heartbeat:0").optimization_status
        assert (leased.expires_at - clock()).total_seconds() == seconds


def test_a_trial_without_a_heartbeat_never_counts_as_stale(storage):
    study_id = storage.create_new_study(MINIMIZE)
    storage.create_new_trial(study_id)

    assert storage._get_stale_trial_ids(study_id) == []


def test_the_arguments_of_a_heartbeat_are_checked(tmp_path):
    with pytest.raises(ValueError, match="heartbeat_interval"):
        SnakestoreStorage(tmp_path / "s.db", heartbeat_interval=0)
    with pytest.raises(ValueError, match="not both"):
        SnakestoreStorage(
            tmp_path / "s.db",
            heartbeat_stale_trial_callback=print,
            failed_trial_callback=print,
        )


# --- two processes with the same study


def test_one_of_two_processes_starts_a_waiting_trial(storage, other):
    study = optuna.create_study(storage=storage, study_name="s")
    study.enqueue_trial({"x": 1.0})
    both = [study, optuna.load_study(study_name="s", storage=other)]
    trial_id = both[1].trials[0]._trial_id

    assert other.set_trial_state_values(trial_id, TrialState.RUNNING)
    assert not storage.set_trial_state_values(trial_id, TrialState.RUNNING)


def test_an_entry_that_the_trials_refuse_changes_nothing_and_raises_for_its_writer(storage, other):
    study_id = storage.create_new_study(MINIMIZE)
    trial_id = storage.create_new_trial(study_id)
    assert other.get_trial(trial_id).state == TrialState.RUNNING
    storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [1.0])

    with pytest.raises(UpdateFinishedTrialError):
        other.set_trial_intermediate_value(trial_id, 0, 5.0)

    assert storage.get_trial(trial_id) == other.get_trial(trial_id)
    assert storage.get_trial(trial_id).intermediate_values == {}


def test_a_parameter_with_a_distribution_of_another_kind_is_refused(storage, other):
    study_id = storage.create_new_study(MINIMIZE)
    first, second = storage.create_new_trial(study_id), other.create_new_trial(study_id)
    whole = optuna.distributions.IntDistribution(0, 9)
    other.get_all_trials(study_id)
    storage.set_trial_param(first, "x", 1.0, optuna.distributions.FloatDistribution(0, 9))

    with pytest.raises(ValueError, match="distribution"):
        other.set_trial_param(second, "x", 1.0, whole)
    with pytest.raises(ValueError, match="distribution"):
        storage.create_new_trial(
            study_id, optuna.create_trial(params={"x": 1}, distributions={"x": whole}, value=0.0)
        )


def test_a_study_deleted_under_a_running_optimiser_raises_key_error(storage, other):
    study = optuna.create_study(storage=storage, study_name="s")
    study.optimize(square, n_trials=2)
    trial = study.ask()
    optuna.delete_study(study_name="s", storage=other)

    with pytest.raises(KeyError, match="no study"):
        trial.suggest_float("x", 0, 1)
    with pytest.raises(KeyError, match="no study"):
        study.ask()
    with pytest.raises(KeyError, match="no study"):
        study.get_trials()
    assert storage.get_all_studies() == []


def test_threads_share_a_storage(storage):
    study = optuna.create_study(storage=storage)

    study.optimize(square, n_trials=16, n_jobs=4)

    assert [trial.number for trial in study.trials] == list(range(16))
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)


@pytest.mark.parametrize("applied", [False, True])
def test_an_interrupt_while_trials_are_read_loses_none(storage, other, monkeypatch, applied):
    study = optuna.create_study(storage=storage, study_name="s")
    study.optimize(square, n_trials=3)
    apply = Trials._replace
    left = iter(range(4))

    def interrupted(trials, trial):
        last = next(left, None) == 3
        if applied or not last:
            apply(trials, trial)
        if last:
            raise KeyboardInterrupt

    monkeypatch.setattr(Trials, "_replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        other.get_all_trials(study._study_id)

    assert other.get_all_trials(study._study_id) == study.trials


@pytest.mark.slow
def test_a_forked_process_goes_on_with_the_study(storage):
    study = optuna.create_study(storage=storage, study_name="s")
    study.optimize(square, n_trials=2)

    child = multiprocessing.get_context("fork").Process(
        target=study.optimize, args=(square,), kwargs={"n_trials": 3}
    )
    child.start()
    study.optimize(square, n_trials=3)
    child.join(PATIENCE)

    assert child.exitcode == 0
    assert [trial.number for trial in study.trials] == list(range(8))
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)


# --- what is read


@pytest.mark.slow
def test_a_trial_takes_no_longer_than_with_optunas_own_storage(tmp_path):
    own = optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/own.db")
    sqlalchemy.event.listen(
        own.engine,
        "connect",
        lambda connection, _: connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"  # as snakestore's
        ),
    )
    own.engine.dispose()

    def seconds(storage):
        study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler())
        start = time.perf_counter()
        study.optimize(square, n_trials=20)
        return time.perf_counter() - start

    with SnakestoreStorage(tmp_path / "s.db") as storage:
        ours = min(seconds(storage) for _ in range(3))
    theirs = min(seconds(own) for _ in range(3))
    own.engine.dispose()

    assert ours <= theirs


def test_a_sampler_reads_only_what_is_new(storage, other, monkeypatch):
    study = optuna.create_study(storage=storage, study_name="s")
    study.optimize(square, n_trials=10)
    other.get_all_trials(study._study_id)
    read = []
    original = SessionRepository.read_log

    def counted(*arguments, **options):
        found = original(*arguments, **options)
        read.extend(found)
        return found

    monkeypatch.setattr(SessionRepository, "read_log", counted)

    study.optimize(square, n_trials=1)  # its own entries are not read
    assert read == []
    assert len(other.get_all_trials(study._study_id)) == 11
    assert {entry.value.get("trial", 10) for entry in read} == {10}


def test_listing_studies_reads_no_trial(storage, monkeypatch):
    study = optuna.create_study(storage=storage, study_name="s", directions=["maximize"] * 2)
    study.set_user_attr("a", math.inf)
    study.enqueue_trial({"x": 1.0})
    monkeypatch.setattr(SessionRepository, "read_log", None)

    (found,) = storage.get_all_studies()

    assert found.study_name == "s"
    assert found.directions == [StudyDirection.MAXIMIZE] * 2
    assert found.user_attrs == {"a": math.inf}


def test_a_log_of_more_than_one_page_is_read_whole(storage, other, monkeypatch):
    monkeypatch.setattr("snakestore.integrations.optuna.studies.PAGE", 7)
    study = optuna.create_study(storage=storage)
    study.optimize(square, n_trials=7)

    assert other.get_all_trials(study._study_id) == study.trials


# --- values and names


def test_attributes_are_kept_as_json_keeps_them(storage, other):
    study = optuna.create_study(storage=storage, study_name="s")
    value = {"nan": [math.nan, math.inf], "tuple": (1, 2), "big": 2**90, "deep": {"é": None}}
    trial = study.ask()
    trial.set_user_attr("", value)
    study.set_user_attr("k" * 400 + "\0", value)

    got = other.get_trial(trial._trial_id).user_attrs[""]
    (of_study,) = other.get_study_user_attrs(study._study_id).values()

    assert repr(got) == repr({**value, "tuple": [1, 2]})
    assert repr(of_study) == repr(got)


def test_a_large_attribute_is_not_written_again_by_later_changes(storage):
    study = optuna.create_study(storage=storage)
    trial = study.ask()
    trial.set_user_attr("large", "x" * 2_000_000)
    trial.report(1.0, 0)
    study.tell(trial, 1.0)

    entries = storage.repository.read_log("optuna:1", "trials")

    assert [len(str(entry.value)) > 2_000_000 for entry in entries] == [False, True, False, False]
    assert len(study.trials[0].user_attrs["large"]) == 2_000_000


def test_a_study_may_have_any_name(storage, other):
    names = ["", "a" * 600, "日本/*%", "x\0y"]
    ids = [storage.create_new_study(MINIMIZE, name) for name in names]

    assert [other.get_study_id_from_name(name) for name in names] == ids
    assert [study.study_name for study in other.get_all_studies()] == names
    with pytest.raises(optuna.exceptions.DuplicatedStudyError, match="load_if_exists"):
        other.create_new_study(MINIMIZE, names[1])


def test_an_id_is_not_given_twice_after_a_study_was_deleted(storage):
    first = storage.create_new_study(MINIMIZE, "s")
    storage.delete_study(first)

    assert storage.create_new_study(MINIMIZE, "s") == first + 1


def test_an_entry_of_a_newer_version_is_refused(storage, other):
    study_id = storage.create_new_study(MINIMIZE)
    storage.repository.append_log(f"optuna:{study_id}", "trials", [{"op": "merge"}])

    with pytest.raises(StoreError, match="'merge', which this snakestore does not know"):
        other.get_all_trials(study_id)


# --- opening


def test_a_change_of_a_returned_trial_changes_no_other_reading(storage):
    trial = storage.create_new_trial(storage.create_new_study(MINIMIZE))
    storage.set_trial_user_attr(trial, "k", 1)

    storage.get_trial(trial).user_attrs["k"] = 2

    assert storage.get_trial(trial).user_attrs == {"k": 1}


def test_copies_of_a_study_share_its_storage(storage):
    study = optuna.create_study(storage=storage, study_name="s")

    copied = copy.deepcopy(study)
    copied.optimize(square, n_trials=1)

    assert copied._storage is study._storage
    assert len(study.trials) == 1


def test_a_storage_of_a_repository_leaves_it_open_and_cannot_be_pickled(tmp_path):
    with SessionRepository.open(tmp_path / "s.db") as repo:
        with SnakestoreStorage(repo) as storage:
            study_id = storage.create_new_study(MINIMIZE)
        with pytest.raises(TypeError, match="path or URL"):
            pickle.dumps(storage)

        assert repo.session_exists(f"optuna:{study_id}")
