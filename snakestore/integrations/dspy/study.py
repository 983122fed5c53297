"""What a study was started with, and whether it may be resumed."""

from __future__ import annotations

from typing import Any

from snakestore.errors import InvalidNameError
from snakestore.integrations.dspy.errors import ResumeMismatchError
from snakestore.integrations.dspy.fingerprint import dataset_fingerprint
from snakestore.integrations.dspy.secrets import refuse_secrets
from snakestore.names import checked_name
from snakestore.repository import SessionRepository

_MAX_NAME = 150
"""The names that are made of it must not be too long."""


class Study:
    """The names under which a study is stored, and what it was started with."""

    def __init__(self, repository: SessionRepository, sid: str, name: str) -> None:
        name = checked_name(name, "name of the study")
        if "*" in name or len(name) > _MAX_NAME:
            message = (
                f"The name of a study has at most {_MAX_NAME} characters, and no '*', which claims"
                " would take as a wildcard."
            )
            raise InvalidNameError(message, value=name)
        self._repository = repository
        self._sid = sid
        self.name = name
        self.next_trial = f"{name}/next_trial"
        self.trial_variables = f"{name}/trial/*"
        self.results = f"{name}/results"
        self.resumes = f"{name}/resumes"
        self.paid = f"{name}/paid"
        self.checkpoint = f"{name}/checkpoint"

    def trial(self, number: int) -> str:
        """The variable that is claimed for a trial, and the program of its candidate."""
        return f"{self.name}/trial/{number:08d}"

    def number_of(self, name: str) -> int:
        """The number in the name of a trial."""
        return int(name.rpartition("/")[2])

    def evaluation(self, key: str) -> str:
        """The variable that is there while an evaluation of a callback runs."""
        return f"{self.name}/evaluation/{key}"

    def start_or_resume(self, params: Any, dataset: Any, seed: Any, *, force: bool) -> None:
        """Store what the study is started with, or compare it with what is stored.

        Raises:
            ResumeMismatchError: if it differs and ``force`` is false.
            SecretRefusedError: if ``params`` has a key or headers.
        """
        refuse_secrets(params, "$.params", settings=True)
        given = {"params": params, "dataset": dataset_fingerprint(dataset), "seed": seed}
        with self._repository.transaction() as tx:
            tx.register_variable(self._sid, self.next_trial, "integer", 0, exist_ok=True)
            stored = tx.register_variable(
                self._sid, f"{self.name}/study", "json", given, exist_ok=True
            ).value
            differences = {
                name: (stored[name], value)
                for name, value in given.items()
                if stored[name] != value
            }
            if not differences:
                return
            if not force:
                raise ResumeMismatchError(self.name, differences)
            tx.update_variable(self._sid, f"{self.name}/study", given)
            recorded = {name: {"was": was, "is": now} for name, (was, now) in differences.items()}
            tx.append_log(self._sid, self.resumes, [recorded])
