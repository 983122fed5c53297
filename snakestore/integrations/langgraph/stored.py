"""Checkpoints and writes as they are stored: serialised by LangGraph's serde, beside JSON."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    Checkpoint,
    CheckpointMetadata,
    PendingWrite,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from snakestore.log import LogEntry
from snakestore.variable import Variable


@dataclass(frozen=True, slots=True)
class Write:
    """A pending write of a checkpoint: an entry of a log, as a list of these fields."""

    task_path: str
    task_id: str
    index: int
    channel: str
    type: str
    text: str

    @classmethod
    def entry(
        cls,
        serde: SerializerProtocol,
        task_path: str,
        task_id: str,
        position: int,
        channel: str,
        value: Any,
    ) -> list[Any]:
        """The entry of a write."""
        kind, content = serde.dumps_typed(value)
        index = WRITES_IDX_MAP.get(channel, position)
        return [task_path, task_id, index, channel, kind, b64encode(content).decode()]

    def loaded(self, serde: SerializerProtocol) -> PendingWrite:
        """The write as LangGraph takes it."""
        return (self.task_id, self.channel, serde.loads_typed((self.type, b64decode(self.text))))


def in_order(entries: Iterable[LogEntry]) -> list[Write]:
    """The writes of a log, in the order in which LangGraph applies them.

    A write that a task repeats counts once: the first, but the last of an error, an interrupt or a
    resume value.
    """
    found: dict[tuple[str, int], Write] = {}
    for entry in entries:
        write = Write(*entry.value)
        key = (write.task_id, write.index)
        if write.index < 0 or key not in found:
            found[key] = write
    return sorted(found.values(), key=lambda write: (write.task_path, write.task_id, write.index))


def metadata_of(
    serde_type: str, config: RunnableConfig, metadata: CheckpointMetadata | None
) -> dict[str, Any]:
    """The metadata of the variable of a checkpoint. ``config`` is that of its parent."""
    return {
        "type": serde_type,
        "namespace": namespace_in(config),
        "parent": get_checkpoint_id(config),
        "metadata": as_json(get_checkpoint_metadata(config, metadata or CheckpointMetadata())),
    }


def checkpoint_in(serde: SerializerProtocol, variable: Variable) -> Checkpoint:
    """The checkpoint that a variable stores."""
    checkpoint: Checkpoint = serde.loads_typed((variable.metadata["type"], variable.value))
    return checkpoint


def as_json(value: Any) -> Any:
    """The value as JSON has it: a tuple is a list. Lone surrogates are dropped."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "ignore"))


def namespace_in(config: RunnableConfig) -> str:
    """The namespace of a config; the root's if it has none."""
    namespace: str = config["configurable"].get("checkpoint_ns", "")
    return namespace


def config_of(thread_id: object, namespace: str, checkpoint_id: object) -> RunnableConfig:
    """The config of a checkpoint."""
    return RunnableConfig(
        configurable={
            "thread_id": thread_id,
            "checkpoint_ns": namespace,
            "checkpoint_id": checkpoint_id,
        }
    )
