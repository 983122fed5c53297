"""The checkpointers: what LangGraph's own suite does not test."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

pytest.importorskip("langgraph.checkpoint.base", reason="needs the extra langgraph")

from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT

from snakestore import SessionRepository, ValidationError
from snakestore.integrations.langgraph import SnakestoreSaver
from tests.integrations.langgraph_saver.checkpoints import config, ids, put, with_deltas


def test_metadata_may_be_none_and_has_tuples_as_lists(saver):
    saver.put(config(), empty_checkpoint() | {"id": "1"}, None, {})
    put(saver, 2, counters={"a": (1, 2)}, none=None, emoji="☃", surrogate="\ud800", nul="a\x00b")

    assert saver.get_tuple(config(checkpoint_id="1")).metadata == {}
    assert saver.get_tuple(config(checkpoint_id="0002")).metadata == {
        "counters": {"a": [1, 2]},
        "none": None,
        "emoji": "☃",
        "surrogate": "",
        "nul": "ab",
    }


def test_the_writes_of_a_task_are_ordered_by_its_path(saver):
    stored = put(saver, 1)
    saver.put_writes(stored, [("ch", "b0"), ("ch", "b1")], "task-a", "~2")
    saver.put_writes(stored, [("ch", "a0")], "task-b", "~1")

    found = saver.get_tuple(stored).pending_writes

    assert found == [("task-b", "ch", "a0"), ("task-a", "ch", "b0"), ("task-a", "ch", "b1")]


def test_of_repeated_writes_the_first_counts_but_the_last_error_or_interrupt(saver):
    stored = put(saver, 1)
    for attempt in (1, 2):
        saver.put_writes(stored, [("ch", attempt)], "task")
        saver.put_writes(stored, [(ERROR, attempt), (INTERRUPT, attempt)], "task")

    found = {channel: value for _, channel, value in saver.get_tuple(stored).pending_writes}

    assert found == {"ch": 1, ERROR: 2, INTERRUPT: 2}


def test_a_checkpoint_that_is_stored_again_is_replaced_and_keeps_its_writes(saver):
    stored = put(saver, 1, values={"a": 1}, step=1, extra=True)
    saver.put_writes(stored, [("ch", "v")], "task")

    put(saver, 1, values={"a": 2}, step=2)

    found = saver.get_tuple(config())
    assert found.checkpoint["channel_values"] == {"a": 2}
    assert found.metadata == {"step": 2}
    assert found.pending_writes == [("task", "ch", "v")]


def test_deleted_threads_and_missing_ones_are_empty_and_can_be_used_again(saver):
    stored = put(saver, 1)
    saver.delete_thread("t")
    saver.delete_thread("missing")

    assert saver.get_tuple(config()) is None
    assert saver.get_tuple(stored) is None
    assert list(saver.list(config())) == []
    saver.put_writes(stored, [("ch", "v")], "task")
    put(saver, 1)
    assert saver.get_tuple(config()).pending_writes == [("task", "ch", "v")]


def test_an_expired_thread_is_empty(store_url, clock):
    with SessionRepository.open(store_url, clock=clock) as repo:
        saver = SnakestoreSaver(repo, ttl=60)
        put(saver, 1)
        clock.advance(61)

        assert saver.get_tuple(config()) is None

        put(saver, 2)
        assert ids(saver.list(config())) == ["0002"]


def test_a_copy_replaces_what_has_the_same_id(saver):
    for number, thread_id in ((1, "t"), (2, "t"), (2, "u"), (3, "u")):
        stored = put(saver, number, values={"from": thread_id}, thread_id=thread_id)
        saver.put_writes(stored, [("ch", thread_id)], "task")

    saver.copy_thread("t", "u")
    saver.copy_thread("t", "t")

    found = {
        item.checkpoint["id"]: (item.checkpoint["channel_values"]["from"], item.pending_writes)
        for item in saver.list(config("u"))
    }
    assert found == {
        "0001": ("t", [("task", "ch", "t")]),
        "0002": ("t", [("task", "ch", "t")]),
        "0003": ("u", [("task", "ch", "u")]),
    }
    assert ids(saver.list(config("t"))) == ["0002", "0001"]


@pytest.mark.parametrize("checkpoint_id", ["0000", "0001", "0003", "0005", "0009", "0042", None])
def test_the_history_of_a_delta_channel_is_what_langgraph_itself_collects(saver, checkpoint_id):
    with_deltas(saver)
    given: dict[str, Any] = {
        "config": config(checkpoint_id=checkpoint_id),
        "channels": ["d", "e", "missing"],
    }

    found = saver.get_delta_channel_history(**given)

    assert found == BaseCheckpointSaver.get_delta_channel_history(saver, **given)
    assert saver.get_delta_channel_history(config=config(), channels=[]) == {}


def test_a_chain_of_parents_that_is_a_loop_ends(saver):
    put(saver, 1, 2)
    put(saver, 2, 1)

    assert saver.get_delta_channel_history(config=config(), channels=["d"]) == {"d": {"writes": []}}


def test_pruning_keeps_what_delta_channels_are_rebuilt_from(saver):
    with_deltas(saver)
    before = saver.get_delta_channel_history(config=config(), channels=["d"])

    saver.prune(["t"])

    assert ids(saver.list(config())) == ["0009", "0002", "0001"]
    assert saver.get_delta_channel_history(config=config(), channels=["d"]) == before


def test_an_unknown_strategy_of_pruning_is_refused_and_deletes_nothing(saver):
    put(saver, 1)

    with pytest.raises(ValidationError, match="keep_latest"):
        saver.prune(["t"], strategy="keep_all")

    assert ids(saver.list(config())) == ["0001"]


def test_deleting_no_run_deletes_nothing_of_no_run(saver):
    put(saver, 1)

    saver.delete_for_runs([None])

    assert ids(saver.list(config())) == ["0001"]


@pytest.mark.parametrize("outer", [lambda inner: inner, partial(EncryptedSerializer, object())])
def test_pickle_is_refused_also_inside_of_encryption(store_url, outer):
    with pytest.raises(ValidationError, match="pickle_fallback"):
        SnakestoreSaver(store_url, serde=outer(JsonPlusSerializer(pickle_fallback=True)))


def test_a_value_that_the_serializer_refuses_stores_nothing(saver):
    with pytest.raises(TypeError):
        put(saver, 1, values={"f": lambda: None})

    assert saver.get_tuple(config()) is None


def test_a_state_that_is_too_large_stores_nothing(store_url):
    with SessionRepository.open(store_url, max_value_bytes=10_000) as repo:
        saver = SnakestoreSaver(repo)

        with pytest.raises(ValidationError, match="max_value_bytes"):
            put(saver, 1, values={"text": "x" * 20_000})

        assert saver.get_tuple(config()) is None
