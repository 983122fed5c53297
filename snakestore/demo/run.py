"""The demo: worker processes search for the best zlib settings and share results in one session.

If a process dies, the file still has everything that was acknowledged. The next run continues an
interrupted one.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakestore import SessionRepository, Variable
from snakestore.demo.crew import Reports, crew_at_work
from snakestore.demo.search import (
    BY_SIZE_NAME,
    RANGES,
    SIZE_PREFIX,
    SPACE,
    STRATEGIES,
    ZLIB_DEFAULT,
    lost_updates,
    ranking,
    with_result,
)
from snakestore.demo.worker import Task

MAX_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Corpus:
    """The files to compress, read once."""

    description: str
    files: tuple[bytes, ...]
    skipped: int

    @property
    def size(self) -> int:
        """Bytes in all files."""
        return sum(map(len, self.files))

    @property
    def default_size(self) -> int:
        """Bytes in all files after compressing each with zlib's default settings."""
        return sum(len(zlib.compress(data)) for data in self.files)

    @property
    def session_id(self) -> str:
        """The id of the session for this content. Results for other content do not count for it."""
        digest = hashlib.sha256()
        for data in self.files:
            digest.update(hashlib.sha256(data).digest())
        return f"zlib-{digest.hexdigest()[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a run, and the contents of the file after it."""

    reports: Reports
    target: int
    evaluations: int
    lost: int
    best: list[dict[str, Any]]
    seconds: float


def own_source() -> list[Path]:
    """The Python files of the installed package."""
    return sorted(Path(__file__).parent.parent.rglob("*.py"))


def read_corpus(paths: Sequence[Path], description: str, *, exclude: Path) -> Corpus:
    """Read files and the files in folders, up to 8 MiB.

    The SQLite file ``exclude`` and the files that SQLite keeps beside it are not read.
    """
    files: list[bytes] = []
    size, skipped = 0, 0
    for path in sorted({file for named in paths for file in _files_at(named)}):
        if path.name.startswith(exclude.name) and path.parent.resolve() == exclude.parent.resolve():
            continue
        if size + path.stat().st_size > MAX_BYTES:
            skipped += 1
            continue
        files.append(path.read_bytes())
        size += len(files[-1])
    return Corpus(description, tuple(data for data in files if data), skipped)


def _files_at(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file() and not file.is_symlink())
    else:
        yield path


def prepare(repository: SessionRepository, corpus: Corpus, per_round: int) -> tuple[int, int]:
    """Create the session if it is missing, and begin a round unless one is unfinished.

    Returns the number of evaluations that are done, and the number at which the round ends.
    """
    session_id = corpus.session_id
    with repository.transaction() as transaction:
        transaction.create_session(
            session_id,
            ttl=None,
            metadata={"files": corpus.description, "bytes": corpus.size},
            exist_ok=True,
        )
        for name, allowed in RANGES.items():
            start = ZLIB_DEFAULT.to_dict()[name]
            constraints = {"min": allowed.start, "max": allowed.stop - 1}
            transaction.register_variable(
                session_id, name, "integer", start, constraints=constraints, exist_ok=True
            )
        transaction.register_variable(
            session_id,
            "strategy",
            "choice",
            ZLIB_DEFAULT.strategy,
            constraints={"choices": list(STRATEGIES)},
            exist_ok=True,
        )
        transaction.register_variable(session_id, "best", "json", None, exist_ok=True)
        for name in ("evaluations", "target"):
            transaction.register_variable(
                session_id,
                name,
                "integer",
                0,
                constraints={"min": 0, "max": len(SPACE)},
                exist_ok=True,
            )
        _catch_up(transaction, session_id)
        done = int(transaction.get_value(session_id, "evaluations"))
        target = int(transaction.get_value(session_id, "target"))
        if target <= done < len(SPACE):
            target = min(done + per_round, len(SPACE))
            transaction.update_variable(session_id, "target", target, source="demo")
    return done, target


def _catch_up(transaction: SessionRepository, session_id: str) -> None:
    """Add results to ``best`` that a killed worker had stored but not yet added."""
    best: dict[str, Any] | None = None
    for variable in _sizes(transaction, session_id):
        best = (
            with_result(
                best, BY_SIZE_NAME[variable.name], variable.value, variable.metadata["found_by"]
            )
            or best
        )
    if best is not None and best != transaction.get_value(session_id, "best"):
        transaction.update_variable(session_id, "best", best, source="demo")
        transaction.update_variables(session_id, best["settings"], source="demo")


def _sizes(repository: SessionRepository, session_id: str) -> list[Variable]:
    return [
        variable
        for variable in repository.list_variables(session_id, f"{SIZE_PREFIX}*")
        if variable.name in BY_SIZE_NAME
    ]


def run(
    store: str,
    corpus: Corpus,
    *,
    workers: int,
    per_round: int,
    seconds: float,
    progress: Callable[[int, int], None],
) -> Outcome:
    """Run workers until the round is done, the time is up or Ctrl-C; then check for lost updates.

    ``progress`` is called with the evaluations that are done, and the number that is aimed at.
    """
    started = time.monotonic()
    reports = Reports()
    with SessionRepository.open(store) as repository:
        done, target = prepare(repository, corpus, per_round)
        progress(done, target)
        if done < target:
            tasks = [Task(store, corpus.session_id, worker, workers) for worker in range(workers)]
            with crew_at_work(tasks) as crew:
                reports = crew.watch(
                    corpus.files,
                    lambda acknowledged: progress(done + acknowledged, target),
                    started + seconds,
                )
        with repository.transaction(read_only=True) as snapshot:
            sizes = {
                variable.name: variable.value for variable in _sizes(snapshot, corpus.session_id)
            }
            evaluations = snapshot.get_value(corpus.session_id, "evaluations")
            best = ranking(snapshot.get_value(corpus.session_id, "best"))
    return Outcome(
        reports=reports,
        target=target,
        evaluations=evaluations,
        lost=lost_updates(reports.acknowledged, sizes, evaluations),
        best=best,
        seconds=time.monotonic() - started,
    )
