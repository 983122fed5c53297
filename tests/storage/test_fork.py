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

class Connections:
    forgotten = 0
    def forget_parent(self):
        self.forgotten += 1

connections, ended = Connections(), Connections()
fork.register(connections)
fork.register(ended)
del ended
thread = threading.Thread(target=hold)
thread.start()
taken.wait(60)
child = os.fork()
if not child:
    with lock.held():
        os._exit(0 if (fork.depth, connections.forgotten) == (1, 1) else 1)
_, status = os.waitpid(child, 0)
done.set()
thread.join()
print(os.waitstatus_to_exitcode(status), fork.depth, connections.forgotten)
"""


def test_a_child_finds_locks_free_and_drops_the_connections_of_its_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IN_A_NEW_PROCESS],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stdout.split() == ["0", "0", "0"]
