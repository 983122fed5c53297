"""The async repository has every verb of the other, with the same arguments."""

from __future__ import annotations

import inspect

import pytest

from snakestore import AsyncSessionRepository, SessionRepository

WITHOUT_A_DATABASE = {"session", "transaction", "open", "close"}
VERBS = sorted(
    name
    for name, member in vars(AsyncSessionRepository).items()
    if inspect.iscoroutinefunction(member) and not name.startswith("_")
)


def test_every_verb_is_there_and_no_other():
    verbs = {
        name
        for name, member in inspect.getmembers(SessionRepository, inspect.isfunction)
        if not name.startswith("_")
    }

    assert verbs - WITHOUT_A_DATABASE == set(VERBS) - WITHOUT_A_DATABASE


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_takes_the_same_arguments_and_tells_the_same_about_itself(name):
    awaited, verb = getattr(AsyncSessionRepository, name), getattr(SessionRepository, name)

    assert inspect.iscoroutinefunction(awaited)
    assert inspect.signature(awaited) == inspect.signature(verb)
    assert name == "close" or awaited.__doc__ == verb.__doc__


@pytest.mark.parametrize("name", ["open", "transaction", "__init__"])
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
