"""Listings of checkpoints: their order, and how much they read."""

from __future__ import annotations

import pytest

pytest.importorskip("langgraph.checkpoint.base", reason="needs the extra langgraph")


from snakestore import SessionRepository
from snakestore.integrations.langgraph import SnakestoreSaver
from snakestore.integrations.langgraph.listing import Listing
from snakestore.integrations.langgraph.steps import run
from tests.integrations.langgraph_saver.checkpoints import Recorder, config, ids, put


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
