"""TrialLog: trials are claimed and recorded once, and a study is resumed."""

from __future__ import annotations

import asyncio
import copy
import math
import multiprocessing
import os
import pickle
import signal
import threading
from datetime import UTC, datetime, timedelta

import pytest

from snakestore import (
    InvalidNameError,
    LeaseLostError,
    SessionNotFoundError,
    SessionRepository,
    ValidationError,
    VariableLockedError,
)

dspy = pytest.importorskip("dspy", reason="needs the extra dspy")

from dspy.utils.dummies import DummyLM  # noqa: E402 - after the skip

from snakestore.integrations.dspy import (  # noqa: E402
    ResumeMismatchError,
    SecretRefusedError,
    TrialLog,
    TrialRecordedError,
    load_module,
)
from snakestore.integrations.opening import Handle  # noqa: E402

STUDY = {"params": {"n": 3}, "dataset": [dspy.Example(q="1", a="2").with_inputs("q")], "seed": 9}


class Clock:
    def __init__(self):
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def repo(store_url, clock):
    with SessionRepository.open(store_url, migrate=True, clock=clock, default_ttl=None) as repo:
        repo.create_session("s")
        yield repo


@pytest.fixture
def log(repo):
    return TrialLog(repo, "s", "mipro", **STUDY)


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


def pickled(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own


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


@pytest.mark.parametrize("trial", [-1, "0", 1.0, True, None])
def test_what_is_no_trial_is_refused(log, trial):
    with pytest.raises(ValidationError):
        log.record(trial, 0.5, "p")


@pytest.mark.parametrize("name", ["", "a*", "x" * 151, 7])
def test_what_is_no_name_of_a_study_is_refused(repo, name):
    with pytest.raises(InvalidNameError):
        TrialLog(repo, "s", name, **STUDY)


# --- answers that are stored


def counted(function):
    """The function, and the list of its calls."""
    calls = []

    def counting(*args):
        calls.append(args)
        return function(*args)

    return counting, calls


def test_a_metric_is_called_once_for_equal_arguments(log, repo):
    counting, calls = counted(lambda example, prediction: example.a == prediction.a)
    metric = log.metric(lambda example, prediction, trace=None: counting(example, prediction))
    example = dspy.Example(q="1", a="2").with_inputs("q")

    first = metric(example, dspy.Prediction(a="2"))
    again = metric(example, dspy.Prediction(a="2"), trace=None)
    other = metric(example, dspy.Prediction(a="3"))

    assert (first, again, other, len(calls)) == (True, True, False, 2)


@pytest.mark.parametrize(
    "result",
    [
        1,
        0.25,
        math.inf,
        True,
        None,
        "text",
        {"score": [1]},
        dspy.Prediction(score=0.5, feedback="f"),
    ],
    ids=repr,
)
def test_a_stored_result_of_a_metric_comes_back_as_what_it_was(log, repo, result):
    def metric(example, prediction):
        return result

    first = log.metric(metric)(dspy.Example(q=1), dspy.Prediction(a=2))
    again = TrialLog(repo, "s", "mipro", **STUDY).metric(metric)(
        dspy.Example(q=1), dspy.Prediction(a=2)
    )

    for each in (first, again):
        assert type(each) is type(result)
        assert each == result or dict(each) == dict(result)


def test_a_nan_of_a_metric_and_numbers_of_numpy_are_stored(log):
    numpy = pytest.importorskip("numpy")

    nan = log.metric(lambda example: math.nan)(dspy.Example(q=1))
    number = log.metric(lambda example: numpy.float32(0.5))(dspy.Example(q=1))

    assert math.isnan(nan)
    assert (number, type(number)) == (0.5, float)


def test_metrics_that_differ_in_what_they_close_over_are_apart(log):
    def at_least(threshold):
        return lambda example: example.q >= threshold

    results = [log.metric(at_least(threshold))(dspy.Example(q=2)) for threshold in (1, 3)]

    assert results == [True, False]


def test_a_metric_that_fails_is_called_again(log):
    counting, calls = counted(lambda example: 1 / (len(calls) - 1))
    metric = log.metric(counting)

    with pytest.raises(ZeroDivisionError):
        metric(dspy.Example(q=1))

    assert metric(dspy.Example(q=1)) == 1.0


def test_arguments_that_cannot_be_recognised_again_are_passed_on(log, caplog):
    counting, calls = counted(lambda example: 1.0)
    metric = log.metric(counting)
    example = dspy.Example(q=object())

    results = [metric(example), metric(example)]

    assert (results, len(calls)) == ([1.0, 1.0], 2)
    assert "This call of the metric is not recorded: ValidationError at $" in caplog.text


def test_a_result_that_cannot_be_stored_is_not_lost(log, caplog):
    result = object()

    assert log.metric(lambda example: result)(dspy.Example(q=1)) is result
    assert "This answer is not recorded: ValidationError at $" in caplog.text


def test_a_log_record_about_what_is_not_recorded_has_no_value(log, caplog):
    result = {"secret": "swordfish" + chr(0xD800)}

    log.metric(lambda example: result)(dspy.Example(q=1))

    assert "ValidationError at $.secret" in caplog.text
    assert "swordfish" not in caplog.text


def test_an_lm_is_asked_once_for_equal_requests(log, repo):
    predict = dspy.Predict("q -> a")
    answers = [{"a": "1"}, {"a": "2"}, {"a": "3"}]
    with dspy.context(lm=log.lm(DummyLM(answers))):
        first = [predict(q="x").a, predict(q="x").a, predict(q="y").a]
        rollout = predict(q="x", config={"rollout_id": 1, "temperature": 1.0}).a
    with dspy.context(lm=TrialLog(repo, "s", "mipro", **STUDY).lm(DummyLM([]))):
        again = [predict(q="x").a, predict(q="y").a]
        awaited = asyncio.run(predict.acall(q="x")).a

    assert (first, rollout) == (["1", "1", "2"], "3")
    assert (again, awaited) == (["1", "2"], "1")


def test_keys_are_no_part_of_what_is_stored(log, repo):
    lm = DummyLM([{"a": "1"}])
    lm.kwargs |= {"api_key": "sk-secret", "extra_headers": {"X": "sk-secret"}}
    with dspy.context(lm=log.lm(lm)):
        dspy.Predict("q -> a")(q="x")

    assert "sk-secret" not in repr(list(repo.export_sessions()))


def test_threads_with_one_request_ask_once(log):
    asked, go = [], threading.Event()

    def slow(example):
        asked.append(example)
        go.wait(20)
        return 1.0

    metric = log.metric(slow)
    threads = [threading.Thread(target=metric, args=(dspy.Example(q=1),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(20)

    assert len(asked) == 1


def test_an_lm_that_is_recorded_stays_what_it_was(log):
    lm = DummyLM([{"a": "1"}])

    recorded = log.lm(lm)
    copied = copy.deepcopy(recorded)

    assert isinstance(recorded, DummyLM)
    assert isinstance(recorded.copy(temperature=1.0), type(recorded))
    assert copied.snakestore_paid is recorded.snakestore_paid
    assert type(log.lm(recorded)) is type(recorded)
    assert lm.history == []


def test_what_a_callback_raises_is_raised_at_the_end_of_the_block(store_url, repo):
    predict = dspy.Predict("q -> a")
    predict.demos = [{"q": object()}]

    with (
        pytest.raises(ValidationError),
        TrialLog(store_url, "s", "mipro", **STUDY) as log,
        dspy.context(lm=DummyLM([{"a": "2"}]), callbacks=[log.callback()]),
    ):
        evaluate = dspy.Evaluate(devset=STUDY["dataset"], metric=lambda *_: 1.0, num_threads=1)
        evaluate(predict)


def test_what_a_block_raises_comes_before_what_its_callbacks_raised(store_url, repo):
    with pytest.raises(KeyError), TrialLog(store_url, "s", "mipro", **STUDY) as log:
        log.callback().errors.append(ValidationError("of a callback"))
        raise KeyError


@pytest.mark.parametrize(
    "metadata", [{"metric_key": "eval_minibatch"}, {"disable_logging": True}, {}]
)
def test_an_evaluation_of_a_part_of_the_examples_is_partial(log, metadata):
    callback = log.callback()
    inputs = {
        "program": dspy.Predict("q -> a"),
        "devset": STUDY["dataset"],
        "callback_metadata": metadata,
    }

    callback.on_evaluate_start("call", None, inputs)
    callback.on_evaluate_end("call", 0.5)

    (result,) = log.results()
    assert result.partial is bool(metadata)
    assert (log.best() is None) is bool(metadata)
