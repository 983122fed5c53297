"""The methods of a checkpointer, called and awaited, for a runner that subclasses set."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from snakestore.errors import ValidationError
from snakestore.integrations.langgraph import upkeep
from snakestore.integrations.langgraph.listing import Listing
from snakestore.integrations.langgraph.runners import Runner
from snakestore.integrations.langgraph.threads import Threads


class Checkpointer(BaseCheckpointSaver[str]):
    """A checkpointer whose threads are sessions. Subclasses set the runner."""

    _runner: Runner

    def __init__(self, *, serde: SerializerProtocol | None, prefix: str, ttl: float | None) -> None:
        super().__init__(serde=serde)
        for part in (self.serde, getattr(self.serde, "serde", None)):
            if getattr(part, "pickle_fallback", False):
                message = (
                    "a serializer with pickle_fallback=True is refused, because unpickling runs"
                    " code that the database holds. Make these values serialisable by"
                    " JsonPlusSerializer(): pydantic models, dataclasses or plain values."
                )
                raise ValidationError(message)
        self._prefix = prefix
        self._ttl = ttl

    @property
    def _threads(self) -> Threads:
        return Threads(self.serde, self._prefix, self._ttl)  # with_allowlist replaces the serde

    def get_next_version(self, current: str | float | None, channel: None) -> str:  # noqa: ARG002
        """Return the next version of a channel: a rising number, and a random one for branches."""
        number = int(str(current).split(".")[0]) if current is not None else 0
        return f"{number + 1:032}.{random.random():016}"  # noqa: S311 - no secret

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint of the config's id, or the latest of its thread and namespace."""
        return self._runner.run(self._threads.get(config))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As ``get_tuple``, awaited."""
        return await self._runner.arun(self._threads.get(config))

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Iterate over checkpoints, newest first. They are read page by page, from an index.

        A config without a namespace means all of its thread; None means all threads.
        """
        listing = Listing(self._threads, config, metadata=filter, before=before, limit=limit)
        while (found := self._runner.run(listing.next())) is not None:
            yield found

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As ``list``, awaited."""
        listing = Listing(self._threads, config, metadata=filter, before=before, limit=limit)
        while (found := await self._runner.arun(listing.next())) is not None:
            yield found

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,  # noqa: ARG002 - a checkpoint is stored with all its values
    ) -> RunnableConfig:
        """Store a checkpoint. The config is that of its parent. One of the same id is replaced."""
        return self._runner.run(self._threads.put(config, checkpoint, metadata))

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,  # noqa: ARG002 - as in put
    ) -> RunnableConfig:
        """As ``put``, awaited."""
        return await self._runner.arun(self._threads.put(config, checkpoint, metadata))

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Store the writes of a task beside a checkpoint, in one step."""
        self._runner.run(self._threads.put_writes(config, writes, task_id, task_path))

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """As ``put_writes``, awaited."""
        await self._runner.arun(self._threads.put_writes(config, writes, task_id, task_path))

    def delete_thread(self, thread_id: str) -> None:
        """Delete a thread with all its checkpoints and writes."""
        self._runner.run(upkeep.delete_thread(self._threads, thread_id))

    async def adelete_thread(self, thread_id: str) -> None:
        """As ``delete_thread``, awaited."""
        await self._runner.arun(upkeep.delete_thread(self._threads, thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints of runs. Reads every checkpoint of every thread."""
        self._runner.run(upkeep.delete_for_runs(self._threads, run_ids))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """As ``delete_for_runs``, awaited."""
        await self._runner.arun(upkeep.delete_for_runs(self._threads, run_ids))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all checkpoints and writes to another thread, in one transaction.

        Checkpoints of the same id are replaced.
        """
        steps = upkeep.copy_thread(self._threads, source_thread_id, target_thread_id)
        self._runner.run(steps, at_once=True)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """As ``copy_thread``, awaited."""
        steps = upkeep.copy_thread(self._threads, source_thread_id, target_thread_id)
        await self._runner.arun(steps, at_once=True)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete all but the newest checkpoint of each namespace; or (``"delete"``) the threads.

        Ancestors from which delta channels of the newest are rebuilt are kept too.

        Raises:
            ValidationError: if the strategy is neither ``"keep_latest"`` nor ``"delete"``.
        """
        self._runner.run(upkeep.prune(self._threads, thread_ids, strategy))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """As ``prune``, awaited."""
        await self._runner.arun(upkeep.prune(self._threads, thread_ids, strategy))

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Return the nearest value of each channel among the ancestors, and the writes since."""
        return self._runner.run(self._threads.history(config, channels))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """As ``get_delta_channel_history``, awaited."""
        return await self._runner.arun(self._threads.history(config, channels))
