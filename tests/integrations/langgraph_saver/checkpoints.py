"""Checkpoints to put, and a repository that notes its calls."""

from __future__ import annotations

import pytest

pytest.importorskip("langgraph.checkpoint.base", reason="needs the extra langgraph")

from langgraph.checkpoint.base import empty_checkpoint


def config(thread_id="t", namespace="", checkpoint_id=None):
    given = {"checkpoint_id": checkpoint_id} if checkpoint_id else {}
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": namespace, **given}}


def put(saver, number, parent=None, *, values=None, thread_id="t", namespace="", **metadata):
    """Store the checkpoint of a number, whose id is ``0001`` and so on."""
    checkpoint = empty_checkpoint() | {"id": f"{number:04}", "channel_values": values or {}}
    parent_id = None if parent is None else f"{parent:04}"
    return saver.put(config(thread_id, namespace, parent_id), checkpoint, metadata, {})


def ids(found):
    return [item.config["configurable"]["checkpoint_id"] for item in found]


class Recorder:
    """A repository that notes which of its methods are called."""

    def __init__(self, repository):
        self.repository = repository
        self.called = []

    def __getattr__(self, name):
        self.called.append(name)
        return getattr(self.repository, name)


def with_deltas(saver):
    """A chain 0..5 and a branch 9 of 2, with a delta channel whose value is stored in 1."""
    for number in range(6):
        values = {"d": "snapshot"} if number == 1 else {}
        counters = {} if number == 1 else {"counters_since_delta_snapshot": {"d": (1, 1)}}
        parent = number - 1 if number else None
        stored = put(saver, number, parent, values=values, **counters)
        saver.put_writes(stored, [("d", f"late {number}"), ("e", number)], "t", "~2")
        saver.put_writes(stored, [("d", f"early {number}")], "u", "~1")
    put(saver, 9, 2, counters_since_delta_snapshot={"d": (1, 1)})
