"""A read answers although its access cannot be recorded, and recording resumes."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import make_url, text

from snakestore import SessionRepository, StoreError
from snakestore.storage.execution import recording

READS = {
    "get_value": lambda repo: repo.get_value("s", "n"),
    "list_variables": lambda repo: len(repo.list_variables("s")),
    "get_session": lambda repo: repo.get_session("s").id,
    "view": lambda repo: dict(repo.session("s")),
}


@pytest.fixture(params=READS)
def read(request):
    return READS[request.param]


@pytest.fixture
def reader_url(url, outside):
    """The database, for a role that has SELECT and nothing else."""
    role = f"reader_{uuid.uuid4().hex[:8]}"
    outside.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'reader'"))
    outside.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
    yield make_url(url).set(username=role, password="reader")  # noqa: S106 - of this test
    outside.execute(text(f"DROP OWNED BY {role}"))
    outside.execute(text(f"DROP ROLE {role}"))


def set_read_only(outside, *, on):
    """Have every new connection begin read-only transactions, and drop the others."""
    name = outside.scalar(text("SELECT current_database()"))
    outside.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = {on}"))
    outside.execute(
        text(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    ).all()


def last_accessed(repo):
    [session] = repo.list_sessions(include_expired=True)
    return session.last_accessed


@pytest.mark.parametrize(
    "block", [None, {}, {"read_only": True}], ids=["alone", "block", "snapshot"]
)
def test_a_role_that_may_only_select_reads_on_when_an_access_is_due(
    opened, reader_url, clock, read, block
):
    opened(clock=clock).create_session("s")
    opened(clock=clock).register_variable("s", "n", "integer", 7)
    clock.advance(1000)

    with SessionRepository.open(reader_url, clock=clock) as repo:
        if block is None:
            answers = [read(repo), read(repo)]
        else:
            with repo.transaction(**block) as transaction:
                answers = [read(transaction), read(transaction)]

        assert answers[0] == answers[1]
        with pytest.raises(StoreError, match="permission denied"):
            repo.touch("s")


def test_accesses_are_recorded_again_after_the_server_was_read_only(
    opened, outside, clock, read, monkeypatch
):
    repo = opened(clock=clock)
    repo.create_session("s")
    repo.register_variable("s", "n", "integer", 7)
    moment = [100.0]
    monkeypatch.setattr(recording, "monotonic", lambda: moment[0])
    set_read_only(outside, on=True)
    try:
        before = clock.advance(1000)
        read(repo)
    finally:
        set_read_only(outside, on=False)
    assert last_accessed(repo) < before

    moment[0] += recording.MAX_PAUSE
    read(repo)

    assert last_accessed(repo) == before
