"""The adapters against the frameworks' own storage on SQLite: ``python -m benchmarks.adapters``.

Prints the table of figures in docs/integrations.md; ``--page`` writes it there.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import re
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from agents import SQLiteSession
from google.adk.events.event import Event
from google.adk.sessions import DatabaseSessionService
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver
from optuna.storages import RDBStorage

from snakestore.integrations.adk import SnakestoreSessionService
from snakestore.integrations.langgraph import SnakestoreSaver
from snakestore.integrations.openai_agents import SnakestoreSession
from snakestore.integrations.optuna import SnakestoreStorage

PAGE = Path(__file__).parents[1] / "docs" / "integrations.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

CHECKPOINTS, ITEMS, TRIALS = 3000, 4000, 100
WORKERS, APPENDS = 8, 25
WARM_UP = 1


class Row(NamedTuple):
    """A task, what snakestore took or kept, and what the framework's own storage did."""

    task: str
    ours: str
    peer: str
    theirs: str
    ratio: str = ""
    target: str = ""


def timed(
    task: str, pair: tuple[Callable[[], object], ...], peer: str, target: str, rounds: int = 15
) -> Row:
    """The median times of two calls, measured in alternating rounds."""
    times: list[list[float]] = [[], []]
    for number in range(rounds + WARM_UP):
        for taken, call in zip(times, pair, strict=True):
            start = time.perf_counter()
            call()
            if number >= WARM_UP:
                taken.append(time.perf_counter() - start)
    ours, theirs = map(statistics.median, times)
    ratio = statistics.median(mine / other for mine, other in zip(*times, strict=True))
    return Row(task, shown(ours), peer, shown(theirs), f"{ratio:.2f}", target)


def shown(seconds: float) -> str:
    """A time with its unit."""
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} us"


# --- LangGraph


def langgraph(folder: Path) -> Iterator[Row]:
    """The newest of 3,000 checkpoints."""
    with (
        SnakestoreSaver(folder / "ours.db") as ours,
        SqliteSaver.from_conn_string(str(folder / "theirs.db")) as theirs,
    ):
        for saver in (ours, theirs):
            fill_thread(saver)
        thread: Any = {"configurable": {"thread_id": "chat", "checkpoint_ns": ""}}
        for call, what in (
            (lambda saver: saver.get_tuple(thread), "the latest"),
            (lambda saver: list(saver.list(thread, limit=3)), "`list(limit=3)`"),
        ):
            pair = (
                lambda call=call: repeated(call, ours),
                lambda call=call: repeated(call, theirs),
            )
            task = f"LangGraph: {what} of {CHECKPOINTS:,} checkpoints of 10 messages, 50 times"
            yield timed(task, pair, "SqliteSaver", "at most 3")


def repeated(call: Callable[[Any], object], saver: Any) -> None:
    """Call 50 times."""
    for _ in range(50):
        call(saver)


def fill_thread(saver: Any) -> None:
    """Store checkpoints of a chat of 10 messages, with a write to each but the newest."""
    config: Any = {"configurable": {"thread_id": "chat", "checkpoint_ns": ""}}
    text = "a message of some length " * 4
    messages = [kind(text) for kind in (HumanMessage, AIMessage)] * 5
    for step in range(CHECKPOINTS):
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"] = {"messages": messages, "step": step}
        if step:
            saver.put_writes(config, [("step", step)], f"task-{step}")
        config = saver.put(config, checkpoint, {"source": "loop", "step": step}, {})


# --- OpenAI Agents


def openai_agents(folder: Path) -> Iterator[Row]:
    """The last 10 of 4,000 items."""
    items: Any = [{"role": "user", "content": f"message {number}"} for number in range(ITEMS)]
    with asyncio.Runner() as loop:
        ours = SnakestoreSession("chat", folder / "ours.db")
        theirs = SQLiteSession("chat", folder / "theirs.db")
        for session in (ours, theirs):
            loop.run(session.add_items(items))

        async def _read(session: Any) -> None:
            for _ in range(20):
                assert len(await session.get_items(10)) == 10

        pair = lambda: loop.run(_read(ours)), lambda: loop.run(_read(theirs))
        task = f"OpenAI Agents: the last 10 of {ITEMS:,} items, 20 times"
        yield timed(task, pair, "SQLiteSession", "at most 1")
        loop.run(ours.close())
        theirs.close()


# --- Optuna


def optuna_trials(folder: Path) -> Iterator[Row]:
    """A study of 100 trials, from its creation."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def _objective(trial: Any) -> float:
        x, y = trial.suggest_float("x", -10, 10), trial.suggest_int("y", 0, 9)
        trial.report(x, 0)
        return float(x**2 + y)

    def _run(storage: Any) -> None:
        sampler = optuna.samplers.RandomSampler(seed=0)
        study = optuna.create_study(storage=storage, sampler=sampler)
        study.optimize(_objective, n_trials=TRIALS)

    ours = SnakestoreStorage(folder / "ours.db")
    theirs = RDBStorage(f"sqlite:///{folder / 'theirs.db'}")
    task = f"Optuna: {TRIALS} trials of 2 parameters"
    yield timed(
        task, (lambda: _run(ours), lambda: _run(theirs)), "RDBStorage", "at most 1", rounds=3
    )
    ours.close()


# --- ADK


def adk(folder: Path) -> Iterator[Row]:
    """8 processes that append to one session."""
    counts = []
    for kind, path in ((_ours, folder / "ours.db"), (_theirs, folder / "theirs.db")):
        asyncio.run(_create(kind, str(path)))
        with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as pool:
            acknowledged = sum(pool.map(_append, [kind] * WORKERS, [str(path)] * WORKERS))
        stored = asyncio.run(_stored(kind, str(path)))
        counts.append(f"{acknowledged} acknowledged, {stored} stored")
    task = f"ADK: {WORKERS} processes, {APPENDS} appends each to one session"
    yield Row(task, counts[0], "DatabaseSessionService", counts[1], "", "200 acknowledged, stored")


_SESSION = {"app_name": "app", "user_id": "ada", "session_id": "s"}


def _ours(path: str) -> Any:

    return SnakestoreSessionService(path)


def _theirs(path: str) -> Any:

    return DatabaseSessionService(f"sqlite+aiosqlite:///{path}")


async def _create(kind: Callable[[str], Any], path: str) -> None:
    async with kind(path) as service:
        await service.create_session(**_SESSION)


async def _stored(kind: Callable[[str], Any], path: str) -> int:
    async with kind(path) as service:
        return len((await service.get_session(**_SESSION)).events)


def _append(kind: Callable[[str], Any], path: str) -> int:
    return asyncio.run(_append_from(kind, path))


async def _append_from(kind: Callable[[str], Any], path: str) -> int:
    """Append; a stale session is read again, as its error says, and any other error gives up."""
    acknowledged = 0
    async with kind(path) as service:
        for _ in range(APPENDS):
            event = Event(author="user", id=uuid.uuid4().hex)
            stale = True
            while stale:
                session = await service.get_session(**_SESSION)
                try:
                    await service.append_event(session, event)
                except ValueError:
                    continue
                except Exception:  # noqa: BLE001 - such as a locked database
                    break
                acknowledged += 1
                stale = False
    return acknowledged


# --- the page


@contextmanager
def scratch() -> Iterator[Path]:
    """A new folder."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    header = Row("task", "snakestore", "its peer", "the peer's", "ratio", "target")
    lines = [" | ".join(row) for row in (header, Row(*["---"] * 6), *rows)]
    return "\n".join(f"| {line} |" for line in lines)


def main() -> None:
    """Measure, print, and with ``--page`` write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="write docs/integrations.md")
    rows: list[Row] = []
    write = parser.parse_args().page
    for measure in (langgraph, openai_agents, optuna_trials, adk):
        with ExitStack() as stack:
            rows += measure(stack.enter_context(scratch()))
    text = table(rows)
    print(text)
    if write:
        page = PAGE.read_text("utf-8")
        new = re.sub(f"{BEGIN}.*{END}", f"{BEGIN}\n{text}\n{END}", page, flags=re.DOTALL)
        PAGE.write_text(new, "utf-8")


if __name__ == "__main__":  # spawned processes import this module too
    main()
