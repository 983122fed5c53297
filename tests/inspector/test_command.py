"""The command ``inspect``."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from snakestore import StoreError, upgrade
from snakestore.storage.url import parse
from tests.inspector.conftest import UNCLOSED, content

pytest.importorskip("datasette", reason="the extra `inspect` is not installed")

from snakestore.inspector import server

pytestmark = UNCLOSED


ROOT = Path(__file__).parents[2]


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
