"""One worker process of the demo: look, propose, measure, count, and replace the best if nobody else did meanwhile."""

from __future__ import annotations

import enum
import os
import random
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from snakestore import (
    SessionRepository,
    SnakeStoreError,
    Variable,
    VariableExistsError,
    VersionConflictError,
)
from snakestore.demo.search import (
    BY_SIZE_NAME,
    SETTING_NAMES,
    SIZE_PREFIX,
    SPACE,
    Settings,
    compressed_size,
    propose,
    share,
    with_result,
)


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is born with: where the session is, and which share of the settings is its own."""

    store: str
    session_id: str
    worker: int
    workers: int

    @property
    def name(self) -> str:
        """The worker's name in metadata and in what it found."""
        return f"worker-{self.worker + 1}"


class Word(enum.Enum):
    """What needs one word between the parent and a worker."""

    READY = "ready"  # from a worker that has opened the store
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Go:
    """Sent to all workers once all are ready, so that they really share the work: the files to compress.

    Were the files part of a task, the parent would wait at each start until that worker has
    imported all it needs.
    """

    files: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Sent to the parent after a commit: this size is stored and counted; on the way to ``best`` so many conflicts were met."""

    size_name: str
    size: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Sent to the parent in place of a traceback."""

    message: str


def work(task: Task, parent: Connection) -> None:
    """TransactionContext until the round is done, nothing is left, or the parent says stop or is gone."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C goes to the whole group; the parent tells us to stop
    try:
        with SessionRepository.open(task.store) as repository:
            parent.send(Word.READY)
            word = parent.recv()
            if isinstance(word, Go):
                _Worker(repository, task, parent, word.files).run()
    except (BrokenPipeError, ConnectionResetError, EOFError):
        return  # the parent is gone: what it was about to be told is in the file
    except SnakeStoreError as error:
        parent.send(Failed(f"{task.name}: {error}"))


class _Worker:
    def __init__(
        self,
        repository: SessionRepository,
        task: Task,
        parent: Connection,
        files: tuple[bytes, ...],
    ) -> None:
        self.repository = repository
        self.task = task
        self.parent = parent
        self.files = files
        self.chance = random.Random(os.getpid())  # noqa: S311 - for a search, not for a secret
        self.known = _sizes_in(repository, task.session_id)
        self.own = self._without_known(share(task.worker, task.workers))

    def run(self) -> None:
        while (
            not self.parent.poll()
        ):  # a word from the parent means stop; so does its death, which ends the pipe
            snapshot = self.repository.get_variables(
                self.task.session_id, [*SETTING_NAMES, "best", "evaluations", "target"]
            ).found
            if snapshot["evaluations"].value >= snapshot["target"].value:
                return
            settings = propose(
                Settings.from_dict({name: snapshot[name].value for name in SETTING_NAMES}),
                self._untried(),
                self.chance,
            )
            if settings is None:
                return
            size = compressed_size(self.files, settings)
            if self._count(settings, size):
                conflicts = self._offer(snapshot["best"], settings, size)
                self.parent.send(Acknowledged(settings.size_name, size, conflicts))

    def _untried(self) -> list[Settings]:
        self.own = self._without_known(self.own)
        if self.own:
            return self.own
        # the own share is done: help with what others have left, a dead worker's share too
        self.known = _sizes_in(self.repository, self.task.session_id)
        return self._without_known(SPACE)

    def _without_known(self, candidates: Iterable[Settings]) -> list[Settings]:
        return [settings for settings in candidates if settings.size_name not in self.known]

    def _count(self, settings: Settings, size: int) -> bool:
        """Store the size and count the evaluation, both or neither; False if another worker measured the same meanwhile."""
        self.known.add(settings.size_name)
        try:
            with self.repository.transaction() as transaction:
                transaction.register_variable(
                    self.task.session_id,
                    settings.size_name,
                    "integer",
                    size,
                    constraints={"min": 0},
                    metadata={"found_by": self.task.name},
                )
                transaction.modify_variable(
                    self.task.session_id,
                    "evaluations",
                    lambda count: count + 1,
                    source=self.task.name,
                )
        except VariableExistsError:
            return False
        return True

    def _offer(self, seen: Variable, settings: Settings, size: int) -> int:
        """Put the result among the best where it belongs; returns how often another worker was faster and it was tried again."""
        session_id, conflicts = self.task.session_id, 0
        while (improved := with_result(seen.value, settings, size, self.task.name)) is not None:
            try:
                with self.repository.transaction() as transaction:
                    transaction.update_variable(
                        session_id,
                        "best",
                        improved,
                        expected_version=seen.version,
                        source=self.task.name,
                    )
                    if improved["settings"] == settings.to_dict():
                        transaction.update_variables(
                            session_id, settings.to_dict(), source=self.task.name
                        )
            except VersionConflictError:
                conflicts += 1
                seen = self.repository.get_variable(session_id, "best")
            else:
                return conflicts
        return conflicts


def _sizes_in(repository: SessionRepository, session_id: str) -> set[str]:
    return {
        name
        for name in repository.variable_names(session_id, f"{SIZE_PREFIX}*")
        if name in BY_SIZE_NAME
    }
