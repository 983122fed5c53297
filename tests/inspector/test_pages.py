"""The inspector's pages, asked for without a browser."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from snakestore import SessionRepository, StoreError, StoreReadOnlyError, upgrade
from snakestore.storage.schema.revisions import VIEW_NAMES
from snakestore.storage.url import parse
from tests.inspector.conftest import HOSTILE, UNCLOSED
from tests.plans import scanned

pytest.importorskip("datasette", reason="the extra `inspect` is not installed")

from snakestore.inspector import charts, queries, security, server, values
from snakestore.inspector.database import SHORTENED_VIEWS, StoreDatabase
from snakestore.inspector.metadata import VIEWS
from snakestore.inspector.questions import QUESTIONS

pytestmark = UNCLOSED

ROOT = Path(__file__).parents[2]
SCRIPT = re.compile(r"<script|<[^>]+\son\w+=|javascript:", re.IGNORECASE)


def of_session(sid: str, variable: str, program: str, log: str) -> list[tuple[str, dict[str, Any]]]:
    """The addresses of a session and of what it has."""
    return [
        ("/session", {"id": sid}),
        ("/variable", {"session": sid, "name": variable}),
        ("/program", {"session": sid, "id": program}),
        ("/log", {"session": sid, "name": log}),
    ]


GENERAL = [
    ("/", {}),
    ("/sessions", {}),
    ("/store", {}),
    *((f"/store/{name}", {}) for name in VIEW_NAMES),
    *((f"/store/{question.name}", {}) for question in QUESTIONS),
    ("/store", {"sql": "select * from variable_overview"}),
]


def every_page() -> list[tuple[str, dict[str, Any]]]:
    return [
        *GENERAL,
        *of_session("chat-42", "temperature", "qa", "talk"),
        *of_session(HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        *(
            (f"/store/{question.name}", dict.fromkeys(question.parameters, HOSTILE))
            for question in QUESTIONS
            if question.parameters
        ),
    ]


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


def test_an_error_of_the_inspector_is_logged_and_not_shown(browse, store, monkeypatch, caplog):
    monkeypatch.setattr(values, "time", lambda text: 1 / 0)

    answer = browse(store)("/session?id=chat-42")

    assert answer.status_code == 500
    assert "its terminal shows more" in answer.text
    assert "ZeroDivisionError" in caplog.text


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


def content(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


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


def test_every_view_has_a_title_a_description_and_known_columns(store):
    with closing(sqlite3.connect(store)) as connection:
        for name in VIEW_NAMES:
            columns = {row[1] for row in connection.execute(f"PRAGMA table_info({name})")}
            view = VIEWS[name]
            assert view["title"]
            assert view["description"]
            named = {*view["columns"], *view["facets"], *([view["sort"]] if "sort" in view else [])}
            assert named <= columns


def test_a_query_that_takes_too_long_is_ended_and_the_page_says_so(browse, store, monkeypatch):
    monkeypatch.setitem(server.SETTINGS, "sql_time_limit_ms", 20)
    sql = "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n"

    answer = browse(store)(f"/store?{urlencode({'sql': sql})}")

    assert answer.status_code == 400
    assert "The query took too long, and was ended." in answer.text
    assert "&lt;" not in answer.text


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


# --- charts


def encoding(*values_of_versions: str) -> dict[str, Any]:
    chart = charts.history_chart(list(enumerate(values_of_versions)))
    assert chart is not None
    return {
        "interpolate": chart["mark"]["interpolate"],
        "type": chart["encoding"]["y"]["type"],
        "values": [row["value"] for row in chart["data"]["values"]],
    }


def test_numbers_are_lines_and_choices_and_booleans_are_steps():
    assert encoding("0.5", "2") == {
        "interpolate": "linear", "type": "quantitative", "values": [0.5, 2],
    }  # fmt: skip
    assert encoding('"fast"', '"slow"') == {
        "interpolate": "step-after", "type": "nominal", "values": ["fast", "slow"],
    }  # fmt: skip
    assert encoding("true", "false")["interpolate"] == "step-after"


@pytest.mark.parametrize(
    "texts", [[], ["<binary, 3 bytes>"], [f'"text {number}"' for number in range(40)]]
)
def test_what_cannot_be_drawn_has_no_chart(texts):
    assert charts.history_chart(list(enumerate(texts))) is None


@pytest.mark.parametrize(
    "text", ["\x1b[31mred", "\x00", "\ud800", "\ufffe", "a\nb", "<b>&amp;", "\u202ex"]
)
def test_a_chart_of_any_text_is_drawn(text):
    pytest.importorskip("vl_convert", reason="the extra `inspect` is not installed")
    history = charts.history_chart([(0, json.dumps(text)), (1, '"fast"')])
    assert history is not None

    images = [charts.svg(history), charts.svg(charts.time_chart([(text, 1)], "updates"))]

    assert [image[:4] for image in images] == ["<svg", "<svg"]


def test_an_integer_beyond_the_floats_is_drawn_as_a_step():
    assert encoding("1", str(10**400))["interpolate"] == "step-after"


def test_times_are_shown_by_day_where_there_are_many_hours():
    hours = [(f"2026-03-{day:02}T{hour:02}", 1) for day in range(1, 11) for hour in range(24)]

    few, many = charts.time_chart(hours[:5], "x"), charts.time_chart(hours, "x")

    assert few["data"]["values"][0]["time"] == "2026-03-01T00:00:00Z"
    assert many["data"]["values"][0] == {"time": "2026-03-01", "number": 24}
    assert len(many["data"]["values"]) == 10


@pytest.mark.parametrize(
    "address",
    [
        "/chart?kind=sessions",
        "/chart?kind=updates",
        "/chart?kind=variable&session=chat-42&name=temperature",
        "/chart?kind=variable&session=chat-42&name=mode",
        "/chart?kind=variable&session=chat-42&name=vector",
    ],
)
def test_charts_are_images_without_anything_from_elsewhere(browse, store, address):
    pytest.importorskip("vl_convert", reason="the extra `inspect` is not installed")

    answer = browse(store)(address)

    assert answer.headers["content-type"] == "image/svg+xml; charset=utf-8"
    assert answer.text.startswith("<svg")
    assert re.findall(r'(?:href|src)="', answer.text) == []


# --- the command


@pytest.fixture
def cli_runner() -> Any:
    """Runs the command in this process."""
    from typer.testing import CliRunner

    from snakestore.cli.app import app

    return lambda *arguments: CliRunner().invoke(app, arguments, env={"SNAKESTORE_URL": None})


def test_the_command_refuses_what_it_cannot_show(tmp_path, monkeypatch, cli_runner):
    def told(store: str) -> str:
        result = cli_runner("inspect", store)
        assert result.exit_code == 1, result.output
        return result.stderr

    upgrade(tmp_path / "old.db", "0005")
    upgrade(tmp_path / "new.db")

    assert "does not exist" in told(str(tmp_path / "missing.db"))
    assert "db upgrade" in told(str(tmp_path / "old.db"))
    assert "is not a file" in told("sqlite://")
    assert list(tmp_path.glob("missing*")) == []
    monkeypatch.setitem(sys.modules, "snakestore.inspector.server", None)
    assert "pip install 'snakestore[inspect]'" in told(str(tmp_path / "new.db"))


@pytest.mark.slow
def test_the_command_serves_until_it_is_interrupted_and_leaves_nothing(store):
    before = content(store.parent)
    command = [sys.executable, "-u", "-m", "snakestore.cli", "inspect", str(store)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        [address] = re.findall(r"http://127\.0\.0\.1:\d+/", told)
        with urllib.request.urlopen(f"{address}session?id=chat-42") as page:  # noqa: S310 - this machine
            text = page.read().decode()
        port = address.rpartition(":")[2].rstrip("/")
        taken = subprocess.run(
            [*command, "--port", port], cwd=ROOT, capture_output=True, text=True, check=False
        )
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)

    assert "temperature" in text
    assert (process.returncode, rest, errors) == (0, "", "")
    assert taken.returncode == 1
    assert f"cannot serve on port {port}" in taken.stderr
    assert content(store.parent) == before


def test_the_command_opens_a_browser_if_asked(store, monkeypatch, cli_runner):
    from snakestore.inspector import server

    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(server, "serve", lambda url, *, port, started: started(f"{url} {port}"))

    plain = cli_runner("inspect", str(store), "--port", "7")
    asked = cli_runner("inspect", str(store), "--open")

    assert "agent.db 7" in plain.output
    assert len(opened) == 1
    assert asked.exit_code == 0


def test_servers_have_no_file_to_open():
    from snakestore.storage.dialects import backend_of

    url = parse("postgresql:///nothing")

    with pytest.raises(StoreError, match="not a file"):
        backend_of(url).open_unchanged(url, 1.0)
