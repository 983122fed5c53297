"""Processes that fork, race and die.

Each scenario is a script that imports once and forks, so that its children start together.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from snakestore.storage.engine import create_engine
from snakestore.storage.migrate.opening import open_database
from snakestore.storage.migrate.upgrade import current, upgrade
from snakestore.storage.schema.revisions import HEAD

PRELUDE = """
import os, signal, sys, time
import alembic.command, alembic.config
from sqlalchemy import Engine, event
from snakestore.storage.engine import create_engine
from snakestore.storage.migrate.opening import open_database
from snakestore.storage.migrate.upgrade import current, upgrade
path = sys.argv[1]
def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid
def code(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""


def run(script: str, path: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + script, str(path), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


OPENING_AT_ONCE = """
start, go = os.pipe()
def opener():
    os.close(go)
    os.read(start, 1)  # ends for all when the parent closes its end
    open_database(path).close()
children = [child(opener) for _ in range(12)]
os.close(go)
print([code(pid) for pid in children])
"""


@pytest.mark.parametrize("round_", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_many_processes_open_a_missing_file_at_once(tmp_path: Path, round_: int) -> None:
    path = tmp_path / "s.db"

    assert run(OPENING_AT_ONCE, path).strip() == str([0] * 12)
    assert current(path) == HEAD
    # no half-made file is left; of two that close at the same instant each takes the other for the
    # last and leaves the log
    assert {entry.name for entry in tmp_path.iterdir()} <= {"s.db", "s.db-wal", "s.db-shm"}


def test_many_processes_migrate_an_older_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    upgrade(path, "0001")

    assert run(OPENING_AT_ONCE, path).strip() == str([0] * 12)
    assert current(path) == HEAD


DYING_MAKER = """
def maker():
    left = [int(sys.argv[2])]
    @event.listens_for(Engine, "before_cursor_execute")
    def die(*_):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    open_database(path)
print(code(child(maker)))
"""


@pytest.mark.parametrize(
    "statements", [0, 7, 16, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 4, 10, 13))]
)
def test_a_maker_killed_half_way_leaves_a_file_that_the_next_finishes(
    tmp_path: Path, statements: int
) -> None:
    path = tmp_path / "s.db"

    assert run(DYING_MAKER, path, str(statements)).strip() == "-9"
    assert current(path) is None
    open_database(path).close()
    engine = create_engine(path)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
        assert (
            connection.exec_driver_sql(
                "SELECT count(*) FROM variable_history_overview"
            ).scalar_one()
            == 0
        )
    engine.dispose()
    assert current(path) == HEAD


IN_USE_AT_THE_FORK = """
from snakestore import SessionRepository, StoreError, create_engine as make_engine
engine = create_engine(path)
with engine.begin() as connection:
    connection.exec_driver_sql("CREATE TABLE t (x)")
writing = engine.connect()
writing.exec_driver_sql("INSERT INTO t VALUES ('parent, begun before the fork')")
def refused(use):
    try:
        use()
    except StoreError as error:
        assert "forked" in str(error) and "spawn" in str(error), error
        return True
pid = os.fork()
if pid == 0:
    began = time.monotonic()
    assert refused(lambda: engine.connect())
    assert refused(lambda: make_engine(path).connect())
    assert refused(lambda: SessionRepository.open(path))
    assert refused(lambda: upgrade(path))
    assert refused(lambda: SessionRepository(writing).get_value("s", "n"))
    assert refused(lambda: writing.connection.driver_connection.execute("SELECT 1"))
    assert time.monotonic() - began < 2
    writing.close()  # which rolls nothing of the parent's back
    engine.dispose()
    del engine, writing
    sys.exit(7)  # all the way through the interpreter's own clean-up
assert code(pid) == 7
log = os.stat(path + "-wal").st_ino
writing.exec_driver_sql("INSERT INTO t VALUES ('parent, after the child has gone')")
writing.commit()
assert os.stat(path + "-wal").st_ino == log
writing.close()
def writer():
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES ('child')")
assert code(child(writer)) == 0
with engine.connect() as connection:
    count = connection.exec_driver_sql("SELECT count(*) FROM t").scalar_one()
    print(count, connection.exec_driver_sql("PRAGMA integrity_check").scalar_one())
"""


def test_a_file_in_use_at_a_fork_is_refused_in_the_child_and_unharmed_in_the_parent(
    tmp_path: Path,
) -> None:
    assert run(IN_USE_AT_THE_FORK, tmp_path / "s.db").strip() == "3 ok"


IDLE_AT_THE_FORK = """
engine = create_engine(path)
with engine.begin() as connection:
    connection.exec_driver_sql("CREATE TABLE t (x)")
open_files = lambda: sum(name.startswith(path) for name in (
    os.readlink(f"/proc/self/fd/{fd}")
    for fd in os.listdir("/proc/self/fd")
    if os.path.lexists(f"/proc/self/fd/{fd}")
))
assert open_files() > 0
def writer():
    assert open_files() == 0
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES ('child')")
children = [child(writer) for _ in range(3)]
with engine.begin() as connection:
    connection.exec_driver_sql("INSERT INTO t VALUES ('parent')")
engine.dispose()
assert [code(pid) for pid in children] == [0, 0, 0]
with engine.connect() as connection:
    count = connection.exec_driver_sql("SELECT count(*) FROM t").scalar_one()
    print(count, connection.exec_driver_sql("PRAGMA integrity_check").scalar_one())
"""


def test_idle_connections_of_an_engine_are_closed_before_a_fork(tmp_path: Path) -> None:
    assert run(IDLE_AT_THE_FORK, tmp_path / "s.db").strip() == "4 ok"


MEMORY = """
engine = create_engine("sqlite://")
with engine.begin() as connection:
    connection.exec_driver_sql("CREATE TABLE t (x)")
def reader():
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
print(code(child(reader)))
with engine.begin() as connection:
    print(connection.exec_driver_sql("SELECT count(*) FROM t").scalar_one())
"""


def test_a_forked_child_has_a_copy_of_a_database_in_memory(tmp_path: Path) -> None:
    assert run(MEMORY, tmp_path).split() == ["0", "0"]


WARM = """
unneeded = {"alembic", "mako", "sqlalchemy_utils"}
for module in [name for name in sys.modules if name.partition(".")[0] in unneeded]:
    del sys.modules[module]
open_database(path).close()
names = ("alembic", "mako", "sqlalchemy_utils", "psycopg")
print(current(path), [name for name in names if name in sys.modules])
"""


def test_opening_a_present_schema_imports_no_alembic(tmp_path: Path) -> None:
    open_database(tmp_path / "s.db").close()

    assert run(WARM, tmp_path / "s.db").strip() == f"{HEAD} []"
