"""Variables of which a test names the fields that matter."""

from __future__ import annotations

import pytest

from snakestore import Variable


@pytest.fixture
def make(clock):
    """``make(**fields)``: a Variable of which only the named fields matter."""
    return lambda **fields: Variable(
        **{"id": "v", "name": "n", "type": "float", "value": 1.0, "created_at": clock(), **fields}
    )
