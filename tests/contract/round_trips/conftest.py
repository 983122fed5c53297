"""Another connection, which reads back what was written."""

from __future__ import annotations

import pytest

from tests.contract.round_trips.strategies import names
from tests.types.support import exact


@pytest.fixture
def reader(backend, repo, clock):
    """Another repository on the data of ``repo`` where there can be one."""
    return backend.second(repo, clock=clock) if backend.shared else repo


@pytest.fixture
def there_and_back(repo, reader, sid):
    def go(type_name, value, constraints=None):
        made = repo.register_variable(sid, next(names), type_name, value, constraints=constraints)
        found = reader.get_variable(sid, made.id)
        assert exact(found.value) == exact(made.value) == exact(reader.get_value(sid, made.name))
        return found

    return go
