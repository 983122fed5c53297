"""Completion in editors, notebooks and IPython, which all ask jedi."""

from __future__ import annotations

from pathlib import Path

import jedi
import pytest

import snakestore
from snakestore import SessionRepository

pytestmark = pytest.mark.slow

PROJECT = jedi.Project(str(Path(snakestore.__file__).parents[1]))
REPOSITORY = {"create_session", "get_variable", "session", "transaction", "close"}
VARIABLE = {"name", "value", "version", "metadata", "update_value"}
VIEW = {"get_variable", "items", "get_stats"}
AWAITED = {"create_session", "get_variable", "transaction", "close"}
ASYNC = "async def main():\n    "
OPEN = "repo = SessionRepository.open('agent.db')\n"


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(
        jedi.settings, "cache_directory", str(tmp_path_factory.getbasetemp() / "jedi")
    )


def completed(source: str) -> set[str]:
    """What an editor offers at the end of a script."""
    imports = "from snakestore import AsyncSessionRepository, SessionRepository\n"
    script = jedi.Script(f"{imports}{source}", project=PROJECT)
    return {each.name for each in script.complete()}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (f"{OPEN}repo.", REPOSITORY),
        ("with SessionRepository.open('agent.db') as repo:\n    repo.", REPOSITORY),
        (f"{OPEN}with repo.transaction() as transaction:\n    transaction.", REPOSITORY),
        (f"{OPEN}repo.get_variable('s', 'x').", VARIABLE),
        (f"{OPEN}variable = repo.update_variable('s', 'x', 1)\nvariable.", VARIABLE),
        (f"{OPEN}repo.list_variables('s')[0].", VARIABLE),
        (f"{OPEN}repo.session('s').", VIEW),
        (f"{OPEN}repo.session('s').get_variable('x').", VARIABLE),
        (f"{OPEN}repo.get_session('s').stats.", {"variable_count"}),
        (f"{ASYNC}repo = await AsyncSessionRepository.open('agent.db')\n    repo.", AWAITED),
        (f"{ASYNC}async with AsyncSessionRepository.open('agent.db') as r:\n        r.", AWAITED),
    ],
)
def test_an_editor_completes(source, names):
    assert names - completed(source) == set()


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("repo.", REPOSITORY),
        ("repo.get_variable('s', 'x').", VARIABLE),
        ("view.get_variable('x').", VARIABLE),
        ("SessionRepository.open('agent.db').", REPOSITORY),
    ],
)
def test_a_running_interpreter_completes(source, names):
    with SessionRepository.open("sqlite://") as repo:
        namespace = {
            "SessionRepository": SessionRepository,
            "repo": repo,
            "view": repo.session("s"),
        }
        offered = {each.name for each in jedi.Interpreter(source, [namespace]).complete()}

    assert names - offered == set()


def test_a_running_interpreter_shows_the_options():
    interpreter = jedi.Interpreter(
        "SessionRepository.open('agent.db', ", [{"SessionRepository": SessionRepository}]
    )
    (signature,) = interpreter.get_signatures()

    assert {"default_ttl", "busy_timeout"} <= {each.name for each in signature.params}
