"""What a failed COMMIT says, and what is run again because a connection of a cluster went away."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
import sqlalchemy
from sqlalchemy import URL, Connection

from snakestore import (
    CommitUnknownError,
    SchemaError,
    SessionRepository,
    StoreBusyError,
    StoreError,
)

Fail = Callable[..., None]


@pytest.fixture(params=["opened", "engine"])
def repo(request: pytest.FixtureRequest, url: URL) -> Iterator[SessionRepository]:
    """An opened repository, and one on a user's Engine."""
    if request.param == "opened":
        with SessionRepository.open(url, busy_timeout=1) as repo:
            _fill(repo)
            yield repo
        return
    engine = sqlalchemy.create_engine(url)
    with SessionRepository(engine, busy_timeout=1) as repo:
        _fill(repo)
        yield repo
    engine.dispose()


def _fill(repo: SessionRepository) -> None:
    repo.create_session("s")
    repo.register_variable("s", "n", "integer", 0)


@pytest.fixture
def fail(outside: Connection) -> Iterator[Fail]:
    """``fail(sqlstate)``: writes fail so, at COMMIT or, ``deferred=False``, before; ``times``."""

    def fail(sqlstate: str, *, deferred: bool = True, times: int = 1000) -> None:
        outside.exec_driver_sql(f"ALTER SEQUENCE failures RESTART MINVALUE 0 MAXVALUE {times + 99}")
        outside.exec_driver_sql(
            "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF nextval('failures') < {times} THEN"
            f" RAISE EXCEPTION 'made to fail' USING ERRCODE = '{sqlstate}'; END IF;"
            " RETURN NULL; END $$"
        )
        outside.exec_driver_sql(
            "CREATE CONSTRAINT TRIGGER fail AFTER UPDATE ON variables"
            f" {'DEFERRABLE INITIALLY DEFERRED' if deferred else ''}"
            " FOR EACH ROW EXECUTE FUNCTION fail()"
        )

    outside.exec_driver_sql("CREATE SEQUENCE failures MINVALUE 0")
    yield fail
    outside.exec_driver_sql("DROP FUNCTION IF EXISTS fail CASCADE")
    outside.exec_driver_sql("DROP SEQUENCE failures")


@pytest.mark.parametrize("sqlstate", ["58030", "53100", "XX000", "57P01", "08006", "57014"])
def test_a_commit_that_fails_has_an_unknown_outcome(
    repo: SessionRepository, fail: Fail, sqlstate: str
) -> None:
    fail(sqlstate)

    with pytest.raises(CommitUnknownError, match=r"(?s)unknown \(made to fail.*Re-read"):
        repo.update_variable("s", "n", 1)
    with pytest.raises(CommitUnknownError), repo.transaction() as transaction:
        transaction.update_variable("s", "n", 1)


def test_an_unknown_outcome_is_reported_while_another_thread_imports_a_driver(
    repo: SessionRepository, fail: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", ModuleType("asyncpg"))
    fail("58030")

    with pytest.raises(CommitUnknownError):
        repo.update_variable("s", "n", 1)


@pytest.mark.parametrize(
    ("sqlstate", "kind"), [("23514", StoreError), ("40001", StoreBusyError)], ids=str
)
def test_a_commit_that_aborts_has_written_nothing(
    repo: SessionRepository, fail: Fail, sqlstate: str, kind: type[StoreError]
) -> None:
    fail(sqlstate)

    with pytest.raises(kind) as refused:
        repo.update_variable("s", "n", 1)

    assert not isinstance(refused.value, CommitUnknownError)
    assert repo.get_value("s", "n") == 0


@pytest.mark.parametrize("sqlstate", ["57P01", "08006", "57P03"])
@pytest.mark.parametrize("times", [1, 3])
def test_a_method_is_run_again_if_a_connection_of_the_cluster_goes_away(
    repo: SessionRepository, fail: Fail, sqlstate: str, times: int
) -> None:
    fail(sqlstate, deferred=False, times=times)

    changed = repo.update_variable("s", "n", 1)

    assert (changed.value, changed.version) == (1, 1)
    assert repo.get_stats("s").total_variable_updates == 2


def test_a_connection_of_the_cluster_that_stays_away_is_reported(
    repo: SessionRepository, fail: Fail
) -> None:
    fail("08006", deferred=False)

    with pytest.raises(StoreError, match="connection to the server failed; nothing was written"):
        repo.update_variable("s", "n", 1)

    assert repo.get_value("s", "n") == 0


@pytest.fixture
def no_logs(repo: SessionRepository, outside: Connection) -> Iterator[None]:
    """Reads of logs fail on the server, since the repository was opened."""
    del repo
    outside.exec_driver_sql("ALTER TABLE logs RENAME TO renamed_logs")
    yield
    outside.exec_driver_sql("ALTER TABLE renamed_logs RENAME TO logs")


@pytest.mark.usefixtures("no_logs")
def test_a_block_whose_read_failed_is_not_committed(repo: SessionRepository) -> None:
    with (
        pytest.raises(StoreError, match="Nothing of it was kept; run it again"),
        repo.transaction() as transaction,
    ):
        transaction.update_variable("s", "n", 1)
        with pytest.raises(SchemaError):
            transaction.list_logs("s")

    assert repo.get_value("s", "n") == 0


@pytest.mark.usefixtures("no_logs")
def test_an_inner_block_undoes_a_read_that_failed(repo: SessionRepository) -> None:
    with repo.transaction() as transaction:
        transaction.update_variable("s", "n", 1)
        with pytest.raises(SchemaError), transaction.transaction() as inner:
            inner.list_logs("s")

    assert repo.get_value("s", "n") == 1
