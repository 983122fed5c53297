"""Metadata, rules, constraints, history and names come back exactly."""

from __future__ import annotations

import collections
import dataclasses
import types

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from snakestore import Variable, create_variable
from tests.contract.round_trips.strategies import (
    documents,
    finite,
    identifiers,
    json_objects,
    names,
    shares_the_store,
)
from tests.types.support import exact


@shares_the_store
@given(json_objects, json_objects, some.lists(json_objects, max_size=3).map(tuple))
def test_metadata_and_access_rules_come_back(repo, reader, sid, clock, metadata, update, rules):
    name = next(names)
    repo.put_variable(
        sid,
        Variable(
            id=name,
            name=name,
            type="json",
            value=1,
            created_at=clock(),
            metadata=metadata,
            access_rules=rules,
        ),
    )
    before = reader.get_variable(sid, name)
    after = repo.update_variable(sid, name, 2, metadata=update)

    assert exact(before.metadata) == exact(metadata)
    assert exact(before.access_rules) == exact(rules)
    assert exact(reader.get_variable(sid, name).metadata) == exact(after.metadata)
    for key, value in update.items():
        if key not in ("source", "updated_at"):
            assert exact(after.metadata[key]) == exact(value)


@pytest.mark.parametrize(
    "mapping",
    [types.MappingProxyType, collections.OrderedDict, collections.UserDict, collections.Counter],
    ids=lambda of: of.__name__,
)
@pytest.mark.parametrize(
    "write",
    [
        lambda repo, metadata: repo.create_session("new", metadata=metadata),
        lambda repo, metadata: repo.update_session("s", metadata=metadata),
        lambda repo, metadata: repo.update_session("s", metadata=metadata, replace_metadata=True),
        lambda repo, metadata: repo.register_variable("s", "new", "json", 1, metadata=metadata),
        lambda repo, metadata: repo.put_variable(
            "s", dataclasses.replace(repo.get_variable("s", "x"), metadata=metadata)
        ),
        lambda repo, metadata: repo.put_variable(
            "s", create_variable(name="new", type="json", value=1, metadata=metadata)
        ),
        lambda repo, metadata: repo.update_variable("s", "x", 3.0, metadata=metadata),
        lambda repo, metadata: repo.modify_variable(
            "s", "x", lambda value: value, metadata=metadata
        ),
        lambda repo, metadata: repo.update_variables("s", {"x": 3.0}, metadata=metadata)["x"],
        lambda repo, metadata: repo.get_variable("s", "x").update_value(3.0, metadata=metadata),
    ],
    ids=[
        "create",
        "update",
        "replace",
        "register",
        "put",
        "create_variable",
        "update_variable",
        "modify",
        "batch",
        "update_value",
    ],
)
def test_metadata_of_any_mapping_comes_back_as_a_dict(repo, filled, write, mapping):
    given_metadata = mapping({"a": 1, "b": 2})

    back = write(repo, given_metadata).metadata

    assert type(back) is dict
    assert {key: back[key] for key in "ab"} == {"a": 1, "b": 2}
    assert given_metadata == {"a": 1, "b": 2}


@shares_the_store
@given(finite, finite)
def test_bounds_come_back_bit_for_bit(there_and_back, one, other):
    constraints = {"min": min(one, other), "max": max(one, other)}

    assert exact(there_and_back("float", one, constraints).constraints) == exact(constraints)


@shares_the_store
@given(some.lists(documents, min_size=1, max_size=5))
def test_every_past_value_comes_back(repo, reader, sid, values):
    name = next(names)
    repo.register_variable(sid, name, "json", values[0])
    for value in values[1:]:
        repo.update_variable(sid, name, value)

    kept = [past.value for past in reader.variable_history(sid, name)]
    assert exact(kept) == exact(values[-2::-1])
    assert [
        exact(reader.get_variable_version(sid, name, version).value)
        for version in range(len(values))
    ] == [exact(value) for value in values]


@shares_the_store
@given(identifiers, identifiers)
@example("x" * 255, "\N{PILE OF POO}" * 255)
def test_names_and_ids_come_back(repo, reader, name, id_):
    sid = repo.create_session(ttl=None).id

    repo.register_variable(sid, name, "json", None, id=id_)

    found = reader.get_variable(sid, name)
    assert (found.name, found.id) == (name, id_)
    assert reader.get_variable(sid, id_) == found
