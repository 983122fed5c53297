"""The log of a study: its entries, and the trials that they make.

Each change of a trial is one entry. Reading the entries in order gives the trials, in every process
the same. An entry can be refused when it is read, such as a parameter of a trial that another
process has finished in between. It then changes nothing, and the call that wrote it raises the
refusal.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Container, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar, TypeAlias

from optuna.distributions import (
    BaseDistribution,
    check_distribution_compatibility,
    distribution_to_json,
    json_to_distribution,
)
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from snakestore.errors import StoreError

Entry: TypeAlias = dict[str, Any]

TRIALS_PER_STUDY = 10**9
"""The id of a trial is the id of its study times this, plus the number of the trial."""


# --- writing entries


def created(template: FrozenTrial | None, now: datetime) -> Entry:
    """A new trial: running since ``now``, or as the template is."""
    if template is None:
        return {"op": "create", "state": TrialState.RUNNING.name, "start": _time_text(now)}
    return {
        "op": "create",
        "state": template.state.name,
        "start": _time_text(template.datetime_start),
        "complete": _time_text(template.datetime_complete),
        "values": _numbers(template.values),
        "params": {
            name: {
                "value": _number(template.distributions[name].to_internal_repr(value)),
                "distribution": distribution_to_json(template.distributions[name]),
            }
            for name, value in template.params.items()
        },
        "user_attrs": {key: json.dumps(value) for key, value in template.user_attrs.items()},
        "system_attrs": {key: json.dumps(value) for key, value in template.system_attrs.items()},
        "intermediate": [
            {"step": int(step), "value": _number(value)}
            for step, value in template.intermediate_values.items()
        ],
    }


def parameter(number: int, name: str, value: float, distribution: BaseDistribution) -> Entry:
    """A parameter of a trial, in its internal representation."""
    return {
        "op": "param",
        "trial": number,
        "name": name,
        "value": _number(value),
        "distribution": distribution_to_json(distribution),
    }


def state(
    number: int, new_state: TrialState, values: Sequence[float] | None, now: datetime
) -> Entry:
    """A trial's new state and values."""
    return {
        "op": "state",
        "trial": number,
        "state": new_state.name,
        "values": _numbers(values),
        "time": _time_text(now),
    }


def report(number: int, step: int, value: float) -> Entry:
    """An intermediate value of a trial."""
    return {"op": "report", "trial": number, "step": int(step), "value": _number(value)}


def attribute(kind: str, number: int, key: str, value: Any) -> Entry:
    """An attribute of a trial, as JSON text, which may have NaN; ``kind`` is user or system."""
    return {"op": f"{kind}_attr", "trial": number, "key": key, "value": json.dumps(value)}


def _number(value: float) -> float | str:
    """A float for JSON, which has no NaN and no infinities: as text, which ``float`` reads."""
    number = float(value)
    return number if math.isfinite(number) else str(number)


def _numbers(values: Sequence[float] | None) -> list[float | str] | None:
    return None if values is None else [_number(value) for value in values]


def _time_text(time: datetime | None) -> str | None:
    """A naive local time, as Optuna has them, as text in UTC."""
    return None if time is None else time.astimezone(UTC).isoformat()


# --- reading them


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    return datetime.fromisoformat(text).astimezone().replace(tzinfo=None)


def _floats(values: Sequence[float | str] | None) -> list[float] | None:
    return None if values is None else [float(value) for value in values]


@lru_cache(maxsize=1024)
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)


class Trials:
    """The trials of a study, as far as its log was read.

    Attributes:
        length: how many entries were read.
        all: the trials in order of their numbers. A change replaces the object.
        unfinished: those that are waiting or running, by number.
    """

    def __init__(self, study_id: int) -> None:
        self.study_id = study_id
        self.length = 0
        self.all: list[FrozenTrial] = []
        self.unfinished: dict[int, FrozenTrial] = {}
        self._distributions: dict[str, BaseDistribution] = {}

    def in_states(self, states: Container[TrialState] | None) -> list[FrozenTrial]:
        """The trials in these states, in order; None: all."""
        if states is None:
            return list(self.all)
        if any(each in states for each in TrialState if each.is_finished()):
            return [trial for trial in self.all if trial.state in states]
        unfinished = sorted(self.unfinished.items())
        return [trial for _, trial in unfinished if trial.state in states]

    def refusal(self, entry: Entry) -> Exception | None:
        """Why the trials refuse an entry; None if they do not."""
        if entry["op"] == "create":
            given = entry.get("params", {})
            refusals = (self._incompatible(name, each) for name, each in given.items())
            return next((each for each in refusals if each is not None), None)
        number = entry["trial"]
        if number >= len(self.all):
            return KeyError(f"study {self.study_id} has no trial {number}")
        if number not in self.unfinished:
            return UpdateFinishedTrialError(
                f"Trial#{number} has already finished and can not be updated."
            )
        return self._incompatible(entry["name"], entry) if entry["op"] == "param" else None

    def _incompatible(self, name: str, given: Mapping[str, Any]) -> Exception | None:
        first, new = self._distributions.get(name), _distribution(given["distribution"])
        if first is None or first is new:
            return None
        try:
            check_distribution_compatibility(first, new)
        except ValueError as error:
            return error
        return None

    def apply(self, entry: Entry) -> Any:
        """Apply the next entry of the log.

        Returns:
            The number of a new trial; whether a state has changed; or the refusal.

        Raises:
            StoreError: a newer snakestore wrote the entry.
        """
        change = self._CHANGES.get(entry["op"])
        if change is None:
            message = (
                f"study {self.study_id}: entry {self.length} of its log is a {entry['op']!r}, which"
                " this snakestore does not know. Install the version that wrote it."
            )
            raise StoreError(message)
        refusal = self.refusal(entry)
        self.length += 1
        if refusal is not None:
            return refusal
        return change(self, entry)

    # --- one method for each kind of entry

    def _create(self, entry: Entry) -> int:
        number = len(self.all)
        trial = FrozenTrial(
            number=number,
            trial_id=self.study_id * TRIALS_PER_STUDY + number,
            state=TrialState[entry["state"]],
            value=None,
            values=_floats(entry.get("values")),
            datetime_start=_time(entry["start"]),
            datetime_complete=_time(entry.get("complete")),
            params={},
            distributions={},
            user_attrs=_decoded(entry.get("user_attrs", {})),
            system_attrs=_decoded(entry.get("system_attrs", {})),
            intermediate_values={
                each["step"]: float(each["value"]) for each in entry.get("intermediate", [])
            },
        )
        for name, given in entry.get("params", {}).items():
            self._give(trial, name, given)
        self.all.append(trial)
        self._replace(trial)
        return number

    def _param(self, entry: Entry) -> None:
        trial = self._copy(entry)
        trial.params, trial.distributions = dict(trial.params), dict(trial.distributions)
        self._give(trial, entry["name"], entry)
        self._replace(trial)

    def _state(self, entry: Entry) -> bool:
        new, time = TrialState[entry["state"]], _time(entry["time"])
        trial = self._copy(entry)
        if new == TrialState.RUNNING and trial.state != TrialState.WAITING:
            return False
        trial.state = new
        if entry["values"] is not None:
            trial.values = _floats(entry["values"])
        if new == TrialState.RUNNING:
            trial.datetime_start = time
        if new.is_finished():
            trial.datetime_complete = time
        self._replace(trial)
        return True

    def _report(self, entry: Entry) -> None:
        trial = self._copy(entry)
        trial.intermediate_values = trial.intermediate_values | {
            entry["step"]: float(entry["value"])
        }
        self._replace(trial)

    def _attribute(self, entry: Entry) -> None:
        trial, name = self._copy(entry), f"{entry['op']}s"
        changed = getattr(trial, name) | {entry["key"]: json.loads(entry["value"])}
        setattr(trial, name, changed)
        self._replace(trial)

    _CHANGES: ClassVar[dict[str, Callable[[Trials, Entry], Any]]] = {
        "create": _create,
        "param": _param,
        "state": _state,
        "report": _report,
        "user_attr": _attribute,
        "system_attr": _attribute,
    }
    """How each kind of entry is applied, by its ``op``."""

    def _copy(self, entry: Entry) -> FrozenTrial:
        return copy.copy(self.all[entry["trial"]])

    def _give(self, trial: FrozenTrial, name: str, given: Mapping[str, Any]) -> None:
        distribution = _distribution(given["distribution"])
        trial.params[name] = distribution.to_external_repr(float(given["value"]))
        trial.distributions[name] = distribution
        self._distributions.setdefault(name, distribution)

    def _replace(self, trial: FrozenTrial) -> None:
        self.all[trial.number] = trial
        if trial.state.is_finished():
            self.unfinished.pop(trial.number, None)
        else:
            self.unfinished[trial.number] = trial


def own_copy(trial: FrozenTrial) -> FrozenTrial:
    """A trial that Optuna may change, as it changes the one that it runs."""
    if trial.state.is_finished():
        return trial
    own = copy.copy(trial)
    own.params, own.distributions = dict(trial.params), dict(trial.distributions)
    own.user_attrs = dict(trial.user_attrs)
    own.system_attrs = dict(trial.system_attrs)
    own.intermediate_values = dict(trial.intermediate_values)
    return own


def _decoded(attributes: Mapping[str, str]) -> dict[str, Any]:
    return {key: json.loads(value) for key, value in attributes.items()}
