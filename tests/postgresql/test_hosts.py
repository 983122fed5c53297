"""URLs of several servers, in each spelling, and what they show of their password."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from sqlalchemy import URL

import snakestore
from snakestore import SessionRepository, StoreError, ValidationError
from snakestore.storage.url import describe, parse
from tests.cli.conftest import Cli

SPELLINGS = {
    "postgresql://u:p@a,b/db": ("a,b", None),
    "postgresql://u:p@a:1,b:2/db": ("a,b", "1,2"),
    "postgresql://u:p@a,b:2/db": ("a,b", "5432,2"),
    "postgresql+psycopg://u:p@a:1,b:2,c/db?connect_timeout=3": ("a,b,c", "1,2,5432"),
    "postgresql://u:p@[::1]:1,[fe80::1]:2/db": ("::1,fe80::1", "1,2"),
    "postgresql://u:p@10.0.0.1:1,b.example:2/db": ("10.0.0.1,b.example", "1,2"),
    "postgresql://u:p@/db?host=a,b": ("a,b", None),
    "postgresql://u:p@/db?host=a:1,b:2": ("a,b", "1,2"),
    "postgresql://u:p@/db?host=a:1&host=b:2": ("a,b", "1,2"),
    "postgresql://u:p@/db?host=a&host=b": ("a,b", None),
    "postgresql://u:p@/db?host=a,b&port=1,2": ("a,b", "1,2"),
    "postgresql://u:p@/db?host=::1,::2": ("::1,::2", None),
    "postgresql://u:p@/db?host=/run/a,/run/b": ("/run/a,/run/b", None),
}


@pytest.mark.parametrize("text", SPELLINGS)
def test_several_hosts_are_read_in_every_spelling(text: str) -> None:
    url = parse(f"{text}{'&' if '?' in text else '?'}target_session_attrs=read-write")

    hosts, ports = SPELLINGS[text]
    assert (url.username, url.password, url.database) == ("u", "p", "db")
    assert (url.query["host"], url.query.get("port")) == (hosts, ports)
    assert url.query["target_session_attrs"] == "read-write"
    assert parse(url) == url
    assert ":p@" not in describe(url)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ada:hun,ter2@db/agents",
        "postgresql://ada:hun,ter2@db:5433/agents",
        "postgresql://ada:hun/t,er2@db/agents",
        "postgresql://ada:hun,ter2@a:1,b:2/agents",
        "postgresql://ada:hun%2Cter2@a,b/agents",
    ],
)
def test_a_comma_of_a_password_is_no_host(text: str) -> None:
    url = parse(text)

    assert str(url.password).startswith("hun")
    assert url.username == "ada"
    assert "hun" not in describe(url) + repr(url) + str(url)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ada:hunter2@a:1,b:x/agents",
        "postgresql://ada:hunter2@a:1,server:2:3/agents",
        "postgresql://ada:hunter2@a,[::1/agents",
        "postgresql://ada:hun@ter2@a:1,b:2/agents",
        "postgresql://ada:hu,nter2?x@a:1,b:2/agents",
        "postgresql://ada:hunter2@/agents?host=a:x,b:2",
        "postgresql://ada:hunter2@/agents?host=a:x&host=b:2",
    ],
)
def test_hosts_that_are_malformed_are_refused_without_a_password(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        parse(text)

    assert "hunter2" not in str(refused.value)
    assert "nter2" not in str(refused.value)
    assert "host" in str(refused.value)


@pytest.fixture
def several(url: URL, tmp_path: Path) -> URL:
    """The server, after one that is down."""
    host = str(url.query.get("host") or url.host)
    port = str(url.port or 5432)
    return url.set(host=None, port=None).update_query_dict(
        {"host": f"{tmp_path},{host}", "port": f"1,{port}"}
    )


def test_a_server_after_one_that_is_down_is_used_by_everything(
    several: URL, tmp_path: Path
) -> None:
    shown = several.render_as_string(hide_password=False)
    source = tmp_path / "source.db"
    with SessionRepository.open(source) as repo:
        repo.create_session("s")
        repo.register_variable("s", "x", "float", 1.0)

    snakestore.upgrade(shown)
    report = snakestore.copy(source, shown)
    Cli()("set", shown, "s", "x", "2.0")
    for attributes in ("any", "read-write", "primary"):
        address = several.update_query_dict({"target_session_attrs": attributes})
        with SessionRepository.open(address) as repo:
            assert repo.get_value("s", "x") == 2.0

    assert report.copied == 1


def test_no_password_of_several_hosts_is_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, several: URL
) -> None:
    secret = "hunter2"  # noqa: S105 - of nobody
    down = several.set(password=secret).update_query_dict(
        {"host": f"{tmp_path},{tmp_path}", "port": "1,2"}
    )

    with pytest.raises(StoreError) as refused:
        SessionRepository.open(down)

    shown: list[str] = []
    error: BaseException | None = refused.value
    while error is not None:
        shown.append(repr(error) + str(error))
        error = error.__cause__
    assert "hunter2" not in "".join(shown) + caplog.text
    assert "hunter2" not in Cli()("sessions", down.render_as_string(hide_password=False), code=1)


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_reported_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://ada@127.0.0.1:{silent.getsockname()[1]}/agents?connect_timeout=2"

        with pytest.raises(StoreError, match="the connection to the server failed"):
            SessionRepository.open(url)
