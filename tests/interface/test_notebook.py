"""What IPython and Jupyter show of values and stores, and how they complete keys."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from IPython.core.completer import IPCompleter, provisionalcompleter
from IPython.core.formatters import DisplayFormatter
from sqlalchemy.orm import Session

from snakestore import LogView, SessionRepository, SessionView, create_engine, create_variable

EVIL = "<script>alert(1)</script>"
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def repo():
    with SessionRepository.open("sqlite://", clock=lambda: NOW) as repo:
        repo.create_session("s", ttl=60, metadata={"user": EVIL})
        repo.set_value("s", "rate", 0.5)
        yield repo


def html(shown: object) -> str:
    """What a notebook displays."""
    data, _ = DisplayFormatter().format(shown)
    return str(data["text/html"])


def rows(shown: object) -> int:
    return html(shown).count("<tr><td>")


def shown_objects(repo: SessionRepository) -> list[object]:
    view = repo.session("s")
    return [repo, view, view.log("turns"), view.get_variable("rate"), view.get_session()]


@pytest.mark.parametrize("evil", [EVIL, '"><img src=x onerror=alert(1)>', "&lt;b&gt;"])
def test_text_of_the_store_is_escaped_everywhere(repo, evil):
    repo.create_session(evil, metadata={evil: evil})
    repo.register_variable(evil, evil, "json", {evil: evil}, metadata={evil: evil})
    repo.register_variable(evil, "text", "string", evil)
    repo.put_program(evil, evil, {})
    repo.append_log(evil, evil, [evil, {evil: evil}])
    view = repo.session(evil)
    shown = [repo, view, view.log(evil), view.get_session(), repo.session("missing" + evil)]
    shown += [view.get_variable("text"), view.get_variable(evil)]

    tags = {tag for each in shown for tag in re.findall(r"<[^>]*>", html(each))}

    assert {tag.strip("</>") for tag in tags} == {
        "caption",
        "p",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
    }
    assert evil not in "".join(map(html, shown))


def test_a_session_shows_its_variables_programs_and_logs(repo):
    repo.put_program("s", "qa", {"demos": []})
    repo.append_log("s", "turns", [1, 2, 3])

    shown = html(repo.session("s"))

    assert "<td>rate</td><td>float</td><td>0.5</td><td>0</td><td>2030-01-01 00:00:00</td>" in shown
    assert "<td>qa</td><td>0</td>" in shown
    assert "<td>turns</td><td>3</td>" in shown


def test_at_most_100_rows_are_shown(repo):
    for number in range(120):
        repo.create_session(f"s{number}")
    repo.set_values("s", {f"v{number}": number for number in range(120)})
    repo.append_log("s", "turns", list(range(120)))

    assert [rows(repo), rows(repo.session("s"))] == [100, 101]  # and the row of the log
    assert "only the first 100 are shown" in html(repo.session("s"))
    assert "the newest 100 of 120 entries" in html(repo.log("s", "turns"))
    assert "<td>119</td>" in html(repo.log("s", "turns"))


def test_values_are_shown_cut_however_large_they_are(repo):
    repo.set_values("s", {"text": "x" * 10**6, "list": [1] * 10**5, "raw": b"x" * 10**6})
    view = repo.session("s")

    for shown in (view, *(view.get_variable(name) for name in ("text", "list", "raw"))):
        assert len(html(shown)) < 2000
        assert len(repr(shown)) < 200
    assert "&lt;1,000,000 bytes&gt;" in html(view)


def test_showing_and_completing_count_as_no_access(tmp_path: Path):
    now = NOW
    with SessionRepository.open(tmp_path / "a.db", clock=lambda: now) as repo:
        repo.create_session("s", ttl=60)
        repo.set_value("s", "x", 1)
        repo.append_log("s", "turns", [1])
        now += timedelta(seconds=50)

        for shown in (repo, repo.session("s"), repo.log("s", "turns")):
            html(shown)
        repo.session("s")._ipython_key_completions_()

        [session] = repo.list_sessions()
        assert session.last_accessed == NOW


def test_what_cannot_be_read_shows_the_reason(repo, tmp_path):
    view, log = repo.session("s"), repo.log("s", "turns")
    variable, session = view.get_variable("rate"), view.get_session()
    repo.close()

    for shown in (repo, view, log):
        assert "StoreError: the repository is closed" in html(shown)
    assert view._ipython_key_completions_() == []
    assert repr(repo).endswith("closed>")
    assert "0.5" in html(variable)
    assert "alert" in html(session)


def test_a_missing_or_expired_session_shows_the_reason():
    now = NOW
    with SessionRepository.open("sqlite://", clock=lambda: now) as repo:
        repo.create_session("s", ttl=60)
        now += timedelta(seconds=61)

        assert "SessionExpiredError" in html(repo.session("s"))
        assert "SessionNotFoundError" in html(repo.log("missing", "turns"))
        assert rows(repo) == 1


def test_a_value_of_an_unknown_type_is_shown_as_stored(tmp_path):
    with SessionRepository.open(tmp_path / "a.db") as repo:
        repo.create_session("s")
        repo.set_value("s", "x", "kept")
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("UPDATE variables SET type = 'gone', last_updated_at = 'never'")
    connection.close()

    with SessionRepository.open(tmp_path / "a.db") as repo:
        assert "<td>gone</td><td>&quot;kept&quot;</td>" in html(repo.session("s"))


def test_reprs_are_short_and_show_no_password(repo):
    view = repo.session("s")

    assert repr(repo) == "<SessionRepository the database in memory>"
    assert repr(view.get_variable("rate")) == "<Variable 'rate': float 0.5, version 0>"
    assert repr(view.get_session()) == "<Session 's': 1 variables, 0 programs, ttl 60.0>"
    assert repr(view) == "SessionView('s', strict=False)"
    assert repr(view.log("turns")) == "LogView('s', 'turns')"
    assert repr(view.put_program("qa", {"a": 1})) == "<Program 'qa': {'a': 1}, version 0>"


def test_a_repr_of_a_repository_names_the_database_of_every_bind(tmp_path):
    path = tmp_path / "a.db"
    SessionRepository.open(path).close()
    engine = create_engine(path)
    secret = create_engine("postgresql://me:hunter2@h/x")

    with engine.connect() as connection, Session(engine) as session:
        shown = [repr(SessionRepository(bind)) for bind in (engine, connection, session)]

    assert shown == [f"<SessionRepository {path}>"] * 3
    assert "hunter2" not in repr(SessionRepository(secret))
    engine.dispose()


def test_a_repr_of_a_variable_of_ones_own_never_raises():
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    variable = create_variable(name="x", type="json", value=1).update_value(Broken())

    assert "Broken" in repr(variable)


def test_ipython_completes_the_keys_of_a_view(repo):
    repo.set_values("s", {"prompt": "Answer.", "prompt/old": "Guess."})
    completer = IPCompleter(namespace={"view": repo.session("s")}, use_jedi=False)

    with provisionalcompleter():
        text = 'view["prom'
        found = {each.text for each in completer.completions(text, len(text))}

    assert {"prompt", "prompt/old"} <= {each.strip('"]') for each in found}


def test_views_of_a_transaction_show_what_it_has_written(repo):
    with repo.transaction() as transaction:
        transaction.set_value("s", "new", 1)

        assert "<td>new</td>" in html(transaction.session("s"))
        assert isinstance(transaction.session("s"), SessionView)
        assert isinstance(transaction.log("s", "turns"), LogView)
