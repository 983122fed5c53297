"""An exception at each event that a tracer sees of a method, and what must hold after it.

Signals come after calls and at loops only. A tracer raises at more instants, and at the same ones
each time: when a function is called, at each of its lines, and when it returns.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from types import FrameType
from typing import Any

from snakestore import SessionRepository
from tests.faults.storm import STORES, check_idle


def in_block(repository: SessionRepository, value: int) -> None:
    with repository.transaction() as transaction:
        transaction.update_variable("s", "n", value)


def in_nested_block(repository: SessionRepository, value: int) -> None:
    with repository.transaction() as outer, outer.transaction() as inner:
        inner.update_variable("s", "n", value)


def sweep(repository: SessionRepository, _value: int) -> None:
    repository.create_session("gone", ttl=2e-6, exist_ok=True)
    repository.delete_expired()


METHODS: dict[str, Callable[[SessionRepository, int], object]] = {
    "transaction": in_block,
    "nested transaction": in_nested_block,
    "update_variable": lambda repo, value: repo.update_variable("s", "n", value),
    "modify_variable": lambda repo, value: repo.modify_variable("s", "n", lambda _: value),
    "delete_expired": sweep,
    "get_value": lambda repo, _: repo.get_value("s", "n"),
}


class _Tracer:
    """Raises a KeyboardInterrupt at one event."""

    def __init__(self, number: int) -> None:
        self._left = number
        self.raised_at: str | None = None

    def __call__(self, frame: FrameType, event: str, _: object) -> _Tracer:
        self._left -= 1
        if self._left == 0:
            self.raised_at = f"{event} of {frame.f_code.co_qualname}, line {frame.f_lineno}"
            raise KeyboardInterrupt
        return self


def _interrupt(number: int, call: Callable[[], object]) -> tuple[str | None, BaseException | None]:
    """Interrupt ``call`` at event ``number``. Returns that event, and what came out of it."""
    return next(_interrupted(number, call))


def _interrupted(
    number: int, call: Callable[[], object]
) -> Iterator[tuple[str | None, BaseException | None]]:
    # A generator, because its exception state is its own. Where a tracer raises in an except clause
    # that returns, CPython goes on handling that clause's exception.
    tracer = _Tracer(number)
    error: BaseException | None = None
    before = sys.gettrace()
    try:
        sys.settrace(tracer)
        call()
    except KeyboardInterrupt as raised:
        error = raised
    finally:
        sys.settrace(before)
    yield tracer.raised_at, error


def strike(store_kind: str, where: str, method: str, first: int, step: int) -> int:
    """Interrupt a method at every ``step``-th event from ``first`` on. Returns how often."""
    in_finalizers: list[Any] = []
    # psycopg warns of each connection that was closed in the middle of a statement
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    sys.unraisablehook = lambda it: in_finalizers.append(it.exc_value)
    # what is held must be free at once; a server ends a transaction a little later
    busy_timeout = 1 if store_kind == "postgresql" else 0
    with (
        closing(STORES[store_kind](where)) as store,
        SessionRepository.open(store.url, busy_timeout=busy_timeout) as repository,
    ):
        repository.create_session("s", ttl=None)
        repository.register_variable("s", "n", "integer", 0)
        for warm_up in METHODS.values():  # compiles the statements
            warm_up(repository, 0)
        hits = value = 0
        for number in range(first, sys.maxsize, step):
            event, error = _interrupt(number, partial(METHODS[method], repository, value + 1))
            if event is None:
                break
            hits += 1
            assert error is not None or in_finalizers, f"swallowed at {event}"
            try:
                check_idle(repository)
                store.check_free()
                stored = repository.get_value("s", "n")
                assert stored in {value, value + 1}
                value = repository.update_variable("s", "n", stored).value
            except Exception as problem:
                problem.add_note(f"after an exception at {event}")
                raise
            in_finalizers.clear()
            del error  # until here it was referenced, as by a debugger or a job runner
        assert repository.check().ok
    return hits
