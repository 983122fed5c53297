from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from snakestore import SessionRepository, copy, create_engine, upgrade
from snakestore.errors import StoreError, ValidationError
from snakestore.storage.dialects.sqlite.url import address_of
from snakestore.storage.url import describe, parse


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["agent.db", "what? 100%.db", "räksmörgås 🐍.db", "a#b&c=d.db", "sub/../agent.db"]
)
@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_names_the_file_of_that_very_name(name: str, kind: type, inside: Path) -> None:
    address = address_of(parse(kind(name)))

    assert address.path == str(inside / name.removeprefix("sub/../"))


@pytest.mark.parametrize(
    ("given", "path", "parameters"),
    [
        ("sqlite:///agent.db", "agent.db", {}),
        ("file:agent.db", "agent.db", {}),
        ("file:agent.db?mode=ro", "agent.db", {"mode": "ro"}),
        ("file:agent.db?mode=ro&uri=true", "agent.db", {"mode": "ro"}),
        ("file:a%3Fb.db?mode=ro", "a?b.db", {"mode": "ro"}),
        ("sqlite:///file:agent.db?mode=ro&uri=true", "agent.db", {"mode": "ro"}),
        ("sqlite:///agent.db?mode=ro", "agent.db", {"mode": "ro"}),
        ("sqlite:///file:agent.db", "file:agent.db", {}),
        ("sqlite+pysqlite:///agent.db", "agent.db", {}),
        (Path("file:agent.db"), "file:agent.db", {}),
        (URL.create("sqlite", database="agent.db"), "agent.db", {}),
    ],
)
def test_every_form_of_a_file_is_read_as_one_absolute_path(
    given: Any, path: str, parameters: dict[str, str], inside: Path
) -> None:
    address = address_of(parse(given))

    assert (address.path, dict(address.parameters)) == (str(inside / path), parameters)


@pytest.mark.parametrize(
    "given",
    [
        "file:///srv/agent.db?mode=ro",
        "file://localhost/srv/agent.db?mode=ro",
        "sqlite:////srv/agent.db?mode=ro",
    ],
)
def test_absolute_uris_are_read(given: str) -> None:
    address = address_of(
        parse(
            given.replace("file://", "sqlite:///file://") + "&uri=true"
            if given.startswith("file://")
            else given
        )
    )

    assert (address.path, address.read_only) == ("/srv/agent.db", True)


@pytest.mark.parametrize(
    "given",
    [
        "sqlite://",
        ":memory:",
        "sqlite:///:memory:",
        "file::memory:?uri=true",
        "file:shared?mode=memory&cache=shared",
        "sqlite:///",
    ],
)
def test_a_database_in_memory_has_no_path(given: str) -> None:
    assert address_of(parse(given)).path is None


@pytest.mark.parametrize(
    "given",
    [
        "agent.db",
        "file:a%3Fb.db?mode=ro",
        "sqlite://",
        "file:shared?mode=memory&cache=shared",
        "postgresql://ada:secret@db/agents?sslmode=require",
    ],
)
def test_parsing_twice_changes_nothing(given: str) -> None:
    assert parse(parse(given)) == parse(given)


def test_a_relative_path_stays_where_it_was_when_the_folder_changes(
    inside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = parse("agent.db")
    monkeypatch.chdir("/")

    assert address_of(url).path == str(inside / "agent.db")


@pytest.mark.parametrize(
    "given", ["postgresql://ada:secret@db/agents", "postgresql+psycopg://ada:secret@db/agents"]
)
def test_a_server_is_reached_through_psycopg(given: str) -> None:
    assert parse(given).drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("", ValidationError),
        ("a\0b", ValidationError),
        (5, ValidationError),
        (None, ValidationError),
        (b"agent.db", ValidationError),
        ("sqlite://agent.db", ValidationError),
        ("sqlite:///agent.db?timeout=5", ValidationError),
        ("file://host/agent.db", ValidationError),
        ("postgresql://ada:secret@db:port/agents", ValidationError),
        ("postgresql://ada:a@secret@db/agents", ValidationError),
        ("postgresql://ada:a@db/secret@db/agents", ValidationError),
        ("postgresql://ada@db:5432/agents?password=a@secret", ValidationError),
        ("postgresql://db:5432?password=a@secret", ValidationError),
        ("postgresql://ada:a?secret@db/agents", ValidationError),
        ("postgresql://ada:secret", ValidationError),
        ("postgresql:/ada:secret@db/agents", ValidationError),
        ("PostgreSQL+psycopg:ada:secret@db/agents", ValidationError),
        ("://secret", ValidationError),
        ("mysql://ada:secret@db/agents", StoreError),
        ("mariadb+pymysql://ada:secret@db/agents", StoreError),
        ("postgres://ada:secret@db/agents", StoreError),
        ("postgresql+psycopg2://ada:secret@db/agents", StoreError),
        ("sqlite+aiosqlite:///agent.db", StoreError),
        ("https://secret/agent.db", StoreError),
    ],
)
def test_what_is_no_store_is_refused_without_telling_the_password(
    given: Any, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        parse(given)

    assert "secret" not in str(caught.value) + repr(caught.value)
    assert "secret" not in repr(caught.value.__context__)


def test_a_message_shows_a_file_by_its_path_and_a_server_without_password(inside: Path) -> None:
    assert describe(parse("file:agent.db?mode=ro")) == str(inside / "agent.db")
    for url in (
        "postgresql://ada:secret@db/agents",
        "postgresql://ada@db/agents?password=secret",
        "postgresql://ada@db/agents?sslmode=require&sslpassword=secret",
    ):
        assert "secret" not in describe(parse(url))
    assert describe(parse("postgresql://db/agents?sslmode=require")).endswith("?sslmode=require")


QUERIES_WITH_SECRETS = [
    "password=hunter2",
    "PASSWORD=hunter2",
    "pass%77ord=h%75nter2",
    "password=a%40hunter2",
    "password=1&password=hunter2",
    "sslmode=require&sslpassword=hunter2",
    "oauth_client_secret=hunter2",
    "scram_client_key=hunter2",
    "options=-c%20app.token%3Dhunter2",
    "passwd=hunter2",
    "application_name=x%40hunter2",
    "dbname=host%3D127.0.0.1%20password%3Dhunter2",
]


@pytest.mark.parametrize("query", QUERIES_WITH_SECRETS)
def test_a_password_in_the_query_of_a_url_is_not_shown(
    query: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    given = f"postgresql://ada@127.0.0.1:1/agents?{query}"
    engine = create_engine(given)
    refusals = []
    for attempt in (
        engine.connect,
        lambda: SessionRepository.open(given),
        lambda: SessionRepository.open(given, migrate=True),
        lambda: upgrade(given),
        lambda: copy(given, "target.db"),
    ):
        with pytest.raises((StoreError, SQLAlchemyError)) as caught:
            attempt()
        refusals += traceback.format_exception(caught.value)

    shown = [describe(parse(given)), repr(parse(given)), repr(engine), str(engine.url), *refusals]
    assert [text for text in [*shown, caplog.text] if "hunter2" in text] == []
    assert "hunter2" in engine.url.render_as_string(hide_password=False).replace("%75", "u")


def test_an_engines_own_url_opens_the_same_database() -> None:
    given = parse("postgresql://ada:secret@db/agents?options=-csearch_path%3Dmine&sslpassword=s")

    again = parse(create_engine(given).url)

    assert again.difference_update_query(["client_encoding"]) == given


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        *((text, "sqlite:///") for text in ("jdbc:sqlite:v.db", "sqlite:g.db", "sqlite:/f.db")),
        *((text, "sqlite:///") for text in ("jdbc:sqlite://v.db", "SQLite:g.db", "sqlite3:g.db")),
        *((text, "postgresql://") for text in ("mysql:x", "postgres:x", "postgresql+psycopg:x")),
        ("agent.db\n", "line break"),
        ("sqlite:///agent.db\r\n", "line break"),
        ('"agent.db"', "quotes"),
        ("'sqlite:///agent.db'", "quotes"),
        (" 'agent.db' ", "quotes"),
        ("\u201cagent.db\u201d", "quotes"),
        ("agent\u2028.db", "line break"),
        ("host=localhost dbname=agent password=secret", "postgresql://"),
        ("dbname = agent", "postgresql://"),
        ("ada:secret@db/agents", "postgresql://"),
        ("postgresql//ada:secret@db:5432/agents", "postgresql://"),
    ],
)
def test_text_that_is_meant_otherwise_is_no_path(given: str, remedy: str) -> None:
    with pytest.raises(ValidationError, match=remedy) as caught:
        parse(given)

    assert given not in str(caught.value)


@pytest.mark.parametrize("name", ["user:1.db", "a\nb.db", "'a.db'", "sqlite:g.db", "a:b@c/d.db"])
def test_a_path_object_may_have_any_name(name: str, inside: Path) -> None:
    assert address_of(parse(Path(name))).path == str(inside / name)


def test_text_with_a_colon_may_be_a_path(inside: Path) -> None:
    for name in ("user:1.db", "user:1@home.db", "a/b:c@d/e.db", "file:a@b/c.db"):
        assert address_of(parse(name)).path == str(inside / name.removeprefix("file:"))
