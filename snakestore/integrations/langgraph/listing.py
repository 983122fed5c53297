"""Checkpoints of one or many threads, newest first, read page by page."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple, get_checkpoint_id

from snakestore.integrations.langgraph import keys, stored, upkeep
from snakestore.integrations.langgraph.steps import Steps
from snakestore.integrations.langgraph.threads import Threads

_PAGE = 100


@dataclass(slots=True)
class _Source:
    """The names of one namespace that come next, the newest last."""

    session: str
    prefix: str
    last: str | None = None
    names: list[str] = field(default_factory=list)

    def __lt__(self, other: _Source) -> bool:
        """Whether its next checkpoint is the newer one."""
        return keys.checkpoint_id(self.names[-1]) > keys.checkpoint_id(other.names[-1])


class Listing:
    """The checkpoints that ``list`` of a checkpointer returns. ``next`` reads one."""

    def __init__(
        self,
        threads: Threads,
        config: RunnableConfig | None,
        *,
        metadata: Mapping[str, Any] | None,
        before: RunnableConfig | None,
        limit: int | None,
    ) -> None:
        self._threads = threads
        self._configurable: Mapping[str, Any] = config["configurable"] if config else {}
        self._only = get_checkpoint_id(config) if config else None
        self._metadata: Mapping[str, Any] = stored.as_json(dict(metadata or {}))
        self._before = get_checkpoint_id(before) if before else None
        self._left = limit
        self._page = _PAGE if limit is None or metadata else min(limit, _PAGE)
        self._sources: list[_Source] | None = None
        self._begun = False
        self._taken: _Source | None = None  # whose name was returned last; not in _sources

    def next(self) -> Steps[CheckpointTuple | None]:
        """The next checkpoint, or None at the end."""
        if self._left is not None and self._left <= 0:
            return None
        while found := (yield from self._next_name()):
            session, name = found
            variable = yield from self._threads.variable(session, name)
            if variable is None or not self._matches(variable.metadata["metadata"]):
                continue
            if self._left is not None:
                self._left -= 1
            read = self._threads.writes if self._begun else self._threads.writes_of_newest
            self._begun = True
            writes = yield from read(session, name)
            return self._threads.loaded(session, variable, writes)
        return None

    def _matches(self, metadata: Mapping[str, Any]) -> bool:
        return all(metadata.get(key) == value for key, value in self._metadata.items())

    def _next_name(self) -> Steps[tuple[str, str] | None]:
        """The session and the name of the next checkpoint."""
        if self._sources is None:
            self._sources = []
            for source in (yield from self._namespaces()):
                yield from self._add(source)
        if self._taken is not None:
            taken, self._taken = self._taken, None
            yield from self._add(taken)
        if not self._sources:
            return None
        self._taken = heapq.heappop(self._sources)
        return self._taken.session, self._taken.names.pop()

    def _add(self, source: _Source) -> Steps[None]:
        """Add a source if it has names left, or a next page of them."""
        assert self._sources is not None  # noqa: S101 - set by the caller
        if not source.names:
            source.names = yield from self._read(source)
            source.last = source.names[0] if source.names else source.last
        if source.names:
            heapq.heappush(self._sources, source)

    def _read(self, source: _Source) -> Steps[list[str]]:
        """The next names of a namespace, the newest last."""
        after = source.last
        if after is None and self._before is not None:
            after = source.prefix + self._before
        if self._only is None:
            names = yield from self._threads.names(
                source.session, prefix=source.prefix, after=after, limit=self._page, reverse=True
            )
            return names[::-1]
        only = source.prefix + self._only
        return [only] if after is None or only < after else []

    def _namespaces(self) -> Steps[list[_Source]]:
        """The namespaces to read, with the newest name where it is known already."""
        if "thread_id" in self._configurable:
            sessions = [self._threads.session_of(self._configurable["thread_id"])]
        else:
            sessions = yield from upkeep.sessions(self._threads)
        if "checkpoint_ns" in self._configurable:
            prefix = keys.checkpoints_of(self._configurable["checkpoint_ns"])
            return [_Source(session, prefix) for session in sessions]
        found = []
        for session in sessions:
            for name in (yield from upkeep.newest(self._threads, session)):
                source = _Source(session, keys.namespace_of(name))
                if self._before is None and self._only is None:
                    source.names, source.last = [name], name
                found.append(source)
        return found
