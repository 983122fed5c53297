"""What a forked child finds of what ``storage/fork.py`` keeps."""

from __future__ import annotations

import subprocess
import sys

IN_A_NEW_PROCESS = """
import os, threading
from snakestore.storage import fork

lock, taken, done = fork.ForkSafeLock(), threading.Event(), threading.Event()

def hold():
    with lock.held():
        taken.set()
        done.wait(60)

class Connections(fork.Participant):
    def __init__(self):
        self.calls, self.waits = [], 3
    def before_fork(self):
        self.calls.append("before")
    def busy(self):
        self.waits -= 1
        return self.waits > 0
    def after_fork_in_parent(self):
        self.calls.append("in parent")
    def after_fork_in_child(self):
        self.calls.append("in child")

class Failing(fork.Participant):
    def before_fork(self):
        raise OSError("cannot be closed")

connections, ended, failing = Connections(), Connections(), Failing()
for each in (failing, connections, ended):
    fork.register(each)
del ended, each
thread = threading.Thread(target=hold)
thread.start()
taken.wait(60)
child = os.fork()
if not child:
    with lock.held():
        os._exit(0 if (fork.depth, connections.calls) == (1, ["before"] * 3 + ["in child"]) else 1)
_, status = os.waitpid(child, 0)
done.set()
thread.join()
print(os.waitstatus_to_exitcode(status), fork.depth, connections.calls)
"""


def test_owners_of_connections_are_called_around_a_fork_and_locks_are_free_in_the_child() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IN_A_NEW_PROCESS],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stdout.strip() == "0 0 ['before', 'before', 'before', 'in parent']"
