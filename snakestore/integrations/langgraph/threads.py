"""What a checkpointer does with a thread, as steps. A thread is a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    PendingWrite,
    get_checkpoint_id,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from snakestore.errors import LogNotFoundError, SessionNotFoundError
from snakestore.integrations.langgraph import keys, stored
from snakestore.integrations.langgraph.steps import Steps, call
from snakestore.variable import Variable


@dataclass(frozen=True, slots=True)
class Threads:
    """The threads of a checkpointer.

    Attributes:
        serde: serialises checkpoints and writes.
        prefix: what the ids of the sessions start with. The id of the thread follows.
        ttl: seconds after which a thread expires that is not used; None: never.
    """

    serde: SerializerProtocol
    prefix: str
    ttl: float | None

    def session(self, config: RunnableConfig) -> str:
        """The id of the session of the config's thread."""
        return self.session_of(config["configurable"]["thread_id"])

    def session_of(self, thread_id: object) -> str:
        """The id of the session of a thread."""
        return f"{self.prefix}{thread_id}"

    def get(self, config: RunnableConfig) -> Steps[CheckpointTuple | None]:
        """The checkpoint of the config's id, or the latest."""
        session = self.session(config)
        variable = yield from self.find(config)
        if variable is None:
            return None
        if get_checkpoint_id(config):
            writes = yield from self.writes(session, variable.name)
            return self.loaded(session, variable, writes)._replace(config=config)
        writes = yield from self.writes_of_newest(session, variable.name)
        return self.loaded(session, variable, writes)

    def find(self, config: RunnableConfig) -> Steps[Variable | None]:
        """The variable of the checkpoint of the config's id, or of the latest."""
        session, given = self.session(config), get_checkpoint_id(config)
        prefix = keys.checkpoints_of(stored.namespace_in(config))
        if given:
            return (yield from self.variable(session, f"{prefix}{given}"))
        while True:
            newest = yield from self.names(session, prefix=prefix, limit=1, reverse=True)
            if not newest:
                return None
            found = yield from self.variable(session, newest[0])
            if found is not None:  # else it was deleted in between
                return found

    def variable(self, session: str, name: str) -> Steps[Variable | None]:
        """The variable of a checkpoint, or None."""
        try:
            found: Variable | None = yield call("get_variable", session, name, None)
        except SessionNotFoundError:
            return None
        return found

    def names(self, session: str, **page: Any) -> Steps[list[str]]:
        """Names of variables of a session. A missing one has none."""
        try:
            found: list[str] = yield call("variable_names", session, **page)
        except SessionNotFoundError:
            return []
        return found

    def writes(self, session: str, name: str) -> Steps[list[stored.Write]]:
        """The writes of a checkpoint, by its name."""
        try:
            entries = yield call("read_log", session, keys.writes_of(name))
        except (LogNotFoundError, SessionNotFoundError):
            return []
        return stored.in_order(entries)

    def writes_of_newest(self, session: str, name: str) -> Steps[list[stored.Write]]:
        """As ``writes``, faster where there are none: the newest checkpoint seldom has any."""
        if not (yield call("has_log", session, keys.writes_of(name))):
            return []
        return (yield from self.writes(session, name))

    def loaded(
        self, session: str, variable: Variable, writes: Sequence[stored.Write]
    ) -> CheckpointTuple:
        """A stored checkpoint as LangGraph takes it."""
        thread, namespace = session.removeprefix(self.prefix), variable.metadata["namespace"]
        parent = variable.metadata["parent"]
        return CheckpointTuple(
            stored.config_of(thread, namespace, keys.checkpoint_id(variable.name)),
            stored.checkpoint_in(self.serde, variable),
            variable.metadata["metadata"],
            stored.config_of(thread, namespace, parent) if parent else None,
            [write.loaded(self.serde) for write in writes],
        )

    def put(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata | None
    ) -> Steps[RunnableConfig]:
        """Store a checkpoint. One of the same id is replaced."""
        kind, content = self.serde.dumps_typed(checkpoint)
        yield from self._write(
            self.session(config),
            "set_value",
            keys.checkpoints_of(stored.namespace_in(config)) + checkpoint["id"],
            content,
            type="bytes",
            metadata=stored.metadata_of(kind, config, metadata),
        )
        thread_id = config["configurable"]["thread_id"]
        return stored.config_of(thread_id, stored.namespace_in(config), checkpoint["id"])

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str,
    ) -> Steps[None]:
        """Append the writes of a task to those of a checkpoint, in one step."""
        entries = [
            stored.Write.entry(self.serde, task_path, task_id, position, channel, value)
            for position, (channel, value) in enumerate(writes)
        ]
        if entries:
            prefix = keys.checkpoints_of(stored.namespace_in(config))
            name = f"{prefix}{config['configurable']['checkpoint_id']}"
            yield from self._write(
                self.session(config), "append_log", keys.writes_of(name), entries
            )

    def _write(self, session: str, method: str, *args: Any, **kwargs: Any) -> Steps[None]:
        """Write to the session of a thread. The first write creates it."""
        while True:
            try:
                yield call(method, session, *args, **kwargs)
            except SessionNotFoundError:
                yield from self.create(session)
            else:
                return

    def create(self, session: str) -> Steps[None]:
        """Create the session of a thread if it is missing."""
        yield call("create_session", session, ttl=self.ttl, history=0, exist_ok=True)

    def parent(self, session: str, variable: Variable) -> Steps[Variable | None]:
        """The checkpoint from which another one was made, or None."""
        parent = variable.metadata["parent"]
        if parent is None:
            return None
        return (yield from self.variable(session, keys.namespace_of(variable.name) + parent))

    def history(
        self, config: RunnableConfig, channels: Sequence[str]
    ) -> Steps[dict[str, DeltaChannelHistory]]:
        """The nearest value of each channel among the ancestors, and its writes since then."""
        session = self.session(config)
        writes: dict[str, list[PendingWrite]] = {channel: [] for channel in channels}
        seeds: dict[str, Any] = {}
        variable = yield from self.find(config)
        passed: set[str] = set()
        while variable is not None and len(seeds) < len(writes) and variable.name not in passed:
            passed.add(variable.name)
            variable = yield from self.parent(session, variable)
            if variable is None:
                break
            for write in reversed((yield from self.writes(session, variable.name))):
                if write.channel in writes and write.channel not in seeds:
                    writes[write.channel].append(write.loaded(self.serde))
            values = stored.checkpoint_in(self.serde, variable)["channel_values"]
            seeds |= {name: values[name] for name in writes.keys() - seeds if name in values}
        return {
            channel: DeltaChannelHistory(writes=found[::-1], seed=seeds[channel])
            if channel in seeds
            else DeltaChannelHistory(writes=found[::-1])
            for channel, found in writes.items()
        }
