"""Tools of agents and web frameworks read annotations while the program runs: all can be read."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from typing import Any

import pytest

import snakestore
from snakestore import AsyncSessionRepository, SessionRepository
from tests.interface.public import FUNCTIONS, WITHOUT_ADAPTERS, public_members


def is_text(annotation: object) -> bool:
    return isinstance(annotation, str | typing.ForwardRef)


def test_the_walk_finds_functions_methods_and_properties() -> None:
    assert {
        "snakestore.create_engine",
        "snakestore.SessionRepository.open",
        "snakestore.SessionView.__getitem__",
        "snakestore.AsyncSessionRepository.check",
        "snakestore.Variable.optimizing",
        "Opening.__await__",
    } <= FUNCTIONS.keys()
    assert len(FUNCTIONS) > 300


def test_the_annotations_of_every_public_function_resolve() -> None:
    unresolved = []
    for name, function in FUNCTIONS.items():
        try:
            hints = typing.get_type_hints(function, include_extras=True)
        except NameError as error:
            unresolved.append(f"{name}: {error}")
        else:
            unresolved += [f"{name}: {each}" for each in hints.values() if is_text(each)]

    assert unresolved == []


def test_the_annotations_of_every_public_class_resolve() -> None:
    for member in public_members().values():
        if isinstance(member, type):
            typing.get_type_hints(member)


def test_the_signature_of_every_public_function_has_the_resolved_annotations() -> None:
    different = []
    for name, function in FUNCTIONS.items():
        signature = inspect.signature(function, eval_str=True)
        shown = {each.name: each.annotation for each in signature.parameters.values()}
        shown["return"] = signature.return_annotation
        hints = typing.get_type_hints(function, include_extras=True)
        different += [
            f"{name}: {each}: {shown[each]}"
            for each in shown
            if is_text(shown[each])
            or (each in hints) != (shown[each] is not inspect.Signature.empty)
        ]

    assert different == []


def test_a_type_that_is_imported_on_use_is_the_public_class() -> None:
    hints = typing.get_type_hints(SessionRepository.lease)

    assert hints["return"] is snakestore.Lease
    assert inspect.signature(snakestore.SessionView.lease).return_annotation is snakestore.Lease
    awaited = inspect.signature(AsyncSessionRepository.check, eval_str=True)
    assert awaited.return_annotation is snakestore.CheckReport


def test_only_evaluating_an_annotation_imports_its_type() -> None:
    program = """
import sys, typing, snakestore
check = snakestore.SessionRepository.check
before = "snakestore.reports" in sys.modules
typing.get_type_hints(check)
typing.get_type_hints(snakestore.Variable.to_numpy)
print(before, "snakestore.reports" in sys.modules)
"""
    command = [sys.executable, "-c", program]

    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert shown == "False True\n"


def test_without_numpy_an_annotation_of_an_array_means_any(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)

    assert typing.get_type_hints(snakestore.Variable.to_numpy) == {"return": Any}


def test_pydantic_can_validate_the_arguments_of_every_public_function() -> None:
    pydantic = pytest.importorskip("pydantic")
    config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    refused = []
    for name, function in WITHOUT_ADAPTERS.items():
        try:
            pydantic.validate_call(function, config=config)
        except (NameError, KeyError, pydantic.PydanticUserError) as error:
            refused.append(f"{name}: {error!r}")

    assert refused == []


@pytest.mark.parametrize("name", ["get_value", "set_value", "append_log", "create_session"])
def test_pydantic_describes_a_bound_method_as_a_tool(name: str) -> None:
    pydantic = pytest.importorskip("pydantic")
    with SessionRepository.open("sqlite://") as repo:
        for method in (getattr(repo, name), getattr(repo.session("s"), name)):
            schema = pydantic.TypeAdapter(method).json_schema()
            names = list(inspect.signature(method).parameters)

            assert list(schema["properties"]) == names


def test_pydantic_calls_a_method_with_the_arguments_of_a_tool() -> None:
    pydantic = pytest.importorskip("pydantic")
    with SessionRepository.open("sqlite://") as repo:
        create = pydantic.validate_call(repo.create_session)
        get = pydantic.validate_call(repo.session("s").get_value)
        created = create(session_id="s", ttl="60")
        repo.register_variable("s", "x", "integer", 1)

        assert created.ttl == 60
        assert get(identifier="x") == 1
