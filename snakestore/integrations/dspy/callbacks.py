"""A callback of DSPy that turns each evaluation of an optimiser into a trial."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from dspy.utils.callback import BaseCallback

from snakestore.integrations.dspy.capture import module_document
from snakestore.integrations.dspy.fingerprint import fingerprint
from snakestore.integrations.dspy.ledger import Ledger
from snakestore.integrations.dspy.results import Trial, checked_score


class TrialCallback(BaseCallback):  # type: ignore[misc] # of DSPy, which may not be installed
    """Records each ``dspy.Evaluate`` call. An evaluation that was recorded before is left alone.

    An evaluation is recognised by the program and the examples, so a run that starts again counts
    none twice. Those of a part of the examples are recorded as ``partial``.

    DSPy logs what a callback raises and goes on. ``errors`` has these exceptions.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.errors: list[Exception] = []
        self._ledger = ledger
        self._running: dict[str, tuple[Trial, Any, bool]] = {}
        self._seen: Counter[str] = Counter()
        self._counting = threading.Lock()

    def on_evaluate_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """Begin a trial."""
        with self._keeping_errors():
            candidate = module_document(inputs["program"], omit_secrets=True)
            examples = inputs.get("devset") or instance.devset
            key = self._key(candidate, examples)
            trial = self._ledger.open_evaluation(key)
        if trial is not None:
            metadata = inputs.get("callback_metadata") or {}
            partial = (
                metadata.get("metric_key") == "eval_minibatch" or "disable_logging" in metadata
            )
            self._running[call_id] = trial, candidate, partial

    def on_evaluate_end(
        self, call_id: str, outputs: Any | None, exception: BaseException | None = None
    ) -> None:
        """Record its result. An evaluation that failed stays open."""
        running = self._running.pop(call_id, None)
        if running is None or exception is not None or outputs is None:
            return
        trial, candidate, partial = running
        with self._keeping_errors():
            score = checked_score(getattr(outputs, "score", outputs))
            self._ledger.record(trial, score, candidate, evaluation=trial.holder, partial=partial)

    @contextlib.contextmanager
    def _keeping_errors(self) -> Iterator[None]:
        """Add an exception of the block to ``errors``, and raise it."""
        try:
            yield
        except Exception as error:
            self.errors.append(error)
            raise

    def _key(self, candidate: dict[str, Any], examples: Any) -> str:
        """The hash of an evaluation, and how often this run has made it before."""
        parts = {name: candidate[name] for name in ("state", "parameters")}
        key = fingerprint([parts, list(examples)])
        with self._counting:
            number = self._seen[key]
            self._seen[key] += 1
        return f"{key}-{number}"
