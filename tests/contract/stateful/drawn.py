"""What the operations are called with.

What is drawn most often is what succeeds: a walk of refusals alone proves little.
"""

from __future__ import annotations

from hypothesis import strategies as some

session_ids = some.sampled_from(["s1"] * 7 + ["s2"])
ids = some.sampled_from(["a", "b", "c"])
names = some.sampled_from(["a", "x", "y"])
identifiers = some.sampled_from(["a", "x", "x", "x", "y", "y", "b", "nobody"])
types = some.sampled_from(["integer", "integer", "string", "json"])
values = (
    some.integers(-2, 3)
    | some.integers(-2, 3)
    | some.sampled_from(["", "text", None, [1, {"k": 1.0}], True])
)
versions = some.sampled_from([None] * 5 + [0, 1, 2, 3])
holders = some.sampled_from(["opt1", "opt2"])
writers = some.sampled_from(["permitted"] * 4 + [None, "opt1", "opt2"])
limits = some.sampled_from([None, 0, 1, 2, 100])
