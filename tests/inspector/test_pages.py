"""The inspector's pages, asked for without a browser."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from snakestore import SessionRepository, upgrade
from snakestore.storage.schema.revisions import VIEW_NAMES
from tests.inspector.addresses import GENERAL, every_page, of_session
from tests.inspector.conftest import UNCLOSED
from tests.plans import scanned

pytest.importorskip("datasette", reason="the extra `inspect` is not installed")

from snakestore.inspector import queries, values
from snakestore.inspector.database import SHORTENED_VIEWS
from snakestore.inspector.metadata import VIEWS

pytestmark = UNCLOSED

SCRIPT = re.compile(r"<script|<[^>]+\son\w+=|javascript:", re.IGNORECASE)


def test_every_page_is_answered_and_text_of_the_store_is_no_markup(browse, store):
    browser = browse(store)

    pages = {str(page): browser.text(page[0], **page[1]) for page in every_page()}

    assert not [page for page, text in pages.items() if SCRIPT.search(text)]
    shown = [page for page, text in pages.items() if "&lt;script&gt;document.title" in text]
    assert len(shown) >= 15


def test_a_session_shows_what_it_has_side_by_side(browse, store):
    text = browse(store).text("/session", id="chat-42")

    for shown in ("temperature", "held by tuner-1", "qa", "talk", "rollback", "ada"):
        assert shown in text
    assert re.findall(r"<h2>(\w+)", text) == ["Variables", "History", "Programs", "Logs"]


def test_a_variable_shows_its_value_chart_and_versions(browse, store):
    text = browse(store).text("/variable", session="chat-42", name="temperature")

    assert "worse answers (back to 3)" in text
    assert 'src="/chart?kind=variable&amp;session=chat-42&amp;name=temperature"' in text
    assert text.count("whole</a>") == 30


def test_long_json_is_folded_and_pretty_printed_and_short_json_is_not():
    long = json.dumps({"steps": list(range(60)), "ä": "</pre>"})

    folded, short = values.document(long), values.document('{"a":1}')

    assert folded.startswith("<details")
    assert "\n  &#34;ä&#34;: &#34;&lt;/pre&gt;&#34;\n}</pre>" in str(folded)
    assert short == '<code class="value">{&#34;a&#34;:1}</code>'


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ('"one\\ntwo"', "one\ntwo"),
        ('"one"', '"one"'),
        ("[1, 2]", "[1, 2]"),
        ("{not json", "{not json"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_a_value_is_shown_as_it_is_unless_line_breaks_help(given, shown):
    assert values.pretty(given) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2 * 10**9, "2.0 GB")],
)
def test_sizes_have_the_unit_that_suits_them(number, shown):
    assert f">{shown}<" in values.size(number)


def test_lists_continue_on_the_next_page(browse, tmp_path):
    with SessionRepository.open(tmp_path / "s.db") as repo:
        for number in range(120):
            repo.create_session(f"s{number:03}")
        repo.append_log("s000", "log", list(range(120)))
    browser = browse(tmp_path / "s.db")

    seen, address = [], "/sessions"
    while address:
        text = browser(address).text
        seen += re.findall(r">(s\d\d\d)<", text)
        following = re.search(r'<a href="([^"]+)">More sessions', text)
        address = "" if following is None else following[1].replace("&amp;", "&")
    entries = browser.text("/log", session="s000", name="log", before=20)

    assert seen == [f"s{number:03}" for number in range(120)]
    assert re.findall(r'number">(\d+)</td><td><code', entries)[:2] == ["19", "18"]
    assert ">s119<" in browser.text("/sessions", prefix="s11")
    assert ">s120<" not in browser.text("/sessions", prefix="s11")


def test_a_whole_value_is_text_or_bytes_to_save(browse, store):
    browser = browse(store)

    text = browser("/value?session=chat-42&name=prompt&version=0")
    blob = browser("/value?session=chat-42&name=vector&version=0")
    entry = browser("/value?kind=log&session=chat-42&name=talk&version=7")
    document = browser("/value?kind=program&session=chat-42&id=qa&version=0")

    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert json.loads(text.text).startswith("Be brief.\n")
    assert blob.headers["content-type"] == "application/octet-stream"
    assert blob.content.startswith(b"snk")
    assert (entry.json()["n"], len(document.json()["demos"])) == (7, 8)


@pytest.mark.slow
def test_a_page_stays_small_whatever_the_size_of_a_value(browse, tmp_path):
    with SessionRepository.open(tmp_path / "s.db", max_value_bytes=40_000_000) as repo:
        repo.create_session("s")
        repo.register_variable("s", "large", "string", "<x>" * 10_000_000)
        repo.append_log("s", "log", ["y" * 20_000_000])
        repo.put_program("s", "p", ["z" * 20_000_000])
    browser = browse(tmp_path / "s.db")

    for page, parameters in [*GENERAL, *of_session("s", "large", "p", "log")]:
        assert len(browser.text(page, **parameters)) < 1_000_000, page


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/session?id=none", 404),
        ("/session", 404),
        ("/variable?session=chat-42&name=none", 404),
        ("/log?session=chat-42&name=talk&before=x", 404),
        (f"/log?session=chat-42&name=talk&before={2**64}", 404),
        ("/chart?kind=pie", 404),
        ("/value?kind=pie&session=chat-42&name=temperature&version=0", 404),
        ("/value?session=chat-42&name=temperature", 404),
        ("/value?session=chat-42&name=temperature&version=-1", 404),
        ("/store/sessions", 403),
        ("/store/variables", 403),
        ("/store/none", 404),
        ("/store.db", 403),
        ("/store?sql=delete+from+sessions", 400),
        ("/store?sql=select+nothing", 400),
        ("/store?sql=select+1+from+sessions,+sessions,+sessions%3B+drop+table+sessions", 400),
        ("/-/metadata", 404),
        ("/-/databases", 404),
        ("/_internal", 404),
    ],
)
def test_what_there_is_not_is_answered_with_a_page_that_says_so(
    browse, store, capsys, address, status
):
    answer = browse(store)(address)

    assert answer.status_code == status
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    assert "Traceback" not in "".join(capsys.readouterr())


def test_a_damaged_row_is_told_with_the_command_that_finds_it(browse, store, capsys):
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE variables SET metadata = '{damaged' WHERE name = 'debug'")
    browser = browse(store)

    answer = browser("/session?id=chat-42")

    assert answer.status_code == 500
    assert "malformed JSON: run `snakestore check`" in answer.text
    assert "temperature" in browser.text("/variable", session="chat-42", name="temperature")
    assert "".join(capsys.readouterr()) == ""


@pytest.mark.parametrize(
    ("damage", "address"),
    [
        (
            "UPDATE variable_versions SET value = NULL WHERE version = 3",
            "/variable?session=chat-42&name=temperature",
        ),
        ("UPDATE sessions SET metadata = x'ff00'", "/store/session_overview"),
    ],
    ids=["no value", "bytes"],
)
def test_what_is_damaged_is_shown_where_it_can_be(browse, store, damage, address):
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(damage)

    answer = browse(store)(address)

    assert answer.status_code == 200


def test_an_error_of_the_inspector_is_logged_and_not_shown(browse, store, monkeypatch, caplog):
    monkeypatch.setattr(values, "time", lambda text: 1 / 0)

    answer = browse(store)("/session?id=chat-42")

    assert answer.status_code == 500
    assert "its terminal shows more" in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_every_view_has_a_title_a_description_and_known_columns(store):
    with closing(sqlite3.connect(store)) as connection:
        for name in VIEW_NAMES:
            columns = {row[1] for row in connection.execute(f"PRAGMA table_info({name})")}
            view = VIEWS[name]
            assert view["title"]
            assert view["description"]
            named = {*view["columns"], *view["facets"], *([view["sort"]] if "sort" in view else [])}
            assert named <= columns


def test_views_have_facets(browse, store):
    text = browse(store).text("/store/variable_overview")

    for facet in ("type", "source", "optimizing"):
        assert f"<h2>{facet}</h2>" in text
    assert "_facet" in text or "type=float" in text


@pytest.mark.parametrize("name", queries.INDEXED)
def test_a_page_reads_a_range_of_an_index(tmp_path: Path, name: str) -> None:
    upgrade(tmp_path / "s.db")
    parameters = dict.fromkeys(re.findall(r":(\w+)", queries.INDEXED[name]), 1)
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        for statement in SHORTENED_VIEWS:
            connection.execute(statement)
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN {queries.INDEXED[name]}", parameters
        ).fetchall()

    assert scanned(plan) - {"newest"} == set()


@pytest.mark.parametrize("sql", [queries.SESSIONS_OVER_TIME, queries.UPDATES_OVER_TIME])
def test_a_chart_over_time_reads_the_sessions_at_most(tmp_path: Path, sql: str) -> None:
    upgrade(tmp_path / "s.db")
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()

    assert scanned(plan) == {"sessions"}
