"""The transactions of a study: trials are claimed, opened and recorded."""

from __future__ import annotations

import threading
import uuid
from typing import Any

from snakestore.errors import LeaseLostError, VariableLockedError, VariableNotFoundError
from snakestore.integrations.dspy.errors import TrialRecordedError
from snakestore.integrations.dspy.results import (
    Trial,
    TrialResult,
    loaded_score,
    result_of,
    stored_score,
)
from snakestore.integrations.dspy.study import Study
from snakestore.integrations.dspy.tail import LogTail
from snakestore.program import Program
from snakestore.repository import SessionRepository
from snakestore.types.unchanged import UNCHANGED


class Ledger:
    """The trials of a study in its session."""

    def __init__(self, repository: SessionRepository, sid: str, names: Study) -> None:
        self._repository = repository
        self._sid = sid
        self._names = names
        self._tail = LogTail(repository, sid, names.results)
        self._results: list[TrialResult] = []
        self._reading = threading.Lock()

    def results(self) -> list[TrialResult]:
        """All results, in the order in which they were recorded, without candidates."""
        with self._reading:
            self._results += map(result_of, self._tail.new_entries())
            return list(self._results)

    def claim(self, lease: float, limit: int | None) -> Trial | None:
        """A trial whose claim has lapsed, or the next one below ``limit``, or None."""
        holder = f"{self._names.name[:200]}/{uuid.uuid4().hex}"
        pattern = self._names.trial_variables
        with self._repository.transaction() as tx:
            variable = tx.claim_variable(self._sid, pattern, holder, lease=lease)
            if variable is None:
                number = self._take_number(tx, limit)
                if number is None:
                    return None
                name = self._names.trial(number)
                tx.register_variable(self._sid, name, "integer", 0)
                variable = tx.start_optimization(self._sid, name, holder, lease=lease)
            attempt = variable.value + 1
            tx.update_variable(self._sid, variable.name, attempt, optimizer_id=holder)
        return Trial(self._names.number_of(variable.name), attempt, holder)

    def renew(self, trial: Trial, lease: float) -> None:
        """Renew a claim.

        Raises:
            LeaseLostError: if it has lapsed, or the trial has been recorded.
        """
        name = self._names.trial(trial)
        try:
            self._repository.renew_optimization(self._sid, name, trial.holder, lease=lease)
        except VariableNotFoundError as error:  # it has been recorded
            raise LeaseLostError(self._sid, name, None, None) from error

    def open_evaluation(self, key: str) -> Trial | None:
        """The trial of an evaluation, or None if it has been recorded.

        A process that starts again gets the trial that it had, as the next attempt.
        """
        name = self._names.evaluation(key)
        if any(result.evaluation == name for result in self.results()):
            return None
        with self._repository.transaction() as tx:
            tx.modify_variable(self._sid, self._names.next_trial, lambda _: UNCHANGED)  # locks
            opened = tx.get_variable(self._sid, name, None)
            if opened is None:
                number = self._take_number(tx, None)
                assert number is not None  # noqa: S101 - there is no limit
                tx.register_variable(self._sid, name, "json", [number, 1])
                return Trial(number, 1, name)
            number, attempt = opened.value
            tx.update_variable(self._sid, name, [number, attempt + 1])
            return Trial(number, attempt + 1, name)

    def record(
        self,
        trial: int,
        score: float | None,
        document: Any,
        *,
        evaluation: str | None = None,
        partial: bool = False,
    ) -> TrialResult:
        """Record a result; see ``TrialLog.record``.

        Args:
            trial: the claimed trial, or the number of one without a claim.
            score: the score.
            document: the candidate.
            evaluation: the name of the evaluation, if it is the trial of one.
            partial: whether it was on a part of the examples.
        """
        number = int(trial)
        name = self._names.trial(number)

        def beyond(following: int) -> Any:
            """The next number to claim: as it is, or the one after this trial's."""
            return UNCHANGED if number < following else number + 1

        with self._repository.transaction() as tx:
            # first, because it locks the session: no result can come between
            tx.modify_variable(self._sid, self._names.next_trial, beyond)
            if tx.has_program(self._sid, name):
                recorded = tx.get_program_record(self._sid, name)
                if evaluation is None:
                    self._check_same(trial, recorded, score, document)
                return _result(number, recorded)  # of two processes that evaluate, the first counts
            if evaluation is None:
                attempt = self._release(tx, trial)
            else:
                attempt = trial.attempt if isinstance(trial, Trial) else 1
                tx.delete_variable(self._sid, evaluation)
            facts = {"attempt": attempt, "score": stored_score(score)}
            program = tx.put_program(self._sid, name, document, metadata=facts)
            entry = facts | {"trial": number, "program": name, "partial": partial}
            tx.append_log(self._sid, self._names.results, [entry | {"evaluation": evaluation}])
        return _result(number, program)

    def _take_number(self, tx: SessionRepository, limit: int | None) -> int | None:
        """The next number below ``limit``, in the caller's transaction."""
        taken: int | None = None

        def advance(following: int) -> Any:
            """The number after the one that is taken; unchanged at the limit."""
            nonlocal taken
            taken = None if limit is not None and following >= limit else following
            return UNCHANGED if taken is None else following + 1

        tx.modify_variable(self._sid, self._names.next_trial, advance)
        return taken

    def _release(self, tx: SessionRepository, trial: int) -> int:
        """Delete the variable that was claimed for a trial; which attempt it was."""
        name = self._names.trial(trial)
        if not isinstance(trial, Trial):
            variable = tx.get_variable(self._sid, name, None)
            tx.delete_variable(self._sid, name)  # raises if another worker holds it
            return 1 if variable is None else max(variable.value, 1)
        try:
            held = tx.delete_variable(self._sid, name, optimizer_id=trial.holder)
        except VariableLockedError as error:
            raise LeaseLostError(self._sid, name, error.holder, error.expires_at) from error
        if not held:
            raise LeaseLostError(self._sid, name, None, None)
        return trial.attempt

    def _check_same(
        self, trial: int, recorded: Program, score: float | None, document: Any
    ) -> None:
        """Compare a result with the stored one.

        Raises:
            LeaseLostError: if it is that of another attempt.
            TrialRecordedError: if it is another one.
        """
        attempt = recorded.metadata["attempt"]
        if isinstance(trial, Trial) and trial.attempt != attempt:
            raise LeaseLostError(self._sid, recorded.id, None, None)
        if recorded.metadata["score"] != stored_score(score) or recorded.document != document:
            raise TrialRecordedError(self._names.name, int(trial), attempt)


def _result(number: int, program: Program) -> TrialResult:
    return TrialResult(
        trial=number,
        attempt=program.metadata["attempt"],
        score=loaded_score(program.metadata["score"]),
        program_id=program.id,
        recorded_at=program.last_updated_at,
        candidate=program.document,
    )
