"""TrialLog: trials are recorded once, and a study is resumed."""

from __future__ import annotations

import copy
import math

import pytest

from snakestore import InvalidNameError, SessionNotFoundError, ValidationError

pytest.importorskip("dspy", reason="needs the extra dspy")

import dspy

from snakestore.integrations.dspy import (
    ResumeMismatchError,
    SecretRefusedError,
    TrialLog,
    TrialRecordedError,
    load_module,
)
from tests.integrations.dspy_trials.study import STUDY, pickled


def test_trials_are_claimed_in_order_and_recorded_once(log):
    trials = [log.claim() for _ in range(3)]
    for trial in trials:
        log.record(trial, trial / 10, {"prompt": f"p{trial}"})

    assert trials == [0, 1, 2]
    assert [trial.attempt for trial in trials] == [1, 1, 1]
    assert [(each.trial, each.score) for each in log.results()] == [(0, 0.0), (1, 0.1), (2, 0.2)]
    assert log.best().candidate == {"prompt": "p2"}


def test_recording_the_same_result_again_changes_nothing(log, repo):
    trial = log.claim()
    first = log.record(trial, 0.5, {"prompt": "p"})

    again = log.record(trial, 0.5, {"prompt": "p"})

    assert again == first
    assert repo.log_length("s", "mipro/results") == 1


def test_another_result_of_the_same_attempt_is_refused(log):
    trial = log.claim()
    log.record(trial, 0.5, {"prompt": "p"})

    with pytest.raises(TrialRecordedError) as refused:
        log.record(trial, 0.6, {"prompt": "p"})

    assert (refused.value.study, refused.value.trial, refused.value.attempt) == ("mipro", 0, 1)
    assert log.best().score == 0.5


def test_numbers_that_nobody_claimed_can_be_recorded(log):
    log.record(4, 0.4, "p4")
    log.record(1, 0.1, "p1")

    assert log.best().trial == 4
    assert log.claim() == 5


def test_best_is_never_nan_and_of_equal_scores_that_of_the_lowest_trial(log):
    assert log.best() is None
    for number, score in [(5, math.nan), (3, 0.7), (2, None), (1, 0.7), (4, -math.inf), (0, 0.1)]:
        log.record(number, score, {"number": number})

    best = log.best()

    assert (best.trial, best.score, best.candidate) == (1, 0.7, {"number": 1})
    scores = {each.trial: each.score for each in log.results()}
    assert math.isnan(scores[5])
    assert (scores[2], scores[4]) == (None, -math.inf)
    assert log.record(5, math.nan, {"number": 5}).trial == 5  # the same result


def test_infinity_is_a_score(log):
    log.record(0, 1e308, "a")
    log.record(1, math.inf, "b")

    assert log.best().trial == 1


def test_scores_may_be_bools_and_numbers_of_numpy(log):
    numpy = pytest.importorskip("numpy")

    scores = [True, numpy.float32(0.5), numpy.int64(2), numpy.bool_(False)]
    recorded = [log.record(number, score, None).score for number, score in enumerate(scores)]

    assert recorded == [1.0, 0.5, 2.0, 0.0]


@pytest.mark.parametrize("score", ["0.5", [1], 1j])
def test_a_score_that_is_no_number_is_refused(log, score):
    with pytest.raises(ValidationError):
        log.record(0, score, None)

    assert log.results() == []


def test_a_module_is_a_candidate_that_can_be_loaded(log, repo):
    module = dspy.Predict("q -> r", temperature=0.5)
    module.demos = [{"q": "1", "r": "2"}]
    log.record(0, 1.0, module)

    loaded = dspy.Predict("q -> r")
    load_module(repo, "s", log.best().program_id, loaded)

    assert (loaded.demos, loaded.config) == (module.demos, module.config)


def test_a_candidate_with_a_key_is_refused_and_the_trial_stays_claimed(log):
    trial = log.claim()

    with pytest.raises(SecretRefusedError) as refused:
        log.record(trial, 1.0, {"lm": {"api_key": "sk-x"}})

    assert refused.value.path == "$.lm.api_key"
    assert log.record(trial, 1.0, {}).trial == 0


def test_another_process_of_the_study_sees_what_was_recorded(log, repo):
    other = TrialLog(repo, "s", "mipro", **copy.deepcopy(STUDY))
    other.results()
    log.record(log.claim(), 0.5, "p")

    assert other.best() == log.best()
    assert other.claim() == 1


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"params": {"n": 4}}, "params"),
        ({"dataset": [dspy.Example(q="1", a="2")]}, "dataset"),
        ({"dataset": [*STUDY["dataset"] * 2]}, "dataset"),
        ({"seed": 10}, "seed"),
    ],
)
def test_other_params_dataset_or_seed_are_refused_unless_forced(log, repo, change, name):
    log.record(log.claim(), 0.5, "p")

    with pytest.raises(ResumeMismatchError, match=f"with other values \\({name}: ") as refused:
        TrialLog(repo, "s", "mipro", **STUDY | change)
    forced = TrialLog(repo, "s", "mipro", **STUDY | change, force=True)

    assert list(refused.value.differences) == [name]
    assert pickled(refused.value).study == "mipro"
    assert forced.best().score == 0.5
    (resume,) = repo.read_log("s", "mipro/resumes")
    assert list(resume.value) == [name]
    assert set(resume.value[name]) == {"was", "is"}
    TrialLog(repo, "s", "mipro", **STUDY | change)
    with pytest.raises(ResumeMismatchError):
        TrialLog(repo, "s", "mipro", **STUDY)


def test_studies_of_one_session_are_apart(log, repo):
    log.record(log.claim(), 0.5, "p")
    other = TrialLog(repo, "s", "mipro2", params=None, dataset="squad", seed=None)

    assert other.best() is None
    assert other.claim() == 0


def test_checkpoints_are_versions_of_one_program(log, repo):
    assert log.last_checkpoint("none") == "none"
    log.checkpoint({"step": 1})
    second = log.checkpoint({"step": 2})

    assert second.version == 1
    assert TrialLog(repo, "s", "mipro", **STUDY).last_checkpoint() == {"step": 2}
    assert repo.get_program_version("s", second.id, 0).document == {"step": 1}


def test_a_path_or_url_is_opened_and_closed(store_url, repo):
    with TrialLog(store_url, "s", "mipro", **STUDY) as log:
        log.record(log.claim(), 0.5, "p")
        inside = log._repository

    assert TrialLog(repo, "s", "mipro", **STUDY).best().score == 0.5
    with pytest.raises(Exception, match="closed"):
        inside.session_exists("s")


def test_what_was_opened_is_closed_if_the_study_is_refused(store_url, repo):
    TrialLog(repo, "s", "mipro", **STUDY)

    with pytest.raises(ResumeMismatchError):
        TrialLog(store_url, "s", "mipro", **STUDY | {"seed": 1})
    with pytest.raises(SessionNotFoundError):
        TrialLog(store_url, "none", "mipro", **STUDY)
    with pytest.raises(InvalidNameError):
        TrialLog(repo, "s", "mipro*", **STUDY)
    with pytest.raises(SecretRefusedError):
        TrialLog(repo, "s", "x", params={"lm": {"headers": {}}}, dataset="d", seed=1)


@pytest.mark.parametrize("trial", [-1, "0", 1.0, True, None])
def test_what_is_no_trial_is_refused(log, trial):
    with pytest.raises(ValidationError):
        log.record(trial, 0.5, "p")


@pytest.mark.parametrize("name", ["", "a*", "x" * 151, 7])
def test_what_is_no_name_of_a_study_is_refused(repo, name):
    with pytest.raises(InvalidNameError):
        TrialLog(repo, "s", name, **STUDY)
