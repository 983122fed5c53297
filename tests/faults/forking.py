"""Scripts that fork: each runs in an interpreter of its own, for pytest may have threads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PRELUDE = """
import json, multiprocessing, os, sqlite3, subprocess, sys, threading, time, warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", ".*multi-threaded", DeprecationWarning)  # Python 3.12 on
import snakestore
from snakestore import SessionRepository, StoreBusyError, StoreError
path = sys.argv[1]

class Forked:
    # a child that runs body(meet); meet() waits there until the parent calls go()
    def __init__(self, body):
        here, there = multiprocessing.Pipe()
        self.pid = os.fork()
        if self.pid:
            self.pipe = here
            return
        def meet():
            there.send("met")
            there.recv()
        began = time.monotonic()
        try:
            answer = ["value", body(meet)]
        except BaseException as error:
            answer = [type(error).__name__, str(error)]
        there.send([*answer, time.monotonic() - began])
        os._exit(0)

    def met(self):
        assert self.pipe.poll(20) and self.pipe.recv() == "met"

    def go(self):
        self.pipe.send("go")

    def answer(self):
        # "value", what it returned, seconds; or the error's name and message
        assert self.pipe.poll(20), "the child hangs"
        answer = self.pipe.recv()
        os.waitpid(self.pid, 0)
        return answer

def refused(answer):
    kind, message, seconds = answer
    return kind == "StoreError" and "forked" in message and "spawn" in message and seconds < 2

def count(repo, times=1):
    for _ in range(times):
        value = repo.modify_variable("s", "count", lambda value: value + 1).value
    return value

def stored():
    with SessionRepository.open(path) as repo:
        return repo.get_value("s", "count")
"""


def run(script: str, path: Path | str, *arguments: str) -> str:
    """What the script prints."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + script, str(path), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()
