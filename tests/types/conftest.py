"""A registry that a test may change."""

from __future__ import annotations

import pytest

from snakestore.types import registry


@pytest.fixture
def own_registry(monkeypatch):
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(registry, "_types", dict(registry._types))
