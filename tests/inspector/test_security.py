"""The inspector writes nothing, runs no scripts, and ends queries that take too long."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import pytest

from snakestore import SessionRepository, StoreReadOnlyError
from snakestore.storage.url import parse
from tests.inspector.addresses import every_page
from tests.inspector.conftest import UNCLOSED, content

pytest.importorskip("datasette", reason="the extra `inspect` is not installed")

from snakestore.inspector import security, server
from snakestore.inspector.database import StoreDatabase

pytestmark = UNCLOSED


def test_a_query_that_takes_too_long_is_ended(browse, store):
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"

    answer = browse(store)(f"/store?{urlencode({'sql': endless, '_timelimit': 20})}")

    assert answer.status_code == 400
    assert "interrupted" in answer.text.lower() or "too long" in answer.text


def test_requests_in_the_name_of_other_sites_are_refused(browse, store):
    browser = browse(store)

    assert browser("/", host="evil.example").status_code == 400
    assert browser("/", method="POST").status_code == 405
    assert browser("/", host="localhost:8001").status_code == 200


def test_every_answer_forbids_scripts_and_frames(browse, store):
    browser = browse(store)

    for address in ("/", "/store/session_overview", "/inspector/style.css", "/store/about.json"):
        headers = browser(address).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_headers_of_the_inspector_replace_those_of_the_application():
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        own = [(b"Cache-Control", b"max-age=9"), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": own})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")]}
    asyncio.run(security.guarded(app)(scope, send, send))

    (message,) = sent
    assert message["headers"] == [(b"content-type", b"text/plain"), *security.HEADERS]


def test_looking_changes_no_byte_and_leaves_no_file_behind(browse, store):
    before = content(store.parent)
    browser = browse(store)

    for page, parameters in every_page():
        browser.text(page, **parameters)

    assert content(store.parent) == before


def test_a_writer_at_work_is_not_disturbed_and_its_writes_are_shown(browse, store):
    browser = browse(store)
    with SessionRepository.open(store, busy_timeout=0.1) as repo:
        browser.text("/session", id="chat-42")
        with repo.transaction() as tx:
            tx.set_value("chat-42", "fresh", "not yet")
            assert "not yet" not in browser.text("/session", id="chat-42")
        shown = browser.text("/session", id="chat-42")

    assert "not yet" in shown
    assert sorted(os.listdir(store.parent)) == ["agent.db"]


def test_the_database_refuses_to_write(browse, store):
    browse(store)
    database = StoreDatabase(None, parse(store))

    with pytest.raises(StoreReadOnlyError, match="does not write"):
        database.connect(write=True)
    with (
        closing(database.connect()) as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("DELETE FROM sessions")


def test_a_query_that_takes_too_long_is_ended_and_the_page_says_so(browse, store, monkeypatch):
    monkeypatch.setitem(server.SETTINGS, "sql_time_limit_ms", 20)
    sql = "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n"

    answer = browse(store)(f"/store?{urlencode({'sql': sql})}")

    assert answer.status_code == 400
    assert "The query took too long, and was ended." in answer.text
    assert "&lt;" not in answer.text
