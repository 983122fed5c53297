"""A fork while nothing is in use loses no acknowledged write."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from snakestore import SessionRepository
from tests.faults.forking import run
from tests.faults.soundness import assert_sound


def count_of(path: Path) -> int:
    with SessionRepository.open(path) as repo:
        return repo.get_value("s", "count")


PARENT_CLOSES_FIRST = """
repo = SessionRepository.open(path)
engine = snakestore.create_engine(path)
on_engine = SessionRepository(engine)
count(repo), count(on_engine)
with engine.connect() as connection:
    connection.exec_driver_sql("SELECT * FROM sessions").fetchall()

def child(meet):
    if sys.argv[2] == "inherited repository":
        mine = repo
    elif sys.argv[2] == "inherited engine":
        mine = on_engine
    else:
        mine = SessionRepository.open(path)
    count(mine)
    meet()
    return count(mine, 50)

kid = Forked(child)
kid.met()
repo.close(), on_engine.close(), engine.dispose()
count_them = f"sqlite3.connect('{path}').execute('SELECT count(*) FROM sessions')"
os.system(f"{sys.executable} -c \\"import sqlite3; {count_them}\\"")
kid.go()
print(kid.answer()[:2], stored())
"""


@pytest.mark.parametrize("child", ["inherited repository", "inherited engine", "own repository"])
def test_what_a_child_writes_after_its_parent_has_closed_the_store_stays(path, child):
    assert run(PARENT_CLOSES_FIRST, path, child) == "['value', 53] 53"
    assert_sound(path)


CHILD_CLOSES_FIRST = """
repo = SessionRepository.open(path)
count(repo)

def child(meet):
    count(repo)
    repo.close()
    return "closed"

assert Forked(child).answer()[:2] == ["value", "closed"]
assert Forked(lambda meet: sys.exit(0)).answer()[0] == "SystemExit"
log = os.path.exists(path + "-wal")
print(count(repo, 50), stored())
"""


def test_what_a_parent_writes_after_a_child_has_closed_the_store_stays(path):
    assert run(CHILD_CLOSES_FIRST, path) == "52 52"
    assert_sound(path)


DAEMON = """
repo = SessionRepository.open(path)
count(repo)
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)  # the process between
    count(repo, 50)
    os.write(write, b"done")
    os._exit(0)
os.wait()
repo.close()
assert os.read(read, 4) == b"done"
print(stored())
"""


def test_a_daemon_that_forks_twice_goes_on_with_the_store(path):
    assert run(DAEMON, path) == "51"
    assert_sound(path)


# as gunicorn --preload does: the repository is opened and used before each fork
PRELOAD = """
repo = SessionRepository.open(path)
count(repo, 5)

def grandchildren(meet):
    count(repo, 10)
    inner = [Forked(lambda meet: count(repo, 10)) for _ in range(2)]
    count(repo, 10)
    assert all(each.answer()[0] == "value" for each in inner)

children = [Forked(grandchildren) for _ in range(3)]
count(repo, 10)
assert all(each.answer()[0] == "value" for each in children)
count(repo)
repo.close()
print(5 + 3 * 40 + 10 + 1)
"""


def test_parent_children_and_grandchildren_use_one_repository(path):
    total = int(run(PRELOAD, path))

    assert count_of(path) == total
    assert_sound(path)


PROCESSES = """
from concurrent.futures import ProcessPoolExecutor
repo = None

def work(number):
    global repo
    if repo is None:
        repo = SessionRepository.open(path)
    return repo.modify_variable("s", "count", lambda value: value + number).value

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    if sys.argv[3] == "inherited":
        work(0)
    if sys.argv[4] == "Pool":
        with context.Pool(4) as pool:
            assert len(set(pool.map(work, [1] * 100))) == 100
    else:
        with ProcessPoolExecutor(4, mp_context=context) as pool:
            assert len(set(pool.map(work, [1] * 100))) == 100
    assert work(0) == 100
    repo.close()
    print(stored())
"""


@pytest.mark.parametrize("pool", ["Pool", "ProcessPoolExecutor"])
@pytest.mark.parametrize("repository", ["inherited", "own"])
def test_a_pool_of_forked_processes_shares_the_store(path, repository, pool):
    assert "fork" in multiprocessing.get_all_start_methods()
    assert run(PROCESSES, path, "fork", repository, pool) == "100"
    assert_sound(path)


DESCRIPTORS = """
def open_files():
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            pass
    return sum(each.startswith(path) for each in found)

repo = SessionRepository.open(path)
with repo.transaction(read_only=True) as outer:
    repo.get_value("s", "count")  # a second connection
assert open_files() > 0
assert Forked(lambda meet: open_files()).answer()[1] == 0
print(open_files(), count(repo))
"""


def test_idle_connections_are_closed_before_a_fork(path):
    assert run(DESCRIPTORS, path) == "0 1"
