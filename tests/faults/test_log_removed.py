"""The write-ahead log is removed or replaced under an open store: nothing more is acknowledged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import snakestore
from snakestore import SessionRepository, StoreError
from snakestore.storage.dialects.sqlite import file_watch, tracked
from snakestore.storage.fork import WeakRegistry

REFUSED = r"removed or replaced while the file was open; nothing was written"


def remove(*suffixes: str) -> Callable[[Path], None]:
    def removing(path: Path) -> None:
        for suffix in suffixes:
            os.unlink(f"{path}{suffix}")

    return removing


def replace(suffix: str) -> Callable[[Path], None]:
    def replacing(path: Path) -> None:
        shutil.copy(f"{path}{suffix}", f"{path}.copy")
        os.replace(f"{path}.copy", f"{path}{suffix}")

    return replacing


CHANGES = {
    "log and index removed": remove("-wal", "-shm"),
    "log removed": remove("-wal"),
    "index removed": remove("-shm"),
    "log replaced": replace("-wal"),
    "index replaced": replace("-shm"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with SessionRepository.open(tmp_path / "s.db") as repo:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "n", "integer", 0)
    return tmp_path / "s.db"


@pytest.fixture
def repo(path: Path) -> Iterator[SessionRepository]:
    with SessionRepository.open(path) as repo:
        repo.update_variable("s", "n", 1)
        yield repo


def stored_elsewhere(path: Path) -> int:
    """What another process reads."""
    code = (
        "import sys; from snakestore import SessionRepository as R;"
        " print(R.open(sys.argv[1]).get_value('s', 'n'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def state(path: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in path.parent.iterdir()}


@pytest.mark.parametrize("change", CHANGES)
def test_every_write_is_refused_and_nothing_is_changed(
    path: Path, repo: SessionRepository, change: str
) -> None:
    CHANGES[change](path)
    before = state(path)

    for _ in range(3):
        with pytest.raises(StoreError, match=REFUSED):
            repo.update_variable("s", "n", 2)
    with pytest.raises(StoreError, match=REFUSED), repo.transaction():
        pass
    repo.close()

    assert state(path) == before


@pytest.mark.parametrize(
    "way",
    [
        SessionRepository.open,
        lambda path: snakestore.create_engine(path).connect(),
        snakestore.upgrade,
    ],
    ids=["open", "engine", "upgrade"],
)
def test_the_process_does_not_open_the_file_again(
    path: Path, repo: SessionRepository, way: Callable[[Path], object]
) -> None:
    CHANGES["log and index removed"](path)
    before = state(path)

    with pytest.raises(StoreError, match=REFUSED):
        way(path)
    with pytest.raises(StoreError, match=REFUSED):
        repo.update_variable("s", "n", 2)
    assert state(path) == before


def test_what_another_process_writes_then_stays(path: Path, repo: SessionRepository) -> None:
    CHANGES["log and index removed"](path)
    code = (
        "import sys; from snakestore import SessionRepository as R;"
        " R.open(sys.argv[1]).update_variable('s', 'n', 7)"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)

    with pytest.raises(StoreError, match=REFUSED):
        repo.update_variable("s", "n", 2)
    repo.close()

    assert stored_elsewhere(path) == 7


def test_a_transaction_during_which_it_is_removed_is_not_acknowledged(
    path: Path, repo: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_watch, "_SHORT_TRANSACTION", 0.0)

    with pytest.raises(StoreError, match=REFUSED), repo.transaction() as tx:
        tx.update_variable("s", "n", 2)
        CHANGES["log and index removed"](path)


@pytest.mark.parametrize("begun", [False, True])
def test_a_connection_of_an_engine_is_refused_too(
    path: Path, begun: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_watch, "_SHORT_TRANSACTION", 0.0)
    engine = snakestore.create_engine(path)
    before: dict[str, bytes] = {}

    with engine.connect() as connection:
        bound = SessionRepository(connection)
        bound.get_value("s", "n")
        if begun:
            bound.update_variable("s", "n", 3)
        CHANGES["log and index removed"](path)
        before = state(path)
        with pytest.raises(StoreError, match=REFUSED):
            if not begun:
                connection.rollback()
                bound.update_variable("s", "n", 3)
            connection.commit()
        connection.invalidate()
    engine.dispose()

    assert state(path) == before


def test_a_reader_learns_of_it_in_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_watch, "SECONDS_BETWEEN_CHECKS", 0.0)
    with SessionRepository.open(path) as repo:
        repo.get_value("s", "n")
        CHANGES["log and index removed"](path)

        with pytest.raises(StoreError, match=REFUSED):
            repo.get_value("s", "n")


def test_a_store_that_is_opened_and_closed_again_and_again_is_not_refused(path: Path) -> None:
    with SessionRepository.open(path) as first:
        first.get_value("s", "n")
    for number in range(5):
        with SessionRepository.open(path) as one, SessionRepository.open(path) as other:
            one.update_variable("s", "n", number)
            other.update_variable("s", "n", number)
        assert sorted(os.listdir(path.parent)) == ["s.db"]


def test_a_connection_that_closes_while_another_opens_has_not_lost_its_log(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = SessionRepository.open(path)
    repo.get_value("s", "n")

    class ClosesMeanwhile(WeakRegistry[file_watch.Watched]):
        """As if another thread, or the garbage collector, closed what is being looked at."""

        def __iter__(self) -> Iterator[file_watch.Watched]:
            found = list(super().__iter__())
            repo.close()
            return iter(found)

    registry = ClosesMeanwhile()
    for connection in file_watch.watched:
        registry.add(connection)
    for module in (file_watch, tracked):
        monkeypatch.setattr(module, "watched", registry)

    file_watch.check_not_abandoned(str(path))

    assert sorted(os.listdir(path.parent)) == ["s.db"]
    with SessionRepository.open(path) as again:
        assert again.get_value("s", "n") == 0


def test_other_changes_of_the_folder_do_not_matter(path: Path, repo: SessionRepository) -> None:
    for number in range(20):
        (path.parent / str(number)).touch()
        repo.update_variable("s", "n", number)

    assert repo.get_value("s", "n") == 19
