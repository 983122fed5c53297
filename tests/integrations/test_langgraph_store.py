"""SnakestoreStore: items, searches, namespaces, ttl."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("langgraph.checkpoint.base", reason="needs the extra langgraph")

from langgraph.store.base import GetOp, ListNamespacesOp, MatchCondition, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from snakestore import AsyncSessionRepository, SessionRepository, ValidationError
from snakestore.integrations.langgraph import SnakestoreStore

NAMESPACES = [("a",), ("a", "b"), ("ab",), ("a-b",), ("a", "b", "c"), ("%", "!"), ("ü*", "x/y")]


@pytest.fixture
def store(store_url):
    with SnakestoreStore(store_url) as store:
        yield store


@pytest.fixture
def filled(store):
    for number, namespace in enumerate(NAMESPACES):
        for key in ("k", "k/1", "!", "", "\x00", "\U0010ffff", "\U0010ffffx"):
            store.put(namespace, key, {"number": number, "key": key})
    return store


def test_an_item_is_read_as_it_was_put(store):
    value = {"text": "é", "deep": {"list": [1, 2.5, None, True]}}

    store.put(("users", "ann"), "prefs", value)

    item = store.get(("users", "ann"), "prefs")
    assert (item.value, item.key, item.namespace) == (value, "prefs", ("users", "ann"))
    assert item.created_at == item.updated_at


def test_a_replaced_item_keeps_its_creation(store_url, clock):
    with SessionRepository.open(store_url, clock=clock) as repo:
        store = SnakestoreStore(repo)
        store.put(("a",), "k", {"v": 1, "old": True})
        created = clock()
        updated = clock.advance(5)

        store.put(("a",), "k", {"v": 2})

        item = store.get(("a",), "k")
        assert item.value == {"v": 2}
        assert (item.created_at, item.updated_at) == (created, updated)


def test_a_deleted_item_is_gone(store):
    store.put(("a",), "k", {"v": 1})

    store.delete(("a",), "k")
    store.delete(("a",), "missing")

    assert store.get(("a",), "k") is None
    assert store.list_namespaces() == []


def test_keys_and_labels_of_any_characters_are_kept_apart(filled):
    found = filled.search((), limit=1000)

    assert len(found) == len(NAMESPACES) * 7
    assert all(
        item.value == {"number": NAMESPACES.index(item.namespace), "key": item.key}
        for item in found
    )


@pytest.mark.parametrize("prefix", [(), *NAMESPACES, ("a", "x"), ("%",)])
def test_a_search_finds_what_the_one_in_memory_finds(filled, prefix):
    memory = InMemoryStore()
    for item in filled.search((), limit=1000):
        memory.batch([PutOp(item.namespace, item.key, item.value)])

    def found(store):
        (items,) = store.batch([SearchOp(prefix, limit=1000)])
        return {(item.namespace, item.key) for item in items}

    assert found(filled) == found(memory)


def test_pages_of_a_search_are_its_parts(filled):
    whole = filled.search(("a",), limit=100)

    pages = [filled.search(("a",), limit=4, offset=offset) for offset in range(0, 24, 4)]

    assert [item.key for page in pages for item in page] == [item.key for item in whole]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"n": 2}, [2]),
        ({"n": {"$gt": 1}}, [2, 3]),
        ({"n": {"$gte": 1, "$lt": 3}}, [1, 2]),
        ({"n": {"$lte": 1}}, [0, 1]),
        ({"n": {"$ne": 1}}, [0, 2, 3]),
        ({"n": {"$eq": 3}}, [3]),
        ({"deep": {"even": True}}, [0, 2]),
        ({"deep": {"even": True}, "n": {"$gt": 0}}, [2]),
        ({"tags": ["t", 1]}, [1]),
        ({"missing": {"$gt": 1}}, []),
        ({"missing": None}, [0, 1, 2, 3]),
    ],
)
def test_a_filter_compares_values(store, condition, expected):
    for n in range(4):
        store.put(("f",), str(n), {"n": n, "deep": {"even": n % 2 == 0}, "tags": ["t", n]})

    found = store.search(("f",), filter=condition)

    assert [item.value["n"] for item in found] == expected


def test_namespaces_take_one_look_up_each_however_many_items_they_have(store, monkeypatch):
    for namespace in NAMESPACES:
        for number in range(5):
            store.put(namespace, f"k{number}", {})
    looked_up, list_sessions = [], SessionRepository.list_sessions

    def counted(*args, **kwargs):
        looked_up.append(kwargs)
        return list_sessions(*args, **kwargs)

    monkeypatch.setattr(SessionRepository, "list_sessions", counted)
    found = store.list_namespaces()

    assert sorted(found) == sorted(NAMESPACES)
    assert len(looked_up) == len(NAMESPACES) + 1
    assert all(kwargs["limit"] == 1 for kwargs in looked_up)


def test_an_unknown_operator_is_refused(store):
    store.put(("f",), "k", {"n": 1})

    with pytest.raises(ValidationError, match=r"\$near"):
        store.search(("f",), filter={"n": {"$near": 1}})


def test_a_query_has_no_effect_and_the_first_one_is_logged(store, caplog):
    store.put(("f",), "tea", {"likes": True})
    store.put(("f",), "rain", {"likes": False})

    found = [store.search(("f",), query="what?", filter={"likes": True}) for _ in range(2)]

    assert [[(item.key, item.score) for item in items] for items in found] == [[("tea", None)]] * 2
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("snakestore.integrations.langgraph", "WARNING")
    assert "no vector search" in record.message


def test_a_query_has_the_effect_that_it_has_in_langgraphs_store_without_an_index(store):
    for each in (store, own := InMemoryStore()):
        each.put(("f",), "tea", {"likes": True})

    found = [each.search(("f",), query="what?") for each in (store, own)]

    assert [[(item.key, item.value, item.score) for item in items] for items in found] == [
        [("tea", {"likes": True}, None)]
    ] * 2


def test_a_value_that_would_come_back_changed_is_refused(store):
    with pytest.raises(ValidationError):
        store.put(("a",), "k", {"point": (1, 2)})

    assert store.get(("a",), "k") is None


@pytest.mark.parametrize(
    "op",
    [
        ListNamespacesOp(limit=100),
        ListNamespacesOp(limit=2, offset=1),
        ListNamespacesOp(max_depth=1, limit=100),
        ListNamespacesOp((MatchCondition("prefix", ("a",)),), limit=100),
        ListNamespacesOp((MatchCondition("prefix", ("a", "*")),), limit=100),
        ListNamespacesOp((MatchCondition("suffix", ("b",)),), limit=100),
        ListNamespacesOp(
            (MatchCondition("prefix", ("*", "b")), MatchCondition("suffix", ("c",))), limit=100
        ),
    ],
)
def test_namespaces_are_those_of_the_store_in_memory(filled, op):
    memory = InMemoryStore()
    for namespace in NAMESPACES:
        memory.batch([PutOp(namespace, "k", {})])

    assert filled.batch([op]) == memory.batch([op])


def test_a_batch_reads_before_it_writes_and_the_last_write_counts(store):
    store.put(("a",), "k", {"v": 1})

    results = store.batch(
        [
            PutOp(("a",), "k", {"v": 2}),
            GetOp(("a",), "k"),
            PutOp(("a",), "k", {"v": 3}),
            SearchOp(("a",)),
        ]
    )

    assert [results[0], results[1].value, results[2]] == [None, {"v": 1}, None]
    assert store.get(("a",), "k").value == {"v": 3}


def test_a_batch_writes_all_or_nothing(store):
    with pytest.raises(ValidationError):
        store.batch([PutOp(("a",), "1", {"v": 1}), PutOp(("a",), "2", {"v": float("nan")})])

    assert store.search(("a",)) == []


@pytest.fixture
def aging(store_url, clock):
    with SessionRepository.open(store_url, clock=clock) as repo:
        yield SnakestoreStore(repo, ttl={"default_ttl": 10}), repo


def test_an_item_expires_after_its_ttl(aging, clock):
    store, repo = aging
    store.put(("a",), "default", {})
    store.put(("a",), "own", {}, ttl=1)
    store.put(("b",), "never", {}, ttl=None)

    clock.advance(61)
    after_a_minute = [item.key for item in store.search((), refresh_ttl=False)]
    clock.advance(600)

    assert after_a_minute == ["default", "never"]
    assert store.get(("a",), "default") is None
    assert store.list_namespaces() == [("b",)]
    assert repo.delete_expired() == 2


@pytest.mark.parametrize("read", ["get", "search"])
def test_a_read_refreshes_the_ttl_if_asked(aging, clock, read):
    store, _ = aging

    def touch(key, *, refresh_ttl):
        if read == "get":
            store.get((key,), "k", refresh_ttl=refresh_ttl)
        else:
            store.search((key,), refresh_ttl=refresh_ttl)

    store.put(("kept",), "k", {})
    store.put(("lost",), "k", {})
    clock.advance(400)
    touch("kept", refresh_ttl=True)
    touch("lost", refresh_ttl=False)

    clock.advance(400)

    assert store.get(("lost",), "k") is None
    assert store.get(("kept",), "k") is not None


def test_an_expired_item_can_be_put_again(aging, clock):
    store, _ = aging
    store.put(("a",), "k", {"v": 1})
    clock.advance(3600)

    store.put(("a",), "k", {"v": 2})

    item = store.get(("a",), "k")
    assert (item.value, item.created_at) == ({"v": 2}, clock())


def test_threads_that_put_one_item_at_once_all_succeed(store):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.put(("a",), "k", {"n": n}), range(40)))

    assert store.get(("a",), "k").value["n"] in range(40)


@pytest.mark.parametrize("awaited", [True, False], ids=["async repository", "path"])
def test_methods_can_be_awaited(store_url, awaited):
    async def use(store):
        await store.aput(("a", "b"), "k", {"v": 1})
        await store.aput(("a",), "k", {"v": 2}, ttl=5)
        await store.adelete(("a",), "k")
        item = await store.aget(("a", "b"), "k")
        return item.value, await store.asearch(("a",)), await store.alist_namespaces()

    async def main():
        if awaited:
            async with AsyncSessionRepository.open(store_url) as repo:
                return await use(SnakestoreStore(repo))
        with SnakestoreStore(store_url) as store:
            return await use(store)

    value, found, namespaces = asyncio.run(main())

    assert (value, [item.key for item in found], namespaces) == ({"v": 1}, ["k"], [("a", "b")])
