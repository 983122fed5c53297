"""Trials and their results."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from numbers import Real
from typing import Any, Self

from snakestore.errors import ValidationError
from snakestore.log import LogEntry
from snakestore.types.jsonable import to_jsonable


class Trial(int):
    """A claimed trial: its number, from 0, with ``.attempt`` and ``.holder``.

    ``attempt`` is 1, or more if earlier claims lapsed. ``holder`` is the id of the lease.
    """

    attempt: int
    holder: str

    def __new__(cls, number: int, attempt: int, holder: str) -> Self:
        """A trial with this number."""
        trial = super().__new__(cls, number)
        trial.attempt = attempt
        trial.holder = holder
        return trial

    @property
    def number(self) -> int:
        """The number as a plain int."""
        return int(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle with all parts."""
        return type(self), (int(self), self.attempt, self.holder)

    def __str__(self) -> str:
        """The number."""
        return str(int(self))

    def __repr__(self) -> str:
        """The number and the attempt."""
        return f"Trial({int(self)}, attempt={self.attempt})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What was recorded of a trial.

    Attributes:
        trial: its number.
        attempt: which attempt it was, from 1.
        score: the score, which may be NaN or infinite; None if the trial failed.
        program_id: the program that holds the candidate.
        recorded_at: when, in UTC.
        candidate: the JSON document of the candidate; None in ``results()``, which reads no
            candidates.
        partial: whether it is of a part of the examples only, so that it is never the best.
        evaluation: the name of the evaluation that a callback recorded.
    """

    trial: int
    attempt: int
    score: float | None
    program_id: str
    recorded_at: datetime
    candidate: Any = None
    partial: bool = False
    evaluation: str | None = None


def checked_score(score: Any) -> float | None:
    """A score as a float. Metrics return bools and numbers of NumPy as well.

    Raises:
        ValidationError: if it is no number.
    """
    if score is None:
        return None
    if hasattr(score, "item") and not isinstance(score, Real):
        score = score.item()
    if not isinstance(score, Real):
        message = "A score is a number or None."
        raise ValidationError(message, value=score)
    return float(score)


def stored_score(score: float | None) -> float | str | None:
    """A score as JSON: NaN and infinities as text."""
    stored: float | str | None = to_jsonable("float", score)
    return stored


def loaded_score(stored: float | str | None) -> float | None:
    """A score from its JSON."""
    return None if stored is None else float(stored)


def result_of(entry: LogEntry) -> TrialResult:
    """The result that an entry of the log holds."""
    return TrialResult(
        trial=entry.value["trial"],
        attempt=entry.value["attempt"],
        score=loaded_score(entry.value["score"]),
        program_id=entry.value["program"],
        recorded_at=entry.created_at,
        partial=entry.value["partial"],
        evaluation=entry.value["evaluation"],
    )
