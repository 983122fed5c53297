"""After an exception at any instant, nothing is half done and nothing stays held."""

from __future__ import annotations

import signal

import pytest

from tests.faults import storm
from tests.faults.crew import run
from tests.servers import emptied

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs Unix signals")


@pytest.mark.parametrize("kind", storm.EXCEPTIONS)
@pytest.mark.parametrize("store", ["file", "memory"])
def test_after_exceptions_at_random_instants_nothing_is_half_done_or_held(
    tmp_path, store, kind, size, figures
):
    hits = size(30, 1112)

    [seen] = run(storm.rage, [(store, storm.file_in(tmp_path), kind, hits, 12)], 900)

    assert seen["hits"] == hits
    figures("interrupts", store=store, kind=kind, **seen)


@pytest.mark.parametrize("kind", storm.EXCEPTIONS)
def test_after_exceptions_at_random_instants_a_server_has_no_transaction_open(
    postgresql_database, kind, size, figures
):
    hits = size(10, 1112)
    emptied(postgresql_database)
    url = postgresql_database.render_as_string(hide_password=False)

    [seen] = run(storm.rage, [("postgresql", url, kind, hits, 12)], 900)

    assert seen["hits"] == hits
    figures("interrupts", store="postgresql", kind=kind, **seen)
