"""The results, for the table, the page and JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.implementations import Kind
from benchmarks.row import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One implementation in one row."""

    implementation: str
    kind: Kind
    microseconds: float  # per call: the median, or the worst if the row says so
    ratio: float | None = (
        None  # to the base of the row, the median of the rounds; None without a base
    )
    low: float | None = None  # the quartiles of the rounds' ratios
    high: float | None = None
    target: Target | None = None
    unequal: str = ""
    count: float | None = None  # instead of a time, in rows that count

    @property
    def measured(self) -> float | None:
        """The figure that is compared with the target."""
        if self.target is None or self.target.unit == "ratio":
            return self.ratio
        return self.microseconds / 1000 if self.target.unit == "ms" else self.count

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        return (
            None
            if self.target is None or self.measured is None
            else self.measured <= self.target.at_most
        )

    @property
    def reached(self) -> bool | None:
        """Whether the stretch target is met; None without one."""
        return (
            None
            if self.target is None or self.target.reach is None or self.measured is None
            else self.measured <= self.target.reach
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """One row with all implementations."""

    key: str
    title: str
    base: str
    note: str
    timings: Sequence[Timing]
    absent: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The results of one run."""

    machine: dict[str, str]
    mode: str
    results: list[RowResult] = field(default_factory=list)
    absent: dict[str, str] = field(
        default_factory=dict
    )  # implementations that were not available, and why
    failed: dict[str, str] = field(
        default_factory=dict
    )  # implementations that failed, and the error
    unequal: dict[str, str] = field(
        default_factory=dict
    )  # implementations whose work differs, and how


def compared(samples: Sequence[float], base: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile of the ratios, each taken within one round."""
    ratios = [sample / reference for sample, reference in zip(samples, base, strict=True)]
    if len(ratios) == 1:
        return ratios[0], ratios[0], ratios[0]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return low, middle, high
