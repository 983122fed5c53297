"""The checkpointers: what LangGraph's own suite does not test."""

from __future__ import annotations

import asyncio
import multiprocessing
import operator
from functools import partial
from typing import Annotated, Any

import pytest

pytest.importorskip("langgraph.checkpoint.base", reason="needs the extra langgraph")

from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT
from typing_extensions import TypedDict

from snakestore import AsyncSessionRepository, SessionRepository, StoreError, ValidationError
from snakestore.integrations.langgraph import AsyncSnakestoreSaver, SnakestoreSaver
from snakestore.integrations.langgraph.listing import Listing
from snakestore.integrations.langgraph.steps import run


@pytest.fixture
def saver(store_url):
    with SnakestoreSaver(store_url) as saver:
        yield saver


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


def test_a_listing_of_a_thread_is_newest_first_across_namespaces(saver):
    for number, namespace in enumerate(["", "b:1", "a:2", "", "b:1", "a", "b:1"]):
        put(saver, number, namespace=namespace)
    put(saver, 99, thread_id="other")
    thread = {"configurable": {"thread_id": "t"}}

    assert ids(saver.list(thread)) == [f"{number:04}" for number in range(6, -1, -1)]
    assert ids(saver.list(thread, limit=3)) == ["0006", "0005", "0004"]
    assert ids(saver.list(thread, before=config(checkpoint_id="0005"), limit=2)) == ["0004", "0003"]
    assert ids(saver.list(thread, limit=0)) == []
    assert ids(saver.list(None, limit=2)) == ["0099", "0006"]


def test_a_listing_of_many_checkpoints_reads_page_after_page(saver):
    for number in range(230):
        put(saver, number, step=number)

    assert ids(saver.list(config())) == [f"{number:04}" for number in range(229, -1, -1)]
    assert ids(saver.list(config(), filter={"step": 3})) == ["0003"]
    assert ids(saver.list(config(), before=config(checkpoint_id="0101"), limit=101))[-1] == "0000"


class Recorder:
    """A repository that notes which of its methods are called."""

    def __init__(self, repository):
        self.repository = repository
        self.called = []

    def __getattr__(self, name):
        self.called.append(name)
        return getattr(self.repository, name)


def test_the_newest_of_many_take_as_many_reads_as_those_of_few(store_url):
    with SessionRepository.open(store_url) as repo:
        saver = SnakestoreSaver(repo)
        for number in range(150):
            put(saver, number)

        latest, three, threads = (Recorder(repo) for _ in range(3))
        run(latest, saver._threads.get(config()))
        for recorder, thread in ((three, config()), (threads, None)):
            listing = Listing(saver._threads, thread, metadata=None, before=None, limit=3)
            found = [run(recorder, listing.next()) for _ in range(4)]
            assert [item and item.checkpoint["id"] for item in found] == [
                "0149",
                "0148",
                "0147",
                None,
            ]

    assert latest.called == ["variable_names", "get_variable", "has_log"]
    assert three.called == [*latest.called, *["get_variable", "read_log"] * 2]
    assert len(threads.called) < 15


def test_a_listing_with_an_id_finds_that_checkpoint(saver):
    for number in range(3):
        put(saver, number)

    assert ids(saver.list(config(checkpoint_id="0001"))) == ["0001"]
    assert ids(saver.list({"configurable": {"thread_id": "t", "checkpoint_id": "0001"}})) == [
        "0001"
    ]
    assert ids(saver.list(config(checkpoint_id="0009"))) == []


def test_namespaces_that_start_alike_are_kept_apart(saver):
    namespaces = [
        "",
        "a",
        "a:1",
        "a:1|b:2",
        "a/",
        "/",
        "#",
        "%2F",
        "n:" + "x" * 300,
        "n:" + "x" * 301,
    ]
    for number, namespace in enumerate(namespaces):
        put(saver, number, namespace=namespace)

    for number, namespace in enumerate(namespaces):
        found = saver.get_tuple(config(namespace=namespace))
        assert found.config == config("t", namespace, f"{number:04}")
        assert ids(saver.list(config(namespace=namespace))) == [f"{number:04}"]


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


def test_a_repository_that_was_passed_stays_open(store_url):
    with SessionRepository.open(store_url) as repo:
        with SnakestoreSaver(repo) as saver:
            put(saver, 1)
        saver.close()

        assert SnakestoreSaver(repo).get_tuple(config()) is not None
    with SnakestoreSaver(store_url) as saver:
        assert saver.get_tuple(config()) is not None
    with pytest.raises(StoreError):
        saver.get_tuple(config())


def test_the_awaited_checkpointer_can_be_called_in_threads_without_a_loop(store_url):
    async def main():
        async with AsyncSnakestoreSaver(store_url) as saver:
            await asyncio.to_thread(put, saver, 1)
            with pytest.raises(StoreError, match="event loop"):
                saver.get_tuple(config())
            return await saver.aget_tuple(config()), await asyncio.to_thread(list, saver.list(None))

    found, listed = asyncio.run(main())

    assert listed == [found]


def test_a_cancelled_put_is_done_whole_or_not_at_all(store_url):
    async def main():
        async with AsyncSessionRepository.open(store_url) as repo:
            saver = AsyncSnakestoreSaver(repo)
            for number in range(40):
                checkpoint = empty_checkpoint() | {"id": f"{number:04}"}
                task = asyncio.create_task(saver.aput(config(), checkpoint, {"step": number}, {}))
                for _ in range(number % 5):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await saver.aput(config(), empty_checkpoint() | {"id": "9999"}, {"step": 9999}, {})
            return [item async for item in saver.alist(config())]

    found = asyncio.run(main())

    assert found[0].metadata == {"step": 9999}
    assert all(int(item.checkpoint["id"]) == item.metadata["step"] for item in found)


def _write_many(url, worker):
    with SnakestoreSaver(url) as saver:
        for number in range(25):
            stored = put(saver, worker * 100 + number, 0)
            saver.put_writes(config(checkpoint_id="0000"), [("ch", number)], f"{worker}-{number}")
            saver.put_writes(stored, [("ch", number)], "task")


@pytest.mark.slow
def test_processes_that_write_one_thread_lose_nothing(store_url):
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_write_many, args=(store_url, n)) for n in (1, 2, 3)]
    SessionRepository.open(store_url).close()

    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with SnakestoreSaver(store_url) as saver:
        put(saver, 0)
        found = list(saver.list(config()))
    assert len(found) == 76
    assert all(len(item.pending_writes) == 1 for item in found[:-1])
    assert len(found[-1].pending_writes) == 75


def add(left, right):
    return [*left, *right]


class State(TypedDict):
    log: Annotated[list[str], operator.add]


def build(checkpointer):
    """A graph of two parallel nodes, one of which interrupts, and a last one."""
    graph = pytest.importorskip("langgraph.graph", reason="needs langgraph (extra suites)")
    types = pytest.importorskip("langgraph.types")

    def ask(state):
        return {"log": [f"ask {types.interrupt('who?')}"]}

    builder = graph.StateGraph(State)
    builder.add_node("work", lambda state: {"log": ["work"]})
    builder.add_node("ask", ask)
    builder.add_node("end", lambda state: {"log": ["end"]})
    builder.add_edge(graph.START, "work")
    builder.add_edge(graph.START, "ask")
    builder.add_edge(["work", "ask"], "end")
    return builder.compile(checkpointer=checkpointer), types.Command


def test_a_graph_runs_as_with_the_checkpointer_in_memory(saver):
    def story(checkpointer):
        graph, command = build(checkpointer)
        thread = {"configurable": {"thread_id": "t"}}
        graph.invoke({"log": ["start"]}, thread)
        waiting = graph.get_state(thread).next
        result = graph.invoke(command(resume="ann"), thread)
        graph.update_state(thread, {"log": ["edited"]})
        history = [(item.values, item.next) for item in graph.get_state_history(thread)]
        return waiting, result, graph.get_state(thread).values, history

    assert story(saver) == story(InMemorySaver())


def test_an_awaited_graph_runs_as_with_the_checkpointer_in_memory(store_url):
    async def story(checkpointer):
        graph, command = build(checkpointer)
        thread = {"configurable": {"thread_id": "t"}}
        await graph.ainvoke({"log": ["start"]}, thread)
        result = await graph.ainvoke(command(resume="ann"), thread)
        history = [(item.values, item.next) async for item in graph.aget_state_history(thread)]
        return result, history

    async def main():
        async with AsyncSnakestoreSaver(store_url) as saver:
            return await story(saver), await story(InMemorySaver())

    ours, theirs = asyncio.run(main())

    assert ours == theirs
