from __future__ import annotations

import errno
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from snakestore import SessionRepository
from snakestore.errors import CorruptStoreError, StoreError, StoreFullError
from snakestore.storage.dialects.sqlite import files
from snakestore.storage.engine import create_engine
from snakestore.storage.execution.driver_errors import translate_errors
from snakestore.storage.migrate.opening import open_database
from snakestore.storage.migrate.upgrade import current, upgrade
from snakestore.storage.schema.revisions import HEAD
from tests.engine.support import NOBODY, PRELUDE, as_ordinary_user, folder_state


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user may look into."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


# --- making


def test_a_new_file_and_its_log_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with SessionRepository.open(tmp_path / "s.db"):
            modes = {entry.name: mode(entry) for entry in tmp_path.iterdir()}
    finally:
        os.umask(before)

    assert modes == {"s.db": 0o600, "s.db-wal": 0o600, "s.db-shm": 0o600}


def test_the_mode_of_a_file_that_exists_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.touch()
    path.chmod(0o640)

    open_database(path).close()

    assert mode(path) == 0o640


def test_making_an_engine_touches_nothing(tmp_path: Path) -> None:
    create_engine(tmp_path / "s.db")

    assert list(tmp_path.iterdir()) == []


def test_no_draft_of_a_new_file_stays_behind(tmp_path: Path) -> None:
    open_database(tmp_path / "s.db").close()

    assert [entry.name for entry in tmp_path.iterdir()] == ["s.db"]


def test_a_folder_without_hard_links_gets_its_file_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "s.db"
    files.create_private(str(path))
    files.create_private(str(path))

    assert mode(path) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.db"]


def test_a_full_disk_is_reported_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", refuse)

    with pytest.raises(StoreFullError):
        files.create_private(str(tmp_path / "s.db"))
    assert list(tmp_path.iterdir()) == []


def test_a_symlink_to_nothing_makes_its_target(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "s.db").symlink_to(tmp_path / "elsewhere" / "real.db")

    open_database(tmp_path / "s.db").close()

    assert mode(tmp_path / "elsewhere" / "real.db") == 0o600


def test_a_missing_folder_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere does not exist"):
        open_database(tmp_path / "nowhere" / "s.db")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        open_database(tmp_path)


def test_a_pipe_is_no_store_and_nobody_waits_at_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "s.db")

    with pytest.raises(StoreError, match="not a regular file"):
        open_database(tmp_path / "s.db")


def test_a_url_that_forbids_making_makes_nothing(tmp_path: Path) -> None:
    engine = create_engine(f"file:{tmp_path}/s.db?mode=rw")

    with pytest.raises(StoreError, match="mode=rw"), translate_errors():
        engine.connect()
    assert list(tmp_path.iterdir()) == []


def test_names_that_look_like_uris_are_only_names(tmp_path: Path) -> None:
    path = tmp_path / "what? #100%25 & 🐍.db"

    upgrade(path)

    assert (current(path), [entry.name for entry in tmp_path.iterdir()]) == (HEAD, [path.name])


# --- files that may only be read


def test_a_read_only_url_reads_and_refuses_to_write(tmp_path: Path) -> None:
    open_database(tmp_path / "s.db").close()
    engine = create_engine(f"file:{tmp_path}/s.db?mode=ro&uri=true")

    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sessions").scalar_one() == 0
    with (
        engine.connect() as connection,
        pytest.raises(StoreError, match="database is read-only"),
        translate_errors(),
    ):
        connection.exec_driver_sql("DELETE FROM sessions")
    engine.dispose()


READ = """
engine = create_engine(path)
with engine.connect() as connection:
    found = connection.exec_driver_sql("SELECT count(*) FROM sessions").scalar_one()
with engine.connect() as connection:
    refused = attempt(lambda: connection.exec_driver_sql("DELETE FROM sessions"))
print(json.dumps([found, refused.partition(":")[0]]))
"""


@pytest.mark.parametrize(
    ("file_mode", "folder_mode"), [(0o644, 0o755), (0o644, 0o777), (0o666, 0o755)]
)
def test_a_file_or_folder_one_may_not_write_is_served_for_reading(
    public: Path, file_mode: int, folder_mode: int
) -> None:
    path = public / "s.db"
    open_database(path).close()
    path.chmod(file_mode)
    public.chmod(folder_mode)
    if os.geteuid() != 0:
        path.chmod(file_mode & 0o444)
        public.chmod(folder_mode & 0o555)

    assert as_ordinary_user(READ, path) == [0, "StoreReadOnlyError"]


def test_a_reader_without_rights_sees_what_a_writer_wrote_since(public: Path) -> None:
    path = public / "s.db"
    open_database(path).close()
    path.chmod(0o644)
    script = """
import sqlite3
engine = create_engine(path)
counts = []
def count():
    with engine.connect() as connection:
        counts.append(connection.exec_driver_sql("SELECT count(*) FROM programs").scalar_one())
count()
print(json.dumps(counts), flush=True)
sys.stdin.readline()
count()
print(json.dumps(counts), flush=True)
"""
    if os.geteuid() != 0:
        pytest.skip("the writer needs rights that the reader has not")
    with subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, str(path), str(NOBODY)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        first = reader.stdout.readline()
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(
            "INSERT INTO programs (session_id, id, program, created_at, last_updated_at)"
            " VALUES ('s', 'p', '1', '', '')"
        )
        connection.commit()
        connection.close()
        second, _ = reader.communicate("\n", timeout=30)

    assert (first.strip(), second.strip()) == ("[0]", "[0, 1]")


def test_a_file_one_may_not_read_is_a_store_error(public: Path) -> None:
    path = public / "s.db"
    open_database(path).close()
    if os.geteuid() != 0:
        path.chmod(0)

    message = as_ordinary_user("print(json.dumps(attempt(lambda: open_database(path))))", path)

    assert message.startswith(
        f"StoreError: {path} is not readable: its mode is {'0600' if os.geteuid() == 0 else '0000'}"
    )


def test_a_folder_one_may_not_write_gets_no_file(public: Path) -> None:
    if os.geteuid() != 0:
        public.chmod(0o555)

    message = as_ordinary_user(
        "print(json.dumps(attempt(lambda: open_database(path))))", public / "s.db"
    )

    assert message.startswith("StoreError: the file")
    assert list(public.iterdir()) == []


# --- files that are not ours


@pytest.mark.parametrize(
    "content",
    [b"x", b"\0", b"hello", b"\0" * 4096, b"SQLite format 3\0" + b"\xff" * 5000, b"x" * 100_000],
    ids=["a byte", "a zero byte", "short", "zeros", "header", "long"],
)
def test_garbage_is_refused_unchanged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(content)

    for attempt in (open_database, upgrade, current):
        with pytest.raises(CorruptStoreError, match=r"/s\.db is .*not a SQLite database: "):
            attempt(path)
    assert folder_state(tmp_path) == {"s.db": content}


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_a_new_file_does_not_take_the_name_of_the_log_of_another(
    tmp_path: Path, suffix: str
) -> None:
    upgrade(tmp_path / "s.db")
    before = folder_state(tmp_path)

    for attempt in (open_database, upgrade):
        with pytest.raises(StoreError, match=r"its log of .*s\.db in"):
            attempt(tmp_path / f"s.db{suffix}")
    assert folder_state(tmp_path) == before
    open_database(tmp_path / f"other.db{suffix}").close()


# --- names that are not UTF-8


@pytest.fixture
def latin(tmp_path: Path) -> Path:
    path = tmp_path / os.fsdecode(b"caf\xe9.db")
    try:
        path.touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    path.unlink()
    return path


def test_a_path_that_is_not_utf_8_works_in_every_method(latin: Path) -> None:
    with SessionRepository.open(latin) as repo:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "n", "integer", 1)
        problems = repo.check().problems
        stats = repo.store_stats()
        repo.backup(latin.with_suffix(".bak"))
        repo.delete_expired()
    with SessionRepository.open(latin.with_suffix(".bak")) as copy:
        found = copy.get_value("s", "n")

    assert (problems, stats.sessions, found) == ([], 1, 1)
    assert stats.wal_bytes > 0
    assert current(latin) == HEAD


def test_the_command_takes_a_path_that_is_not_utf_8(latin: Path) -> None:
    open_database(latin).close()
    command = [sys.executable, "-m", "snakestore.cli"]

    for arguments in (["check", latin], ["backup", latin, latin.with_suffix(".bak")]):
        done = subprocess.run([*command, *arguments], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
    done = subprocess.run(
        [*command, "backup", latin, latin.with_suffix(".bak")], capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"already exists" in done.stderr


def test_an_error_about_a_path_that_is_not_utf_8_can_be_printed(
    latin: Path, caplog: pytest.LogCaptureFixture
) -> None:
    latin.mkdir()

    with pytest.raises(StoreError) as caught:
        SessionRepository.open(latin)

    assert str(caught.value).encode("utf-8").startswith(str(latin.parent).encode())
    assert r"caf\xe9.db" in caplog.text


# --- locked for an instant


@pytest.mark.parametrize("way", ["{}", "file:{}?mode=ro"])
def test_a_read_waits_for_a_lock_of_an_instant_whatever_its_busy_timeout(
    tmp_path: Path, way: str
) -> None:
    path = tmp_path / "s.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("s", ttl=None)
    script = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1]);"
        " c.execute('PRAGMA locking_mode = EXCLUSIVE'); c.execute('SELECT * FROM sessions');"
        " print(flush=True); sys.stdin.readline(); time.sleep(0.2)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        other.stdin.close()

        with SessionRepository.open(way.format(path), busy_timeout=0) as repo:
            assert repo.get_session("s").id == "s"
