"""A metric and an LM whose answers are stored, so that a crash does not make them cost twice."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any

import dspy

from snakestore.errors import ValidationError
from snakestore.integrations.dspy.fingerprint import code_of, fingerprint
from snakestore.integrations.dspy.paid import PaidLog
from snakestore.integrations.dspy.secrets import without_secrets
from snakestore.integrations.dspy.values import plain
from snakestore.types.documents import checked_document
from snakestore.types.jsonable import to_jsonable

logger = logging.getLogger("snakestore.integrations.dspy")


def recorded_metric(metric: Callable[..., Any], paid: PaidLog) -> Callable[..., Any]:
    """The metric, called once for equal arguments."""
    signature = inspect.signature(metric)
    code = code_of(metric)

    @functools.wraps(metric)
    def _recorded(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            key = "metric-" + fingerprint([code, bound.arguments])
        except ValidationError as error:
            _warn("call of the metric", error)
            return metric(*args, **kwargs)
        return _once(paid, key, lambda: metric(*args, **kwargs), _encoded, _decoded)

    return _recorded


def recorded_lm(lm: dspy.BaseLM, paid: PaidLog) -> dspy.BaseLM:
    """A copy of the LM that answers equal requests once. Copies of it do so too."""
    own: Any = type(lm)
    kind = _recorded_class(own)
    copied = kind.__new__(kind)
    vars(copied).update(vars(lm.copy()))
    copied.snakestore_paid = paid
    return copied


class _Recorded:
    """A mixin for classes of LMs: answers a request from the log, or else sends it.

    The subclass is made from the class of the LM, because DSPy looks at the class of an LM and at
    the methods that it overrides to choose how to call it.
    """

    snakestore_paid: PaidLog

    def __call__(self, prompt: Any = None, messages: Any = None, **kwargs: Any) -> Any:
        """The stored answer, or that of the LM."""
        ask = super().__call__  # type: ignore[misc] # of the class of the LM
        key = self._request_key(prompt, messages, kwargs)
        if key is None:
            return ask(prompt, messages=messages, **kwargs)
        return _once(
            self.snakestore_paid, key, lambda: ask(prompt, messages=messages, **kwargs), _storable
        )

    async def acall(self, prompt: Any = None, messages: Any = None, **kwargs: Any) -> Any:
        """The stored answer, or that of the LM. Equal requests at once may each be sent."""
        ask = super().acall  # type: ignore[misc]
        key = self._request_key(prompt, messages, kwargs)
        answer = None if key is None else self.snakestore_paid.find(key, None)
        if answer is None:
            answer = await ask(prompt, messages=messages, **kwargs)
            if key is not None:
                _store(self.snakestore_paid, key, answer)
        return answer

    def _request_key(self, prompt: Any, messages: Any, kwargs: dict[str, Any]) -> str | None:
        """The hash of a request; None for one that is not recorded."""
        if "request" in kwargs or not isinstance(prompt, str | None):
            return None  # a typed request has a typed response
        own: Any = self
        settings = without_secrets({**own.kwargs, **kwargs}, settings=True)
        return "lm-" + fingerprint([own.model, own.model_type, prompt, messages, settings])


def _once(
    paid: PaidLog,
    key: str,
    pay: Callable[[], Any],
    encode: Callable[[Any], Any],
    decode: Callable[[Any], Any] = lambda stored: stored,
) -> Any:
    """The stored answer, or that of ``pay``. One that cannot be stored is returned all the same."""
    answers: list[Any] = []

    def _pay_and_encode() -> Any:
        answers.append(pay())
        return encode(answers[0])

    try:
        return decode(paid.once(key, _pay_and_encode))
    except ValidationError as error:
        if not answers:
            raise
        _warn("answer", error)
        return answers[0]


def _store(paid: PaidLog, key: str, answer: Any) -> None:
    """Store the answer of an LM, if that is possible."""
    try:
        paid.store(key, _storable(answer))
    except ValidationError as error:
        _warn("answer of the LM", error)


def _warn(what: str, error: ValidationError) -> None:
    """Log that something is not recorded, and where in it the reason is. No value is logged."""
    where = error.path or "$"
    logger.warning("This %s is not recorded: %s at %s", what, type(error).__name__, where)


@functools.cache
def _recorded_class(kind: Any) -> Any:
    """The subclass of a class of LM that has ``_Recorded`` before it."""
    if issubclass(kind, _Recorded):
        return kind
    return type(f"Recorded{kind.__name__}", (_Recorded, kind), {"__module__": kind.__module__})


def _storable(outputs: Any) -> Any:
    """The outputs of an LM as JSON; the adapters of DSPy take this form too."""
    return checked_document(plain(outputs, "$"), "outputs of an LM")


def _encoded(value: Any) -> Any:
    """What a metric returned, as JSON: {"value": ...}, {"float": ...} or {"prediction": ...}."""
    if hasattr(value, "item") and not isinstance(value, dspy.Example | dict):
        value = value.item()  # a number of NumPy
    if isinstance(value, float):
        return {"float": to_jsonable("float", float(value))}
    if isinstance(value, dspy.Example):
        fields = value.items(include_dspy=True)
        return {"prediction": {name: _encoded(item) for name, item in fields}}
    return {"value": checked_document(plain(value, "$"), "result of a metric")}


def _decoded(stored: dict[str, Any]) -> Any:
    if "float" in stored:
        return float(stored["float"])
    if "prediction" in stored:
        fields = {name: _decoded(item) for name, item in stored["prediction"].items()}
        return dspy.Prediction(**fields)
    return stored["value"]
