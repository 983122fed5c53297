from __future__ import annotations

import sys
import time

import pytest
from sqlalchemy import URL, text

from snakestore.errors import StoreBusyError, StoreError
from snakestore.storage.engine import create_engine, is_ours
from snakestore.storage.execution.driver_errors import translate_errors


def test_a_server_is_reached_with_our_settings(postgresql_server: URL) -> None:
    engine = create_engine(postgresql_server, busy_timeout=2)

    with engine.connect() as connection:
        assert (
            connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
        )
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "2s"
    assert is_ours(engine)
    engine.dispose()


def test_a_foreign_lock_is_waited_for_no_longer_than_busy_timeout(postgresql_server: URL) -> None:
    engine = create_engine(postgresql_server, busy_timeout=0.3)
    with engine.connect() as holder, engine.connect() as waiter:
        holder.execute(text("CREATE TABLE held (x int)"))
        holder.commit()
        holder.execute(text("LOCK TABLE held"))

        start = time.monotonic()
        with pytest.raises(StoreBusyError), translate_errors():
            waiter.execute(text("SELECT * FROM held"))
        waited = time.monotonic() - start
        holder.execute(text("DROP TABLE held"))
        holder.commit()
    engine.dispose()

    assert 0.25 <= waited < 5


def test_a_missing_driver_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(StoreError, match=r"pip install 'snakestore\[postgresql\]'"):
        create_engine("postgresql://ada:secret@db/agents")


def test_no_password_is_shown_by_an_engine() -> None:
    engine = create_engine("postgresql://ada:secret@db/agents")

    assert "secret" not in repr(engine) + str(engine.url)
