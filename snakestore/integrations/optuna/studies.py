"""Studies of Optuna in a repository: a session each, with a log of the trials' changes."""

from __future__ import annotations

import json
import threading
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, NoReturn

from optuna.exceptions import DuplicatedStudyError
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from snakestore.errors import SessionNotFoundError, VariableExistsError, VariableNotFoundError
from snakestore.integrations.optuna.entries import Entry, Trials
from snakestore.repository import SessionRepository
from snakestore.session import Session

INDEX = "optuna:studies"
"""The session that has the id of each study by its name, and the last id."""
LOG = "trials"
"""The log of each study's session."""
PAGE = 5000
"""Entries of the log that are read at once."""
LONGEST_TEXT = 200
"""Longer names and keys are replaced by a checksum in the names of variables."""


class Studies:
    """The studies in a repository."""

    def __init__(self, repository: SessionRepository) -> None:
        self.repository = repository
        self._opened: dict[int, StudyLog] = {}

    def create(self, name: str, directions: Sequence[StudyDirection]) -> int:
        """Create a study. Returns its id, which no other study ever has.

        Raises:
            DuplicatedStudyError: if there is a study of this name.
        """
        about = {"study_name": name, "directions": [each.name for each in directions]}
        with self.repository.transaction() as tx:
            tx.create_session(INDEX, ttl=None, history=0, exist_ok=True)
            tx.register_variable(INDEX, "last study", "integer", 0, exist_ok=True)
            study_id = int(tx.modify_variable(INDEX, "last study", lambda last: last + 1).value)
            try:
                tx.register_variable(INDEX, _variable("name", name), "integer", study_id)
            except VariableExistsError as error:
                message = f"there is a study named {name!r}. Give load_if_exists=True to use it."
                raise DuplicatedStudyError(message) from error
            tx.create_session(session_id(study_id), ttl=None, history=0, metadata=about)
            tx.append_log(session_id(study_id), LOG, [])
        return study_id

    def delete(self, study_id: int) -> None:
        """Delete a study with its trials.

        Raises:
            KeyError: if there is no such study.
        """
        name = self.about(study_id)["study_name"]
        self._opened.pop(study_id, None)
        with self.repository.transaction() as tx:
            tx.delete_variable(INDEX, _variable("name", name))
            if not tx.delete_session(session_id(study_id)):
                _refuse(study_id)

    def id_of(self, name: str) -> int:
        """The id of the study of this name.

        Raises:
            KeyError: if there is none.
        """
        try:
            return int(self.repository.get_value(INDEX, _variable("name", name)))
        except (SessionNotFoundError, VariableNotFoundError) as error:
            message = f"there is no study named {name!r}"
            raise KeyError(message) from error

    def about(self, study_id: int) -> dict[str, Any]:
        """The name and the directions of a study, which never change.

        Raises:
            KeyError: if there is no such study.
        """
        study = self.log(study_id)
        if study.about is None:
            with self.known(study_id):
                study.about = dict(self.repository.get_session(session_id(study_id)).metadata)
        return study.about

    def set_attribute(self, study_id: int, kind: str, key: str, value: Any) -> None:
        """Set an attribute of a study, stored as JSON text, which may have NaN.

        Raises:
            KeyError: if there is no such study.
        """
        stored = {"key": key, "value": json.dumps(value)}
        with self.known(study_id):
            self.repository.set_value(
                session_id(study_id), _variable(kind, key), stored, type="json"
            )

    def attributes(self, study_id: int, kind: str) -> dict[str, Any]:
        """The attributes of a study, of the kind user or system.

        Raises:
            KeyError: if there is no such study.
        """
        with self.known(study_id):
            return _attributes(self.repository, session_id(study_id), kind)

    def all(self) -> list[FrozenStudy]:
        """All studies, ordered by id. No trial is read."""
        with self.repository.transaction(read_only=True) as tx:
            found = tx.list_sessions(session_id("*"))
            studies = [_frozen(tx, session) for session in found if session.id != INDEX]
        return sorted(studies, key=lambda study: study._study_id)  # noqa: SLF001 - as Optuna does

    def log(self, study_id: int) -> StudyLog:
        """The log of a study. Whether the study exists is not checked."""
        return self._opened.setdefault(study_id, StudyLog(self, study_id))

    @contextmanager
    def known(self, study_id: int) -> Iterator[None]:
        """Raise KeyError in place of SessionNotFoundError, and drop what was read of the study."""
        try:
            yield
        except SessionNotFoundError:
            self._opened.pop(study_id, None)
            _refuse(study_id)


class StudyLog:
    """The log of a study, and what this process has read of it. Threads may share it.

    Attributes:
        trials: the trials that the entries read so far make.
        about: the metadata of the session, once they were read.
    """

    def __init__(self, studies: Studies, study_id: int) -> None:
        self._studies = studies
        self._lock = threading.Lock()
        self.study_id = study_id
        self.trials = Trials(study_id)
        self.about: dict[str, Any] | None = None

    def check(self, number: int) -> None:
        """Raise KeyError unless the study has a trial of this number."""
        if number >= len(self.trials.all):
            self.catch_up()
        if number >= len(self.trials.all):
            message = f"study {self.study_id} has no trial {number}"
            raise KeyError(message)

    def catch_up(self) -> None:
        """Read what was appended since.

        Raises:
            KeyError: if there is no such study.
        """
        with self._lock:
            self._read()

    def in_states(self, states: Container[TrialState] | None) -> list[FrozenTrial]:
        """Read what was appended since. Returns the trials in these states; None: all.

        Raises:
            KeyError: if there is no such study.
        """
        with self._lock:
            self._read()
            return self.trials.in_states(states)

    def append(self, entry: Entry, *, ends_lease_of: int | None = None) -> Any:
        """Append an entry. Returns what it changed.

        Args:
            ends_lease_of: the number of a trial whose lease ends in the same transaction.

        Raises:
            KeyError: if there is no such study.
            UpdateFinishedTrialError, ValueError: the trials refuse the entry.
        """
        with self._lock:
            outcome: object = self.trials.refusal(entry)
            if outcome is None:
                with self._studies.known(self.study_id):
                    length = self._send(entry, ends_lease_of)
                if length == self.trials.length + 1:
                    outcome = self._apply(entry)
                else:  # others have appended before
                    outcome = self._read(position=length - 1)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _apply(self, entry: Entry) -> Any:
        """Apply the next entry. If that is interrupted, the log is read anew."""
        try:
            return self.trials.apply(entry)
        except BaseException:
            self.trials = Trials(self.study_id)
            raise

    def _send(self, entry: Entry, ends_lease_of: int | None) -> int:
        repository, session = self._studies.repository, session_id(self.study_id)
        if ends_lease_of is None:
            return repository.append_log(session, LOG, [entry])
        with repository.transaction() as tx:
            name = heartbeat(ends_lease_of)
            if tx.has_variable(session, name):
                tx.end_optimization(session, name)
                tx.delete_variable(session, name)
            return tx.append_log(session, LOG, [entry])

    def _read(self, *, position: int | None = None) -> Any:
        """Read what was appended since. Returns what the entry at ``position`` changed."""
        outcome = None
        while True:
            with self._studies.known(self.study_id):
                found = self._studies.repository.read_log(
                    session_id(self.study_id), LOG, after=self.trials.length - 1, limit=PAGE
                )
            for each in found:
                result = self._apply(each.value)
                if each.position == position:
                    outcome = result
            if len(found) < PAGE:
                return outcome


def session_id(study_id: int | str) -> str:
    """The id of a study's session."""
    return f"optuna:{study_id}"


def heartbeat(number: int | str) -> str:
    """The name of the variable that is leased while a trial runs."""
    return f"heartbeat:{number}"


def directions_of(about: dict[str, Any]) -> list[StudyDirection]:
    """The directions in what ``about`` returns."""
    return [StudyDirection[each] for each in about["directions"]]


def _variable(kind: str, text: str) -> str:
    """The name of a variable for a study's name or an attribute's key, which may be any text."""
    if len(text) <= LONGEST_TEXT and "\0" not in text:
        return f"{kind}:{text}"
    return f"{kind}:sha256:{sha256(text.encode()).hexdigest()}"


def _attributes(repository: SessionRepository, session: str, kind: str) -> dict[str, Any]:
    found = repository.list_variables(session, prefix=f"{kind}:")
    return {each.value["key"]: json.loads(each.value["value"]) for each in found}


def _frozen(repository: SessionRepository, session: Session) -> FrozenStudy:
    return FrozenStudy(
        study_name=session.metadata["study_name"],
        direction=None,
        directions=directions_of(session.metadata),
        user_attrs=_attributes(repository, session.id, "user"),
        system_attrs=_attributes(repository, session.id, "system"),
        study_id=int(session.id.partition(":")[2]),
    )


def _refuse(study_id: int) -> NoReturn:
    message = f"there is no study with the id {study_id}"
    raise KeyError(message) from None
