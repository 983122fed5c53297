"""Values, names and metadata of every kind."""

from __future__ import annotations

import itertools

from hypothesis import HealthCheck, settings
from hypothesis import strategies as some

names = (f"v{number}" for number in itertools.count())


# The store is shared by all examples of a test, each under a name of its own.
shares_the_store = settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


texts = some.text()


finite = some.floats(allow_nan=False, allow_infinity=False)


big_integers = some.integers(-(10**400), 10**400) | some.integers(-(2**70), 2**70)


documents = some.recursive(
    some.none() | some.booleans() | big_integers | finite | texts,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)


identifiers = some.text(
    some.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=255
)


json_objects = some.dictionaries(texts, documents, max_size=4)
