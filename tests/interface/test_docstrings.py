"""The docstring of a public function says what its signature says."""

from __future__ import annotations

import builtins
import inspect
import re

import pytest

import snakestore
from snakestore import SessionRepository, SessionView
from tests.interface.public import FUNCTIONS, WITHOUT_ADAPTERS

SECTION = r"^{title}[^\n]*:\n((?:    .*\n|\n)*)"


def entries(docstring: str, title: str) -> list[str]:
    """What the lines of a section name before their colon."""
    return [
        entry
        for section in re.findall(SECTION.format(title=title), f"{docstring}\n", re.MULTILINE)
        for entry in re.findall(r"^    ([^\s:][^:]*):", section, re.MULTILINE)
    ]


def test_every_public_function_has_a_docstring_whose_first_line_is_a_sentence() -> None:
    wrong = [
        f"{name}: {summary}"
        for name, function in FUNCTIONS.items()
        if not name.endswith("__")
        and not re.fullmatch(
            r"[A-Z`].{0,98}[.:]", summary := (inspect.getdoc(function) or "").partition("\n")[0]
        )
    ]

    assert wrong == []


def test_arguments_that_a_docstring_explains_are_in_the_signature_in_its_order() -> None:
    wrong = {}
    for name, function in FUNCTIONS.items():
        explained = [entry.lstrip("*") for entry in entries(inspect.getdoc(function) or "", "Args")]
        parameters = [each for each in inspect.signature(function).parameters if each in explained]
        if explained != parameters:
            wrong[name] = explained

    assert wrong == {}


def test_errors_that_a_docstring_names_exist() -> None:
    unknown = [
        f"{name}: {error}"
        for name, function in WITHOUT_ADAPTERS.items()
        for entry in entries(inspect.getdoc(function) or "", "Raises")
        for error in entry.split(", ")
        if not hasattr(snakestore, error) and not hasattr(builtins, error)
    ]

    assert unknown == []


@pytest.mark.parametrize(
    ("name", "session"), [("create_session", "session_id"), ("prune_history", "sid")]
)
def test_a_view_explains_no_session_id(name: str, session: str) -> None:
    of_repository = inspect.getdoc(getattr(SessionRepository, name)) or ""
    of_view = inspect.getdoc(getattr(SessionView, name)) or ""

    assert f"    {session}: " in of_repository
    assert f"    {session}: " not in of_view
    assert len(of_repository.splitlines()) == len(of_view.splitlines()) + 1
