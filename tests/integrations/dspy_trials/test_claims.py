"""Claims of trials: one worker holds a trial, until its lease lapses."""

from __future__ import annotations

import copy
import multiprocessing
import os
import signal
import threading
from datetime import UTC, datetime

import pytest

from snakestore import LeaseLostError, SessionNotFoundError, SessionRepository, VariableLockedError

pytest.importorskip("dspy", reason="needs the extra dspy")

from snakestore.integrations.dspy import TrialLog
from snakestore.integrations.opening import Handle
from tests.integrations.dspy_trials.study import STUDY, pickled


def test_a_trial_that_another_worker_holds_cannot_be_recorded_by_number(log, repo):
    log.claim()

    with pytest.raises(VariableLockedError):
        TrialLog(repo, "s", "mipro", **STUDY).record(0, 0.5, "p")

    assert log.record(0, 0.5, "p").attempt == 1  # the one that claimed it may


def test_a_lapsed_claim_is_given_to_the_next_worker_and_the_first_one_is_refused(log, repo, clock):
    other = TrialLog(repo, "s", "mipro", **STUDY)
    first = log.claim(lease=10)

    clock.advance(11)
    second = other.claim(lease=10)
    with pytest.raises(LeaseLostError):
        log.record(first, 0.9, "late")
    other.record(second, 0.5, "p")
    with pytest.raises(LeaseLostError):
        log.record(first, 0.9, "later")
    with pytest.raises(LeaseLostError):
        log.renew(first)

    assert (int(second), second.attempt) == (0, 2)
    assert [(each.trial, each.attempt, each.score) for each in log.results()] == [(0, 2, 0.5)]


def test_a_lapsed_claim_recorded_by_its_number_counts_as_its_last_attempt(log, repo, clock):
    for _ in range(2):
        log.claim(lease=10)
        clock.advance(11)

    recorded = TrialLog(repo, "s", "mipro", **STUDY).record(0, 0.5, "p")

    assert recorded.attempt == 2


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickled])
def test_a_copied_or_pickled_trial_has_its_claim(log, again):
    trial = log.claim()

    copied = again(trial)

    assert (copied, copied.attempt, copied.holder) == (trial, trial.attempt, trial.holder)
    assert log.record(copied, 0.5, "p").attempt == 1


def test_a_log_that_cannot_begin_closes_what_it_opened(store_url, repo, monkeypatch):
    closed = []
    monkeypatch.setattr(Handle, "close", lambda handle: closed.append(handle.repository))

    with pytest.raises(SessionNotFoundError):
        TrialLog(store_url, "none", "mipro", **STUDY)

    (opened,) = closed
    opened.close()


def test_a_lapsed_claim_that_nobody_took_is_refused_too(log, clock):
    trial = log.claim(lease=10)

    clock.advance(11)

    with pytest.raises(LeaseLostError):
        log.record(trial, 0.9, "late")
    assert log.claim().attempt == 2


def test_a_renewed_claim_does_not_lapse(log, clock):
    trial = log.claim(lease=10)

    clock.advance(9)
    log.renew(trial, lease=10)
    clock.advance(9)

    assert log.record(trial, 0.5, "p").trial == 0


def test_when_all_trials_are_claimed_there_is_none(repo, clock):
    log = TrialLog(repo, "s", "mipro", **STUDY, trials=2, lease=10)

    claimed = [log.claim() for _ in range(3)]
    log.record(claimed[0], 1, "p")
    clock.advance(11)
    again = log.claim()

    assert claimed == [0, 1, None]
    assert (again, again.attempt, log.claim()) == (1, 2, None)


def test_threads_that_claim_and_record_at_once_do_each_trial_once(log):
    def work():
        for _ in range(10):
            trial = log.claim()
            log.record(trial, 1.0, {"trial": int(trial)})

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(each.trial for each in log.results()) == list(range(40))


def claim_and_record(url, barrier):
    with TrialLog(url, "s", "mipro", **STUDY, trials=20) as log:
        barrier.wait(60)
        while (trial := log.claim()) is not None:
            log.record(trial, trial / 100, {"trial": int(trial)})


@pytest.mark.slow
def test_processes_that_claim_at_once_do_each_trial_once(store_url):
    with SessionRepository.open(store_url, migrate=True) as repo:
        repo.create_session("s")
        context = multiprocessing.get_context("spawn")
        barrier = context.Barrier(3)
        workers = [
            context.Process(target=claim_and_record, args=(store_url, barrier)) for _ in range(3)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(120)

        log = TrialLog(repo, "s", "mipro", **STUDY, trials=20)

        assert [worker.exitcode for worker in workers] == [0, 0, 0]
        assert sorted(each.trial for each in log.results()) == list(range(20))
        assert log.best().trial == 19
        assert repo.variable_names("s", prefix="mipro/trial/") == []


def clock_of(file):
    return lambda: datetime.fromtimestamp(int(file.read_text("utf-8")), UTC)


def claim_and_pause(url, file, answers):
    with SessionRepository.open(url, clock=clock_of(file)) as repo:
        log = TrialLog(repo, "s", "mipro", **STUDY)
        trial = log.claim(lease=10)
        os.kill(os.getpid(), signal.SIGSTOP)
        try:
            log.record(trial, 0.9, "late")
        except LeaseLostError as error:
            answers.send(error)


@pytest.mark.slow
def test_a_process_that_was_paused_past_its_lease_is_refused(store_url, tmp_path):
    file = tmp_path / "clock"
    file.write_text("1000")
    with SessionRepository.open(store_url, migrate=True, clock=clock_of(file)) as repo:
        repo.create_session("s", ttl=None)
        context = multiprocessing.get_context("spawn")
        receiving, sending = context.Pipe(duplex=False)
        worker = context.Process(target=claim_and_pause, args=(store_url, file, sending))
        worker.start()
        assert os.WIFSTOPPED(os.waitpid(worker.pid, os.WUNTRACED)[1])

        file.write_text("1011")
        log = TrialLog(repo, "s", "mipro", **STUDY)
        taken = log.claim()
        log.record(taken, 0.5, "p")
        os.kill(worker.pid, signal.SIGCONT)
        refused = receiving.recv()
        worker.join(60)

        assert isinstance(refused, LeaseLostError)
        assert (int(taken), taken.attempt) == (0, 2)
        assert [each.score for each in log.results()] == [0.5]
