"""Leases of processes that fork, end or are killed, and of blocks that are left in no way."""

from __future__ import annotations

import gc
import itertools
import os
import sys
import threading
import time
from contextlib import ExitStack

import pytest

from snakestore import LeaseLostError, SessionRepository, VariableLockedError
from snakestore.repository.variables import held_lease
from tests.faults import crew, storm
from tests.faults.forking import run


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "s.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "count", "integer", 0)
    return path


@pytest.fixture
def repo(path):
    with SessionRepository.open(path) as repo:
        yield repo


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def is_free(repo):
    return not repo.get_variable("s", "count").optimizing


# --- forks

FORK_IN_A_BLOCK = """
repo = SessionRepository.open(path)

def child(meet):
    told = [lease.lost, threading.active_count()]
    for write in (lambda: lease.update(1), lambda: lease.modify(lambda n: n + 1), lease.renew):
        try:
            write()
        except snakestore.LeaseLostError as lost:
            told.append("parent" in str(lost))
    try:
        lease.__exit__(None, None, None)
    except snakestore.LeaseLostError:
        told.append("end")
    return told

with repo.lease("s", "count") as lease:
    kid = Forked(child)
    told = kid.answer()[:2]
    held = repo.get_variable("s", "count").optimizing
    lease.update(5)
    threads = threading.active_count()
print(told, held, threads, repo.get_value("s", "count"), repo.get_variable("s", "count").optimizing)
"""


def test_a_forked_child_writes_nothing_and_the_parent_goes_on_holding(path):
    expected = ["value", [True, 1, True, True, True, "end"]]

    assert run(FORK_IN_A_BLOCK, path) == f"{expected} True 2 5 False"


CHILD_UNWINDS = """
repo = SessionRepository.open(path)
with repo.lease("s", "count") as lease:
    pid = os.fork()
    if pid == 0:
        sys.exit(3)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), end=" ")
    lease.update(5)
print(stored())
"""


def test_a_child_that_ends_in_the_block_does_not_end_the_lease_of_its_parent(path):
    assert run(CHILD_UNWINDS, path) == "3 5"


# --- the end of a process

ENDS = {
    "in the block": """
        def hold():
            with repo.lease("s", "count", seconds=0.3) as lease:
                print("held", flush=True)
                threading.Event().wait()

        threading.Thread(target=hold, daemon=True).start()
        while not repo.get_variable("s", "count").optimizing:
            time.sleep(0.01)
        time.sleep(0.3)
    """,
    "without leaving it": """
        lease = repo.lease("s", "count", seconds=0.3)
        lease.__enter__()
        print("held", flush=True)
    """,
    "by an error": """
        try:
            with repo.lease("s", "count", seconds=0.3) as lease:
                print("held", flush=True)
                sys.exit(0)
        finally:
            assert not repo.get_variable("s", "count").optimizing
    """,
}


@pytest.mark.parametrize("end", ENDS)
def test_a_lease_does_not_keep_a_process_from_ending(path, end):
    lines = ENDS[end].split("\n")
    script = "repo = SessionRepository.open(path)\n" + "\n".join(line[8:] for line in lines)

    assert run(script, path) == "held"


def hold(path):
    """Hold the variable until killed."""
    with SessionRepository.open(path) as repo, repo.lease("s", "count", seconds=1):
        threading.Event().wait()


def test_a_lease_of_a_killed_process_runs_out(path, repo):
    with crew.Crew(hold, [(path,)]) as holders:
        until(lambda: not is_free(repo))
        with pytest.raises(VariableLockedError), repo.lease("s", "count"):
            pytest.fail("two processes hold one variable")
        holders.kill()
    until(lambda: is_free(repo))

    with repo.lease("s", "count") as lease:
        assert lease.update(7).value == 7


# --- blocks that are left in no way


def test_a_lease_that_is_dropped_without_being_left_is_ended(repo):
    repo.lease("s", "count").__enter__()
    gc.collect()

    until(lambda: is_free(repo))


@pytest.mark.parametrize("renew", [True, False])
def test_a_lease_whose_with_statement_is_gone_is_ended_while_others_refer_to_it(repo, renew):
    lease = repo.lease("s", "count", renew=renew)
    leave = lease.__exit__
    lease.__enter__()
    held = not is_free(repo)

    del leave

    until(lambda: is_free(repo))
    assert held
    with pytest.raises(LeaseLostError):
        lease.update(1)


def test_a_lease_on_an_exit_stack_is_held_until_the_stack_is_left(repo):
    with ExitStack() as stack:
        lease = stack.enter_context(repo.lease("s", "count"))
        lease.update(1)
        del lease
        gc.collect()
        held = not is_free(repo)

    assert held
    assert is_free(repo)


def test_an_interrupt_as_the_block_is_entered_leaves_nothing_held(repo, monkeypatch):
    def interrupted(_renewal):
        raise KeyboardInterrupt

    monkeypatch.setattr(held_lease.Renewal, "start", interrupted)

    with pytest.raises(KeyboardInterrupt), repo.lease("s", "count"):
        pytest.fail("it was entered")

    assert is_free(repo)


def test_an_interrupt_as_the_block_is_left_leaves_nothing_held(repo, monkeypatch):
    calls = []

    def release(*args):
        calls.append(args)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return real(*args)

    real = held_lease.release
    monkeypatch.setattr(held_lease, "release", release)

    with pytest.raises(KeyboardInterrupt), repo.lease("s", "count") as lease:
        lease.update(1)

    assert is_free(repo)
    assert repo.get_value("s", "count") == 1


def is_idle(repo):
    try:
        storm.check_idle(repo)
    except AssertionError:  # a lease is being ended in another thread
        return False
    return True


def interrupt(path, kind, hits):
    """Interrupt blocks at random instants. Afterwards the variable is free within a second."""
    sys.unraisablehook = lambda _: None  # an exception may come in a finalizer
    with SessionRepository.open(path, busy_timeout=2) as repo:

        def block():
            with repo.lease("s", "count") as lease:
                lease.modify(lambda count: count + 1)

        block()
        for _ in range(hits):
            error = storm.EXCEPTIONS[kind](itertools.repeat(block), 0.003)
            until(lambda: is_free(repo) and is_idle(repo), seconds=1)
            del error  # until here it was referenced, as by a job runner
        return repo.get_variable("s", "count").value


# not by another thread: CPython may raise its exception in the new thread in place of this one
@pytest.mark.parametrize("kind", ["KeyboardInterrupt", "RecursionError"])
def test_after_exceptions_at_random_instants_no_lease_is_held(path, kind, size):
    [counted] = crew.run(interrupt, [(path, kind, size(40, 1000))], 300)

    assert counted > 0


def test_no_thread_is_left_after_many_leases(repo):
    for number in range(50):
        with repo.lease("s", "count") as lease:
            lease.update(number)

    renewing = {each.name for each in threading.enumerate()} & {"snakestore lease"}
    assert (renewing, repo.get_variable("s", "count").version) == (set(), 50)


def test_the_process_of_the_holder_is_recorded(repo):
    with repo.lease("s", "count") as lease:
        assert lease.variable.optimization_status.optimizer_pid == os.getpid()
