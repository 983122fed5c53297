"""A forked child has connections of its own to a server, and keeps none of its parent's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.faults.forking import PRELUDE, run

PARENT_AND_CHILDREN = """
repo = SessionRepository.open(path, migrate=False)
count(repo)
children = [Forked(lambda meet: count(repo, 10)) for _ in range(3)]
with repo.transaction() as transaction:
    count(transaction)
    beside = Forked(lambda meet: repo.get_value("s", "count"))  # a connection is in use
    assert beside.answer()[0] == "value"
    count(transaction)
    refusal = Forked(lambda meet: count(transaction)).answer()
    assert refused(refusal), refusal
assert all(each.answer()[0] == "value" for each in children)
count(repo, 10)
repo.close()
print(stored())
"""


def test_parent_and_children_use_one_repository(url, repo):
    repo.register_variable("s", "count", "integer", 0)

    assert run(PARENT_AND_CHILDREN, url.render_as_string(hide_password=False)) == "43"


KILLED_PARENT = """
import signal
repo = SessionRepository.open(path, migrate=False)
with repo.transaction() as transaction:
    count(transaction)
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    print(child, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_locks_of_a_killed_parent_are_free_although_its_child_lives(url, repo):
    repo.register_variable("s", "count", "integer", 0)
    parent = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + KILLED_PARENT, url.render_as_string(hide_password=False)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        parent.wait(60)

        repo.modify_variable("s", "count", lambda value: value + 1)
        assert repo.get_value("s", "count") == 1
        os.kill(child, 0)  # it lives
    finally:
        os.kill(child, signal.SIGKILL)
        parent.stdout.close()
