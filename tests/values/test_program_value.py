"""A Program is a frozen value."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from datetime import UTC, datetime, timedelta, timezone

import pytest

import snakestore
from snakestore import InvalidNameError, Program, ValidationError

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def make(**fields):
    given = {"id": "qa", "document": {"a": [1]}, "version": 3}
    return Program(**given | {"created_at": NOW, "last_updated_at": NOW} | fields)


def test_a_program_is_a_public_name():
    assert "Program" in snakestore.__all__


def test_metadata_is_empty_by_default_and_not_shared():
    assert make().metadata == {}
    assert make().metadata is not make().metadata


def test_a_program_takes_keywords_only_and_cannot_be_changed():
    with pytest.raises(TypeError):
        Program("qa", 1, 0, NOW, NOW)
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().version = 4
    with pytest.raises((AttributeError, TypeError)):
        make().other = 1


@pytest.mark.parametrize(
    "clone",
    [
        copy.copy,
        copy.deepcopy,
        lambda value: pickle.loads(pickle.dumps(value)),  # noqa: S301 - of our own
        dataclasses.replace,
    ],
    ids=["copy", "deepcopy", "pickle", "replace"],
)
def test_clones_are_equal(clone):
    program = make(metadata={"score": 1})

    assert clone(program) == program


@pytest.mark.parametrize(
    "other",
    [{"id": "p"}, {"document": {"a": [2]}}, {"version": 4}, {"metadata": {"a": 1}}],
    ids=["id", "document", "version", "metadata"],
)
def test_programs_with_a_different_field_differ(other):
    assert make() == make()
    assert make() != make(**other)


def test_times_are_converted_to_utc():
    elsewhere = NOW.astimezone(timezone(timedelta(hours=2)))

    program = make(created_at=elsewhere)

    assert (program.created_at, program.created_at.tzinfo) == (NOW, UTC)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"id": ""}, InvalidNameError),
        ({"id": 5}, InvalidNameError),
        ({"version": -1}, ValidationError),
        ({"version": True}, ValidationError),
        ({"version": 2**63}, ValidationError),
        ({"created_at": NOW.replace(tzinfo=None)}, ValidationError),
        ({"last_updated_at": NOW.replace(tzinfo=None)}, ValidationError),
        ({"last_updated_at": "now"}, ValidationError),
    ],
)
def test_what_no_program_has_is_refused(fields, error):
    with pytest.raises(error):
        make(**fields)
