"""Work at random on JSON values in many sessions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count, cycle, islice
from typing import Any

from benchmarks.implementations import Job
from benchmarks.work import Makers
from benchmarks.workload import NAMES, PREFIX

KEPT_VERSIONS = 10
LARGE_TEXT = "A python is a snake that kills by constriction. " * 45


def plain_sessions(sessions: int) -> list[str]:
    """The ids of sessions without a history."""
    return [f"plain{number:03}" for number in range(sessions)]


def kept_sessions(sessions: int) -> list[str]:
    """The ids of sessions that keep the last ``KEPT_VERSIONS`` versions."""
    return [f"kept{number:03}" for number in range(sessions)]


def document(number: int) -> dict[str, Any]:
    """A small JSON value."""
    return {
        "role": "assistant",
        "temperature": number % 101 / 100,
        "stop": ["\n\n", "###"],
        "max_tokens": 256 + number % 512,
        "model": "colubrid-2",
    }


DOCUMENTS = tuple(document(number) for number in range(1009))
LARGE = {"text": LARGE_TEXT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scattered:
    """The operations of a store; the first argument of each is a session id."""

    sessions: int
    get_value: Callable[[str, str], Any]
    get_record: Callable[[str, str], Any] | None = None
    update: Callable[[str, str, Any], Any] | None = None
    register: Callable[[str, str, Any], Any] | None = None
    update_many: Callable[[str, Mapping[str, Any]], Any] | None = None
    list_records: Callable[[str], Sequence[Any]] | None = None
    list_prefix: Callable[[str, str], Sequence[Any]] | None = None
    checkpoint: Callable[[], object] = lambda: None


Start = Callable[[], Scattered]


def scattered_makers(start: Start) -> Makers:
    """The jobs at random; ``start`` is called on first use."""
    started = cache(start)

    def _reading(operation: Callable[[Scattered], Any], *, small: bool = False) -> Job:
        store = started()
        return _each(operation(store), _keys(plain_sessions(1 if small else store.sessions)))

    def _updating(sessions: Callable[[int], list[str]], *, small: bool = False) -> Job:
        store = started()
        keys = _keys(sessions(1 if small else store.sessions))
        return _settled(store, _each(store.update, _with_documents(keys)))

    def _registering() -> Job:
        store = started()
        numbers = count()
        sids = _shuffled(plain_sessions(store.sessions))
        keys = ((sid, f"new{next(numbers)}") for sid in sids)
        return _settled(store, _each(store.register, _with_documents(keys)))

    def _batches(sessions: Callable[[int], list[str]]) -> Job:
        store = started()
        values = cycle([dict(zip(NAMES, DOCUMENTS[at:], strict=False)) for at in range(0, 700, 97)])
        keys = zip(_shuffled(sessions(store.sessions)), values, strict=False)
        return _settled(store, _each(store.update_many, keys))

    def _listing(operation: Callable[[Scattered], Any], *more: Any) -> Job:
        store = started()
        sids = _shuffled(plain_sessions(store.sessions))
        return _each(operation(store), ((sid, *more) for sid in sids))

    return {
        "bare-get": lambda: _reading(lambda store: store.get_value),
        "of-diskcache": lambda: _reading(lambda store: store.get_value),
        "bare-get-small": lambda: _reading(lambda store: store.get_value, small=True),
        "bare-record": lambda: _reading(lambda store: store.get_record),
        "bare-update-plain": lambda: _updating(plain_sessions),
        "bare-update-small": lambda: _updating(plain_sessions, small=True),
        "bare-update": lambda: _updating(kept_sessions),
        "bare-register": _registering,
        "bare-batch-plain": lambda: _batches(plain_sessions),
        "bare-batch": lambda: _batches(kept_sessions),
        "bare-list": lambda: _listing(lambda store: store.list_records),
        "bare-prefix": lambda: _listing(lambda store: store.list_prefix, PREFIX),
    }


def large_makers(start: Start) -> Makers:
    """The job on more values than a cache holds; ``start`` is called on first use."""
    return {"bare-cached": scattered_makers(start)["bare-get"]}


def _keys(sids: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every variable in a random order, again and again."""
    return _shuffled([(sid, name) for sid in sids for name in NAMES])


def _shuffled(items: Sequence[Any]) -> Iterator[Any]:
    shuffled = list(items)
    random.Random(5).shuffle(shuffled)
    return cycle(shuffled)


def _with_documents(keys: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str, Any]]:
    return ((*key, value) for key, value in zip(keys, cycle(DOCUMENTS), strict=False))


def _each(operation: Callable[..., Any] | None, turns: Iterator[tuple[Any, ...]]) -> Job:
    """Call ``operation`` with the arguments of one turn after the other."""
    assert operation is not None
    arguments: list[tuple[Any, ...]] = []

    def _prepare(times: int) -> None:
        arguments[:] = islice(turns, times)

    def _run(times: int) -> None:
        for each in arguments[:times]:
            operation(*each)

    return Job(_run, _prepare)


def _settled(store: Scattered, job: Job) -> Job:
    """A writing job that ends with a checkpoint."""
    return Job(job.run, job.prepare, lambda _: store.checkpoint())
