"""A fork while a store is in use: a child that cannot be served is refused."""

from __future__ import annotations

import pytest

from tests.faults.forking import run
from tests.faults.soundness import assert_sound

# --- in use at the fork


THREAD_IN_A_BLOCK = """
other = path + "-other.db"
with SessionRepository.open(other) as elsewhere:
    elsewhere.create_session("s", ttl=None)
    elsewhere.register_variable("s", "count", "integer", 0)
elsewhere = SessionRepository.open(other)
repo = SessionRepository.open(path, busy_timeout=10)
engine = snakestore.create_engine(path)
inside, leave = threading.Event(), threading.Event()

def hold():
    with repo.transaction() as transaction:
        count(transaction)
        inside.set()
        leave.wait()

def in_function():
    def wait(value):
        inside.set()
        leave.wait()
        return value + 1
    repo.modify_variable("s", "count", wait)

def read():
    with repo.transaction(read_only=True) as transaction:
        transaction.get_value("s", "count")
        inside.set()
        leave.wait()

target = {"block": hold, "function": in_function, "read": read}[sys.argv[2]]
thread = threading.Thread(target=target)
thread.start()
inside.wait()

def by_caller_connection(_):
    with engine.connect() as connection:
        SessionRepository(connection).get_value("s", "count")

def by_async(_):
    import asyncio
    from snakestore import AsyncSessionRepository
    async def use():
        async with AsyncSessionRepository.open(path) as mine:
            await mine.get_value("s", "count")
    asyncio.run(use())

def by_plain_engine(_):
    import sqlalchemy
    SessionRepository(sqlalchemy.create_engine(f"sqlite:///{path}")).get_value("s", "count")

uses = [
    lambda meet: repo.get_value("s", "count"),
    lambda meet: count(repo),
    lambda meet: repo.transaction().__enter__(),
    lambda meet: SessionRepository(engine).get_value("s", "count"),
    lambda meet: SessionRepository.open(path),
    lambda meet: SessionRepository.open(f"file:{path}?mode=ro"),
    lambda meet: snakestore.current(path),
    by_caller_connection, by_async, by_plain_engine,
    lambda meet: (
        Forked(lambda meet: SessionRepository.open(path)).answer() and SessionRepository.open(path)
    ),
]
os.symlink(path, path + ".link")
uses.append(lambda meet: SessionRepository.open(path + ".link"))
kids = [Forked(use) for use in uses]
answers = [kid.answer() for kid in kids]
assert all(map(refused, answers)), answers
assert Forked(lambda meet: count(elsewhere)).answer()[:2] == ["value", 1]
executed = Forked(lambda meet: os.execv(sys.executable, [sys.executable, "-c", f'''
from snakestore import SessionRepository
repo = SessionRepository.open({path!r}, busy_timeout=0.2)
assert repo.get_value("s", "count") == 0
''']))
assert os.waitpid(executed.pid, 0)[1] == 0
leave.set()
thread.join()
print(count(repo), stored())
"""


@pytest.mark.parametrize(
    ("use", "total"),
    [
        ("block", "2 2"),
        pytest.param("function", "2 2", marks=pytest.mark.slow),
        pytest.param("read", "1 1", marks=pytest.mark.slow),
    ],
)
def test_a_file_that_a_thread_uses_is_refused_in_the_child_until_it_executes(path, use, total):
    assert run(THREAD_IN_A_BLOCK, path, use) == total
    assert_sound(path)


OWN_BLOCK = """
repo = SessionRepository.open(path)
with repo.transaction() as transaction:
    count(transaction)

    def in_the_block(meet):
        return count(transaction)

    def leaves_the_block(meet):
        try:
            with transaction.transaction():
                raise KeyError
        except KeyError:
            pass

    began = time.monotonic()
    uses = (in_the_block, leaves_the_block, lambda _: count(repo))
    answers = [Forked(use).answer() for use in uses]
    assert time.monotonic() - began < 2  # a fork does not wait for its own thread
    assert all(map(refused, answers)), answers
    count(transaction)

def forks(value):
    if os.fork() == 0:
        forked.append(True)
    else:
        os.wait()
    return value + 1

forked = []
try:
    repo.modify_variable("s", "count", forks)
except StoreError as error:
    assert forked and "forked" in str(error)
    os._exit(0)
assert not forked
print(count(repo), stored())
"""


def test_a_transaction_that_the_forking_thread_is_in_stays_the_parents(path):
    assert run(OWN_BLOCK, path) == "4 4"
    assert_sound(path)


OTHER_LIBRARY = """
repo = SessionRepository.open(path)
count(repo)
reader = sqlite3.connect(path)
reader.execute("SELECT * FROM sessions").fetchall()
assert refused(Forked(lambda meet: count(repo)).answer())
reader.close()
print(Forked(lambda meet: count(repo)).answer()[:2], stored())
"""


def test_a_file_that_another_library_has_open_is_refused_in_the_child(path):
    assert run(OTHER_LIBRARY, path) == "['value', 2] 2"


# a fork waits for methods of other threads, so that nearly all children can be served
BUSY_THREADS = """
repo = SessionRepository.open(path, busy_timeout=20, max_connections=3)
stop, counts = threading.Event(), [0] * 4

def work(number):
    while not stop.is_set():
        count(repo)
        counts[number] += 1

threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
[each.start() for each in threads]
served = refusals = 0
for _ in range(30):
    answer = Forked(lambda meet: count(repo, 5)).answer()
    if answer[0] == "value":
        served += 5
    else:
        assert refused(answer), answer
        refusals += 1
stop.set()
[each.join() for each in threads]
assert served > 0
print(stored() - sum(counts) - served)
"""


def test_forks_beside_threads_that_write_lose_nothing_and_hang_nowhere(path):
    assert run(BUSY_THREADS, path) == "0"
    assert_sound(path)


# --- databases in memory


MEMORY = """
engine = snakestore.create_engine("sqlite://")
snakestore.upgrade(engine)
repo, other = SessionRepository(engine), SessionRepository(engine)
repo.create_session("s", ttl=None)
repo.register_variable("s", "count", "integer", 0)
count(repo), count(other)

def child(meet):
    with repo.transaction() as transaction:
        count(transaction)
    return count(other)

assert Forked(child).answer()[:2] == ["value", 4]
with repo.transaction() as transaction:
    count(transaction)
    assert Forked(lambda meet: count(transaction)).answer()[:2] == ["value", 4]
inside, leave = threading.Event(), threading.Event()

def hold():
    with repo.transaction() as transaction:
        count(transaction)
        inside.set()
        leave.wait()

thread = threading.Thread(target=hold)
thread.start()
inside.wait()
assert refused(Forked(lambda meet: count(repo)).answer())
assert refused(Forked(lambda meet: count(other)).answer())
leave.set()
thread.join()
print(count(other))
"""


def test_a_child_has_a_copy_of_a_database_in_memory_unless_a_thread_was_changing_it(path):
    assert run(MEMORY, path) == "5"
