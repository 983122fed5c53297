"""The methods that Optuna calls."""

from __future__ import annotations

import copy
import os
import uuid
from collections.abc import Callable, Container, Sequence
from datetime import datetime
from typing import Any, Self, TypeAlias

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.storages._base import DEFAULT_STUDY_NAME_PREFIX
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.study import Study, StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from snakestore.integrations.opening import Adapter, Handle, Store
from snakestore.integrations.optuna import entries
from snakestore.integrations.optuna.entries import TRIALS_PER_STUDY
from snakestore.integrations.optuna.studies import (
    Studies,
    StudyLog,
    directions_of,
    heartbeat,
    session_id,
)
from snakestore.repository import SessionRepository

StaleTrialCallback: TypeAlias = Callable[[Study, FrozenTrial], None]


class SnakestoreStorage(Adapter, BaseStorage, BaseHeartbeat):
    """A storage of Optuna. Studies are sessions that never expire, trials are entries of a log.

    Each process keeps the trials in memory. Returning all of them to a sampler reads only the
    entries that were appended to the log since. A write is one append.

    With ``heartbeat_interval``, a running trial holds a lease while its process lives. A trial
    whose lease has run out fails when the next trial is asked for, and
    ``RetryHeartbeatStaleTrialCallback`` (before Optuna 4.9: ``RetryFailedTrialCallback``) queues it
    again. Later writes of a process that was only slow are refused.

    Threads may share it. Pickling opens the same store anew, so it needs a path or URL.
    """

    def __init__(
        self,
        repo: Store,
        *,
        heartbeat_interval: int | None = None,
        grace_period: int | None = None,
        heartbeat_stale_trial_callback: StaleTrialCallback | None = None,
        failed_trial_callback: StaleTrialCallback | None = None,
    ) -> None:
        """Use a repository or open one. The keyword arguments are those of Optuna's ``RDBStorage``.

        Args:
            repo: a repository, which stays the caller's, or a path or URL.
            heartbeat_interval: seconds between two renewals of a trial's lease; None: no leases.
            grace_period: length of the lease in seconds; None: twice the interval.
            heartbeat_stale_trial_callback: called for each trial that failed because its lease ran
                out.
            failed_trial_callback: the same, under its older name.

        Raises:
            ValueError: an interval or period is not positive, or both callbacks are given.
        """
        for name, given in (
            ("heartbeat_interval", heartbeat_interval),
            ("grace_period", grace_period),
        ):
            if given is not None and given <= 0:
                message = f"{name} must be a positive number of seconds, not {given}"
                raise ValueError(message)
        if heartbeat_stale_trial_callback is not None and failed_trial_callback is not None:
            message = "give heartbeat_stale_trial_callback or failed_trial_callback, not both"
            raise ValueError(message)
        self._store = repo
        self._interval = heartbeat_interval
        self._grace_period = grace_period
        self._callback = heartbeat_stale_trial_callback or failed_trial_callback
        self._open()

    def _open(self) -> None:
        self._handle = Handle(self._store)
        self._studies = Studies(self._handle.repository)
        self._worker = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"

    @property
    def repository(self) -> SessionRepository:
        """The repository that holds the studies."""
        return self._studies.repository

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: all but the repository and what was read from it.

        Raises:
            TypeError: if the repository is the caller's, not a path or URL.
        """
        if isinstance(self._store, SessionRepository):
            message = (
                "a SnakestoreStorage of a repository cannot be pickled, because its connections"
                " belong to this process. Give SnakestoreStorage a path or URL instead."
            )
            raise TypeError(message)
        return {
            key: value for key, value in vars(self).items() if key not in {"_handle", "_studies"}
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the same store anew."""
        self.__dict__.update(state)
        self._open()

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Copies of a study share its storage."""
        return self

    # --- studies

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """Create a study. Without a name it gets a unique one.

        Raises:
            DuplicatedStudyError: if there is a study of this name.
        """
        if study_name is None:
            study_name = DEFAULT_STUDY_NAME_PREFIX + str(uuid.uuid4())
        return self._studies.create(study_name, directions)

    def delete_study(self, study_id: int) -> None:
        """Delete a study with its trials.

        Raises:
            KeyError: if there is no such study.
        """
        self._studies.delete(study_id)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set a user attribute of a study: any value that ``json.dumps`` takes."""
        self._studies.set_attribute(study_id, "user", key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set a system attribute of a study: any value that ``json.dumps`` takes."""
        self._studies.set_attribute(study_id, "system", key, value)

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the id of the study of this name.

        Raises:
            KeyError: if there is none.
        """
        return self._studies.id_of(study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        """Return the name of a study."""
        return str(self._studies.about(study_id)["study_name"])

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return the directions of a study."""
        return directions_of(self._studies.about(study_id))

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the user attributes of a study."""
        return self._studies.attributes(study_id, "user")

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the system attributes of a study."""
        return self._studies.attributes(study_id, "system")

    def get_all_studies(self) -> list[FrozenStudy]:
        """Return all studies, ordered by id. No trial is read."""
        return self._studies.all()

    # --- writing trials

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Create a trial: running, or as the template is. Returns its id.

        Raises:
            KeyError: if there is no such study.
        """
        number = self._studies.log(study_id).append(entries.created(template_trial, _now()))
        return study_id * TRIALS_PER_STUDY + int(number)

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Set a parameter of a trial.

        Raises:
            KeyError: if there is no such trial.
            UpdateFinishedTrialError: if the trial has finished.
            ValueError: if the study has this parameter with a distribution that differs.
        """
        study, number = self._located(trial_id)
        study.append(entries.parameter(number, param_name, param_value_internal, distribution))

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Set the state and the values of a trial.

        Returns:
            False if it should run and runs already, else True. Of the processes that start a
            waiting trial at once, one gets True.

        Raises:
            KeyError: if there is no such trial.
            UpdateFinishedTrialError: if the trial has finished.
        """
        study, number = self._located(trial_id)
        leased = state.is_finished() and self._interval is not None
        entry = entries.state(number, state, values, _now())
        return bool(study.append(entry, ends_lease_of=number if leased else None))

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Set an intermediate value of a trial."""
        study, number = self._located(trial_id)
        study.append(entries.report(number, step, intermediate_value))

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set a user attribute of a trial: any value that ``json.dumps`` takes."""
        study, number = self._located(trial_id)
        study.append(entries.attribute("user", number, key, value))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set a system attribute of a trial: any value that ``json.dumps`` takes."""
        study, number = self._located(trial_id)
        study.append(entries.attribute("system", number, key, value))

    # --- reading trials

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial. A finished one is returned from memory.

        Raises:
            KeyError: if there is no such trial.
        """
        study, number = self._located(trial_id)
        if number in study.trials.unfinished:
            study.catch_up()
        return entries.own_copy(study.trials.all[number])

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,  # noqa: FBT001, FBT002 - Optuna's signature
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials of a study, ordered by number.

        Raises:
            KeyError: if there is no such study.
        """
        found = self._studies.log(study_id).in_states(states)
        return copy.deepcopy(found) if deepcopy else found

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """Return the id of a trial.

        Raises:
            KeyError: if there is no such trial.
        """
        trial_id = study_id * TRIALS_PER_STUDY + trial_number
        self._located(trial_id)
        return trial_id

    def _located(self, trial_id: int) -> tuple[StudyLog, int]:
        """The study and the number of a trial.

        Raises:
            KeyError: if there is no such trial.
        """
        study_id, number = divmod(int(trial_id), TRIALS_PER_STUDY)
        study = self._studies.log(study_id)
        study.check(number)
        return study, number

    # --- heartbeat

    def record_heartbeat(self, trial_id: int) -> None:
        """Renew the lease of a running trial.

        Raises:
            KeyError: if there is no such trial.
        """
        study, number = self._located(trial_id)
        if self._interval is None or number not in study.trials.unfinished:
            return
        lease = self._grace_period or 2 * self._interval
        session, name = session_id(study.study_id), heartbeat(number)
        with self._studies.known(study.study_id), self.repository.transaction() as tx:
            tx.register_variable(session, name, "integer", number, exist_ok=True)
            tx.start_optimization(session, name, self._worker, os.getpid(), lease=lease)

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        with self._studies.known(study_id):
            found = self.repository.list_variables(session_id(study_id), prefix=heartbeat(""))
        expired = {each.value for each in found if not each.optimizing}
        running = self._studies.log(study_id).in_states([TrialState.RUNNING])
        return [trial._trial_id for trial in running if trial.number in expired]  # noqa: SLF001 - as Optuna does

    def get_heartbeat_interval(self) -> int | None:
        """Return the seconds between two renewals; None without a heartbeat."""
        return self._interval

    def get_heartbeat_stale_trial_callback(self) -> StaleTrialCallback | None:
        """Return what is called for each trial whose lease ran out."""
        return self._callback

    def get_failed_trial_callback(self) -> StaleTrialCallback | None:
        """Return the same, under the name that Optuna used before 4.9."""
        return self._callback


def _now() -> datetime:
    return datetime.now()  # noqa: DTZ005 - a local time, as Optuna has them
