"""How many tasks there are in a test of turns."""

from __future__ import annotations

import pytest

from tests.selection import Extent, extent


@pytest.fixture
def many(request) -> int:
    return 1000 if extent(request.config) == Extent.EXHAUSTIVE else 100
