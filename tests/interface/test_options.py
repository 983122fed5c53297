"""The options of a repository, as signatures, ``help()`` and errors show them."""

from __future__ import annotations

import inspect
import pydoc
from typing import get_type_hints

import pytest

from snakestore import AsyncSessionRepository, SessionRepository
from snakestore.repository.options import DEFAULTS, RepositoryOptions

TAKES_OPTIONS = {
    "SessionRepository": SessionRepository,
    "SessionRepository.open": SessionRepository.open,
    "AsyncSessionRepository": AsyncSessionRepository,
    "AsyncSessionRepository.open": AsyncSessionRepository.open,
}
OPTIONS = sorted(get_type_hints(RepositoryOptions))


def test_every_option_has_a_default():
    assert sorted(DEFAULTS) == OPTIONS


@pytest.mark.parametrize("name", TAKES_OPTIONS)
def test_a_signature_shows_every_option_with_its_default(name):
    parameters = inspect.signature(TAKES_OPTIONS[name]).parameters
    shown = {each: parameter.default for each, parameter in parameters.items() if each in DEFAULTS}

    assert shown == DEFAULTS
    assert all(each.kind is not each.VAR_KEYWORD for each in parameters.values())


@pytest.mark.parametrize("name", TAKES_OPTIONS)
def test_help_describes_every_option(name):
    subject = TAKES_OPTIONS[name]
    text = pydoc.plain(pydoc.render_doc(subject.__init__ if inspect.isclass(subject) else subject))

    assert [option for option in OPTIONS if f"        {option}: " not in text] == []
    assert "RepositoryOptions" not in text


@pytest.mark.parametrize("name", TAKES_OPTIONS)
@pytest.mark.parametrize(
    ("option", "hint"), [("busy_timout", ". Did you mean 'busy_timeout'?"), ("zzz", "")]
)
def test_an_unknown_option_is_a_type_error_that_names_it_and_the_class(name, option, hint):
    with pytest.raises(TypeError) as refused:
        TAKES_OPTIONS[name]("sqlite://", **{option: 1})

    assert str(refused.value) == f"{name}() got an unexpected keyword argument {option!r}{hint}"


def test_an_error_about_an_option_names_the_subclass():
    class Memory(SessionRepository):
        pass

    with pytest.raises(TypeError, match=r"^Memory\.open\(\) got an unexpected"):
        Memory.open("sqlite://", zzz=1)
