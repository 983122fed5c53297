"""Checkpointers at work: awaited, in several processes, and under a graph."""

from __future__ import annotations

import asyncio
import multiprocessing
import operator
from typing import Annotated

import pytest

pytest.importorskip("langgraph.checkpoint.base", reason="needs the extra langgraph")

from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver
from typing_extensions import TypedDict

from snakestore import AsyncSessionRepository, SessionRepository, StoreError
from snakestore.integrations.langgraph import AsyncSnakestoreSaver, SnakestoreSaver
from tests.integrations.langgraph_saver.checkpoints import config, put


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
