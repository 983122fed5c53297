"""The async repository has every verb of the other, with the same arguments."""

from __future__ import annotations

import ast
import asyncio
import inspect
import textwrap

import pytest

from snakestore import AsyncSessionRepository, SessionRepository

WITHOUT_A_DATABASE = {"session", "log", "transaction", "lease", "open", "close"}
OF_OWN_CODE = {"export_sessions", "import_sessions"}  # they iterate: not one call of a method
VERBS = sorted(
    {
        name
        for name, member in vars(AsyncSessionRepository).items()
        if inspect.iscoroutinefunction(member) and not name.startswith("_")
    }
    - OF_OWN_CODE
)


def test_every_verb_is_there_and_no_other():
    verbs = {
        name
        for name, member in inspect.getmembers(SessionRepository, inspect.isfunction)
        if not name.startswith("_")
    }

    assert verbs - WITHOUT_A_DATABASE == set(VERBS) - WITHOUT_A_DATABASE | OF_OWN_CODE


@pytest.mark.parametrize("name", VERBS)
def test_a_method_takes_the_same_arguments_and_has_the_same_docstring(name):
    awaited, verb = getattr(AsyncSessionRepository, name), getattr(SessionRepository, name)

    assert inspect.iscoroutinefunction(awaited)
    assert inspect.signature(awaited, eval_str=True) == inspect.signature(verb, eval_str=True)
    assert name == "close" or awaited.__doc__ == verb.__doc__


@pytest.mark.parametrize("name", [*sorted(OF_OWN_CODE), "open", "transaction", "lease", "__init__"])
def test_what_is_no_verb_takes_the_same_arguments_too(name):
    def parameters(kind):
        return [
            (each.name, each.kind, each.default)
            for each in inspect.signature(getattr(kind, name)).parameters.values()
        ]

    there, here = parameters(SessionRepository), parameters(AsyncSessionRepository)

    assert here == there


def test_there_is_no_view():
    assert not hasattr(AsyncSessionRepository, "session")
    assert not hasattr(AsyncSessionRepository, "log")


class Recorder:
    """Says by which method of a dispatcher a method of the repository is run."""

    def __getattr__(self, name):
        async def run(_method, _args, _kwargs, *, alone=False):
            return f"{name} alone" if alone else name

        return run


def kind_of(name):
    repository = AsyncSessionRepository._on(Recorder())
    return asyncio.run(getattr(repository, name)())


def runs_of(name):
    """What a method of the synchronous repository has its runner do, in the order of the source."""
    source = textwrap.dedent(inspect.getsource(getattr(SessionRepository, name)))
    runner = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr == "_runner"
    ]
    calls = [
        node.func.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Attribute)
        and node.func.value.attr == "_runner"
    ]
    return calls + ["elsewhere"] * (len(runner) - len(calls))


@pytest.mark.parametrize("name", [name for name in VERBS if name != "close"])
def test_a_method_waits_as_what_it_does_demands(name):
    runs = set(runs_of(name))
    reads = runs <= {"lookup", "read", "lookup_row", "backend", "elsewhere"}

    if kind_of(name) == "read":
        assert reads
    elif kind_of(name) == "write":
        assert runs == {"write"}
    elif kind_of(name) == "write alone":
        assert runs == {"write_calling"}
    else:
        assert kind_of(name) == "in_steps"
        assert "elsewhere" in runs or len(runs) > 1
