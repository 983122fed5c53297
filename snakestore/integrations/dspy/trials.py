"""An optimiser's progress: ``TrialLog``."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dspy

from snakestore.errors import ValidationError
from snakestore.integrations.dspy.callbacks import TrialCallback
from snakestore.integrations.dspy.capture import module_document
from snakestore.integrations.dspy.ledger import Ledger
from snakestore.integrations.dspy.paid import PaidLog
from snakestore.integrations.dspy.recorded import recorded_lm, recorded_metric
from snakestore.integrations.dspy.results import Trial, TrialResult, checked_score
from snakestore.integrations.dspy.secrets import refuse_secrets, without_secrets
from snakestore.integrations.dspy.study import Study
from snakestore.integrations.opening import Adapter, Handle, Store
from snakestore.program import Program


class TrialLog(Adapter):
    """The progress of an optimisation in a session: trials, their results, and checkpoints.

    Any number of processes may work on one study. A process that starts again with the same
    ``params``, ``dataset`` and ``seed`` resumes it. ``close`` keeps claims: they lapse with their
    lease.

    Results are the log ``STUDY/results``, candidates the programs ``STUDY/trial/NUMBER``, and the
    checkpoint the program ``STUDY/checkpoint``.

    Args:
        repo: a repository, which stays yours, or a path or URL, which ``close`` closes.
        sid: the session, which must exist. Give it a ttl that is longer than any pause.
        study: the name of the study in the session.
        params: the settings of the optimiser, as JSON. Include those that change the metric.
        dataset: the examples, of which a hash is stored, or a text that names them.
        seed: the optimiser's seed.
        trials: how many trials there are; None: as many as are claimed.
        lease: how many seconds a claim lasts, unless it is renewed.
        force: resume although ``params``, ``dataset`` or ``seed`` differ. The log
            ``STUDY/resumes`` records it. Answers that are stored stay.

    Raises:
        ResumeMismatchError: if the study was started with other ones.
        SessionNotFoundError: if there is no such session.
    """

    def __init__(  # noqa: PLR0913 - the last three are options
        self,
        repo: Store,
        sid: str,
        study: str,
        *,
        params: Any,
        dataset: Any,
        seed: Any,
        trials: int | None = None,
        lease: float = 300.0,
        force: bool = False,
    ) -> None:
        with contextlib.ExitStack() as on_failure:
            handle = Handle(repo)
            on_failure.callback(handle.close)
            names = Study(handle.repository, sid, study)
            names.start_or_resume(params, dataset, seed, force=force)
            on_failure.pop_all()
        self._handle = handle
        self._repository = handle.repository
        self._sid = sid
        self._names = names
        self._trials = trials
        self._lease = lease
        self._claims: dict[int, Trial] = {}
        self._callbacks: list[TrialCallback] = []
        self._ledger = Ledger(self._repository, sid, names)
        self._paid = PaidLog(self._repository, sid, names.paid)

    def __exit__(self, kind: object, error: object, trace: object, /) -> None:
        """Close it. Raise what a callback raised, which DSPy has only logged."""
        super().__exit__(kind, error, trace)
        for callback in self._callbacks:
            if callback.errors and error is None:
                raise callback.errors[0]

    # --- trials

    def claim(self, *, lease: float | None = None) -> Trial | None:
        """Claim a trial: one whose claim has lapsed, or else the next one.

        Of workers that claim at once, each gets another one.

        Args:
            lease: how many seconds the claim lasts; None: as the log says.

        Returns:
            The trial, an int; or None if all ``trials`` are claimed or recorded.
        """
        trial = self._ledger.claim(self._lease if lease is None else lease, self._trials)
        if trial is not None:
            self._claims[int(trial)] = trial
        return trial

    def renew(self, trial: Trial, *, lease: float | None = None) -> None:
        """Renew a claim, from now on.

        Raises:
            LeaseLostError: if it has lapsed.
        """
        self._ledger.renew(trial, self._lease if lease is None else lease)

    def record(
        self, trial: int, score: Any, candidate: Any, *, omit_secrets: bool = False
    ) -> TrialResult:
        """Record the result of a trial, once. Recording the same result again changes nothing.

        Args:
            trial: what ``claim`` returned, or the number of a trial without a claim.
            score: a number, which may be NaN or infinite, or None for a trial that failed.
            candidate: a JSON document or a ``dspy.Module``, which is stored as ``save_module``
                does.
            omit_secrets: leave LMs, keys and headers of the candidate out.

        Raises:
            LeaseLostError: if the claim has lapsed, so that another worker may have the trial.
            VariableLockedError: if another worker has claimed the trial.
            TrialRecordedError: if it has another result already.
            ValidationError: if the score is no number, the candidate is not JSON, or the trial is
                no number of one.
            SecretRefusedError: if the candidate holds an LM, a key or headers.
        """
        if not isinstance(trial, int) or isinstance(trial, bool) or trial < 0:
            message = "A trial is what claim() returned, or a number from 0."
            raise ValidationError(message, value=trial)
        held = trial if isinstance(trial, Trial) else self._claims.get(trial, trial)
        document = _candidate_document(candidate, omit_secrets=omit_secrets)
        return self._ledger.record(held, checked_score(score), document)

    def best(self) -> TrialResult | None:
        """The result with the highest score, of equal ones that of the lowest trial.

        Returns:
            The result with its candidate; None if there is no score that is a number.
        """
        ranked = [
            (result.score, -result.trial, result)
            for result in self.results()
            if result.score is not None and not math.isnan(result.score) and not result.partial
        ]
        if not ranked:
            return None
        best = max(ranked)[-1]
        return replace(best, candidate=self._repository.get_program(self._sid, best.program_id))

    def results(self) -> list[TrialResult]:
        """All results, in the order in which they were recorded, without candidates."""
        return self._ledger.results()

    # --- checkpoints

    def checkpoint(self, state: Any) -> Program:
        """Store the optimiser's own state, any JSON value, as a new version of one program."""
        refuse_secrets(state, "$", settings=False)
        return self._repository.put_program(self._sid, self._names.checkpoint, state)

    def last_checkpoint(self, default: Any = None) -> Any:
        """The state of the last checkpoint, or ``default``."""
        return self._repository.get_program(self._sid, self._names.checkpoint, default)

    # --- optimisers of DSPy

    def metric(self, metric: Callable[..., Any]) -> Callable[..., Any]:
        """The metric, whose results are stored: it is called once for each example and prediction.

        A change of its source counts as another metric.
        """
        return recorded_metric(metric, self._paid)

    def lm(self, lm: dspy.BaseLM) -> dspy.BaseLM:
        """A copy of the LM, whose answers are stored: each request is sent once.

        As in DSPy's own cache, ``rollout_id`` asks for another answer. Keys and headers are no
        part of what is stored.
        """
        return recorded_lm(lm, self._paid)

    def callback(self) -> TrialCallback:
        """A callback for ``dspy.context(callbacks=[...])``: each evaluation becomes a trial.

        MIPROv2, BootstrapFewShotWithRandomSearch and GEPA evaluate their candidates with
        ``dspy.Evaluate``, which calls it.
        """
        callback = TrialCallback(self._ledger)
        self._callbacks.append(callback)
        return callback


def _candidate_document(candidate: Any, *, omit_secrets: bool) -> Any:
    if isinstance(candidate, dspy.Module):
        return module_document(candidate, omit_secrets=omit_secrets)
    if omit_secrets:
        candidate = without_secrets(candidate, settings=False)
    refuse_secrets(candidate, "$", settings=False)
    return candidate
