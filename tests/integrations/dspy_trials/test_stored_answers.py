"""Answers of metrics and language models are stored, and not asked for again."""

from __future__ import annotations

import asyncio
import copy
import math
import threading

import pytest

from snakestore import ValidationError

pytest.importorskip("dspy", reason="needs the extra dspy")

import dspy
from dspy.utils.dummies import DummyLM

from snakestore.integrations.dspy import TrialLog
from tests.integrations.dspy_trials.study import STUDY


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
