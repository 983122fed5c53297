"""lease() renews in the background while its block runs."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from datetime import timedelta

import pytest

from snakestore import LeaseLostError, StoreBusyError
from snakestore.aio import lease as aio_lease
from snakestore.repository.variables import held_lease
from tests.contract.backends import loop
from tests.contract.leases.losses import taken


class Pause:
    """Stands in for the waiting of the renewing thread or task: a test lets it go on."""

    def __init__(self):
        self._asked = queue.Queue()
        self._turns = queue.Queue()
        self._wake = lambda: self._turns.put(False)

    def wait(self, seconds):
        """For the thread: whether it is to end."""
        self._asked.put(seconds)
        return self._turns.get()

    def set(self):
        """For the end of the block."""
        self._turns.put(True)

    async def sleep(self, seconds):
        """For the task."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._wake = lambda: loop.call_soon_threadsafe(waiter.set_result, None)
        self._asked.put(seconds)
        await waiter

    def next(self):
        """How long it waits now."""
        return self._asked.get(timeout=30)

    def go_on(self):
        """Let it go on."""
        self._wake()

    def waits_again(self):
        """Let it go on until it waits again; how long it waits then."""
        self.go_on()
        return self.next()


@pytest.fixture
def pause(monkeypatch):
    pause = Pause()
    monkeypatch.setattr(aio_lease.AsyncLease, "_sleep", staticmethod(pause.sleep))
    monkeypatch.setattr(held_lease.Renewal, "new_event", staticmethod(lambda: pause))
    return pause


def until(condition):
    """Wait for what another thread does."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_lease_is_renewed_after_each_third_of_its_length(repo, sid, clock, pause):
    with repo.lease(sid, "x", seconds=60) as lease:
        waits = [pause.next()]
        for _ in range(5):
            clock.advance(20)
            waits.append(pause.waits_again())
            status = repo.get_variable(sid, "x").optimization_status
            assert status.expires_at == clock() + timedelta(seconds=60)
            assert status.optimizer_id == lease.optimizer_id
        lease.update(2)

        assert waits == [20.0] * 6
        assert not lease.lost

    assert repo.get_value(sid, "x") == 2


def test_renewals_end_with_the_block(repo, sid, backend):
    def renewing():
        tasks = asyncio.all_tasks(loop()._loop) if backend.awaited else []
        return [
            *(each for each in threading.enumerate() if each.name == "snakestore lease"),
            *(each for each in tasks if "_keep_renewing" in repr(each)),
        ]

    with repo.lease(sid, "x"):
        during = renewing()

    assert len(during) == 1
    assert renewing() == []


def test_a_renewal_that_finds_the_lease_lost_is_the_last(repo, sid, clock, pause):
    with pytest.raises(LeaseLostError) as lost, repo.lease(sid, "x", seconds=60) as lease:
        pause.next()
        taken(repo, sid, clock, lease)
        pause.go_on()
        until(lambda: lease.lost)
        with pytest.raises(LeaseLostError):
            lease.update(2)

    assert lost.value.holder == "other"
    assert repo.get_value(sid, "x") == 1


def test_a_renewal_that_fails_is_tried_again_until_the_lease_has_run_out(
    repo, sid, clock, pause, monkeypatch
):
    failing = threading.Event()

    def extend(*args, **kwargs):
        if failing.is_set():
            message = "locked by others"
            raise StoreBusyError(message)
        return real(*args, **kwargs)

    real = held_lease.extend
    monkeypatch.setattr(held_lease, "extend", extend)
    monkeypatch.setattr(aio_lease, "extend", extend)

    with pytest.raises(LeaseLostError), repo.lease(sid, "x", seconds=60) as lease:
        waits = [pause.next()]
        failing.set()
        clock.advance(20)
        waits += [pause.waits_again(), pause.waits_again()]
        failing.clear()
        waits.append(pause.waits_again())
        survived = repo.get_variable(sid, "x").optimization_status.expires_at - clock()
        failing.set()
        clock.advance(60)
        pause.go_on()
        until(lambda: lease.lost)

    assert waits == [20.0, 1.0, 1.0, 20.0]
    assert survived == timedelta(seconds=60)


def test_a_renewal_keeps_a_large_value_where_it_is(repo, sid, clock, pause):
    repo.register_variable(sid, "big", "json", ["x" * 100_000])

    with repo.lease(sid, "big", seconds=3) as lease:
        pause.next()
        clock.advance(1)
        pause.waits_again()

        assert lease.variable.value == ["x" * 100_000]
        assert lease.update(["y"]).version == 1
