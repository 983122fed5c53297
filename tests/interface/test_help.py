"""What ``help()`` and Python's own errors say about the classes that users know."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import pydoc
import re
from typing import get_type_hints

import pytest

import snakestore
from snakestore import AsyncSessionRepository, SessionRepository, SessionView

CLASSES = [SessionRepository, AsyncSessionRepository, SessionView]


def public_methods(cls: type) -> list[str]:
    return [
        name
        for name, member in inspect.getmembers(cls, callable)
        if not name.startswith("_") and name not in dir(dict)
    ]


def help_on(subject: object) -> str:
    return pydoc.plain(pydoc.render_doc(subject))


@pytest.mark.parametrize("cls", [SessionRepository, AsyncSessionRepository])
def test_the_docstring_lists_every_method_once_by_group(cls):
    listed = re.findall(r"^        ((?:\w+, )*\w+),?$", cls.__doc__, re.MULTILINE)
    names = [name for line in listed for name in line.split(", ")]

    assert sorted([*names, "session", "log"]) == sorted({*public_methods(cls), "session", "log"})
    assert len(re.findall(r"^    \S.*:$", cls.__doc__, re.MULTILINE)) >= 10


def test_help_on_the_repository_shows_its_methods_and_nothing_of_a_dataclass():
    text = help_on(SessionRepository)

    for name in public_methods(SessionRepository):
        assert f" |  {name}(" in text, name
    assert "dataclass" not in text
    assert "__match_args__" not in text
    assert "namedtuple" not in text.lower()


@pytest.mark.parametrize("cls", CLASSES)
def test_every_public_method_has_a_docstring_and_the_name_of_its_class(cls):
    for name in public_methods(cls):
        method = getattr(cls, name)

        assert (method.__doc__ or "").strip(), name
        assert method.__qualname__ == f"{cls.__name__}.{name}"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda repo: repo.get_value("s"), "SessionRepository.get_value() missing 1 required"),
        (lambda repo: repo.put_program(), "SessionRepository.put_program() missing 3 required"),
        (lambda repo: repo.close(1), "SessionRepository.close() takes 1 positional argument"),
        (lambda repo: repo.transaction(1), "SessionRepository.transaction() takes 1 positional"),
        (lambda _: SessionRepository.open(), "SessionRepository.open() missing 1 required"),
        (lambda _: SessionRepository(), "SessionRepository.__init__() missing 1 required"),
        (
            lambda repo: repo.session("s").put_program("p"),
            "SessionView.put_program() missing 1 required positional argument: 'program'",
        ),
        (
            lambda repo: repo.session("s").get_value("x", bogus=1),
            "SessionView.get_value() got an unexpected keyword argument 'bogus'",
        ),
    ],
)
def test_an_error_about_an_argument_names_the_class_that_users_know(call, message):
    with (
        SessionRepository.open("sqlite://") as repo,
        pytest.raises(TypeError, match=re.escape(message)),
    ):
        call(repo)


def test_an_error_about_an_argument_of_an_awaited_method_names_its_class():
    async def call() -> None:
        async with AsyncSessionRepository.open("sqlite://") as repo:
            await repo.get_value("s")

    with pytest.raises(TypeError, match=r"^AsyncSessionRepository\.get_value\(\) missing 1"):
        asyncio.run(call())


@pytest.mark.parametrize("cls", CLASSES)
def test_methods_can_be_pickled_by_name(cls):
    method = cls.get_value

    assert pickle.loads(pickle.dumps(method)) is method  # noqa: S301 - its own


@pytest.mark.parametrize("cls", [SessionRepository, SessionView])
def test_the_annotations_of_a_method_resolve(cls):
    hints = get_type_hints(cls.get_variable_version)

    assert hints["return"] is snakestore.Variable
