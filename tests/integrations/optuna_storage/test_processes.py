"""Processes that share a study: no trial is lost, and none is done twice."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor

import pytest

pytest.importorskip("optuna", reason="needs the extra snakestore[optuna]")

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RetryFailedTrialCallback, fail_stale_trials
from optuna.trial import TrialState

from snakestore import SessionRepository
from snakestore.integrations.optuna import SnakestoreStorage
from snakestore.integrations.optuna.entries import Trials
from tests.integrations.optuna_storage.studies import FORKED, MINIMIZE, square
from tests.processes.test_one_file import PATIENCE

pytestmark = [
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # the older name of a callback
]

WORKERS, TRIALS = 8, 5


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
