"""One worker process: read, propose settings, measure, store, update the best results."""

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
    """What a worker is started with: its session, and its share of the settings."""

    store: str
    session_id: str
    worker: int
    workers: int

    @property
    def name(self) -> str:
        """The name of the worker in metadata and in its results."""
        return f"worker-{self.worker + 1}"


class Signal(enum.Enum):
    """A message without data between the parent and a worker."""

    READY = "ready"  # sent by a worker that has opened the store
    STOP = "stop"  # sent by the parent


@dataclass(frozen=True, slots=True)
class Go:
    """Sent to all workers once all are ready: the files to compress.

    The files are no part of the task, because starting a worker would then wait until it has
    imported everything and reads them.
    """

    files: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Sent to the parent after a commit: the size is stored and counted.

    ``conflicts`` is how often the update of ``best`` had to be retried.
    """

    size_name: str
    size: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Sent to the parent instead of a traceback."""

    message: str


def work(task: Task, parent: Connection) -> None:
    """Work until the round is done, no settings are left, or the parent stops it or has ended."""
    # Ctrl-C reaches the whole process group; the parent then sends STOP
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with SessionRepository.open(task.store) as repository:
            parent.send(Signal.READY)
            message = parent.recv()
            if isinstance(message, Go):
                _Worker(repository, task, parent, message.files).run()
    except (BrokenPipeError, ConnectionResetError, EOFError):
        return  # the parent has ended; the results are in the file
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
        self.chance = random.Random(os.getpid())  # noqa: S311 - no secret
        self.known = _sizes_in(repository, task.session_id)
        self.own = self._without_known(share(task.worker, task.workers))

    def run(self) -> None:
        """Measure settings until the target is reached, none is left or the parent ends."""
        while not self.parent.poll():  # STOP, or the end of the pipe when the parent has ended
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
            if self._store(settings, size):
                conflicts = self._update_best(snapshot["best"], settings, size)
                self.parent.send(Acknowledged(settings.size_name, size, conflicts))

    def _untried(self) -> list[Settings]:
        self.own = self._without_known(self.own)
        if self.own:
            return self.own
        # its share is done: take what is left of the shares of others
        self.known = _sizes_in(self.repository, self.task.session_id)
        return self._without_known(SPACE)

    def _without_known(self, candidates: Iterable[Settings]) -> list[Settings]:
        return [settings for settings in candidates if settings.size_name not in self.known]

    def _store(self, settings: Settings, size: int) -> bool:
        """Store the size and count it in one transaction; False if another worker was faster."""
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

    def _update_best(self, seen: Variable, settings: Settings, size: int) -> int:
        """Add the result to ``best`` if it is good enough; returns the number of conflicts."""
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
