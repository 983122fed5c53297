"""What looks after tasks that wait: one timer for all of them, which no exception ends for good."""

from __future__ import annotations

import asyncio

import pytest

from snakestore.aio import watch as watched
from snakestore.aio.line import WITHOUT_LIMIT, Line
from snakestore.aio.scheduler import Permit
from snakestore.aio.watch import Watch

PERIOD = 0.5


class Timers:
    """Timers that ring when they are told to, and a clock that stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.set: list[Timer] = []
        monkeypatch.setattr(watched, "steady_seconds", lambda: self.now)
        monkeypatch.setattr(watched.loop_time, "call_later", self._later)

    def _later(self, _loop, seconds, callback):
        self.set.append(Timer(self.now + seconds, callback))
        return self.set[-1]

    @property
    def pending(self):
        return [timer for timer in self.set if not timer.gone]

    def ring(self):
        """Let the only timer ring."""
        [timer] = self.pending
        self.now, timer.gone = max(self.now, timer.due), True
        timer.callback()


class Timer:
    def __init__(self, due, callback):
        self.due, self.callback, self.gone = due, callback, False

    def cancel(self):
        self.gone = True


@pytest.fixture
def timers(monkeypatch):
    return Timers(monkeypatch)


def watching(looks, enough=PERIOD):
    def look(of):
        looks.append(list(of.waiting))
        return enough

    return Watch(asyncio.AbstractEventLoop(), look, PERIOD)


def test_one_timer_looks_after_all_that_wait_until_nothing_does(timers):
    looks = []
    watch = watching(looks)
    for number in range(100):
        watch.add(number, timers.now, PERIOD)
    timers.ring()
    timers.ring()
    for number in range(100):
        watch.discard(number)

    assert looks == [list(range(100))] * 2
    assert len(timers.set) == 3
    assert timers.pending == []


def test_what_is_to_be_looked_after_sooner_sets_the_timer_anew(timers):
    watch = watching([], enough=0.2)
    watch.add("patient", timers.now, PERIOD)
    watch.add("impatient", timers.now, 0.1)
    first = [timer.due for timer in timers.pending]
    timers.ring()

    assert first == [100.1]
    assert [timer.due for timer in timers.pending] == [pytest.approx(100.3)]


def test_the_timer_is_set_again_although_looking_fails(timers):
    def failing(_):
        raise ArithmeticError

    watch = Watch(asyncio.AbstractEventLoop(), failing, PERIOD)
    watch.add("task", timers.now, PERIOD)
    with pytest.raises(ArithmeticError):
        timers.ring()

    assert [timer.due for timer in timers.pending] == [101.0]


def test_a_task_that_begins_to_wait_sets_a_timer_that_an_exception_has_ended(timers):
    looks = []
    watch = watching(looks)
    watch.add("first", timers.now, PERIOD)
    timers.pending[0].gone = True  # as if one came before it was set again
    timers.now += 2 * PERIOD
    watch.add("soon", timers.now, PERIOD)
    within_a_period = timers.pending
    timers.now += PERIOD
    watch.add("later", timers.now, PERIOD)
    timers.ring()

    assert within_a_period == []
    assert looks == [["first", "soon", "later"]]


def test_a_timer_that_rings_for_nobody_is_set_again_by_the_next_task(timers):
    looks = []
    watch = watching(looks)
    watch.add("first", timers.now, PERIOD)
    watch.waiting.clear()  # as if an exception came before the timer was cancelled
    timers.ring()
    watch.add("next", timers.now, PERIOD)
    timers.ring()

    assert looks == [["next"]]


def test_tasks_that_wait_in_a_line_have_one_timer(monkeypatch):
    async def main():
        loop, line, holder = asyncio.get_running_loop(), Line(1, "busy"), Permit()
        set_ = []
        call_later = loop.call_later

        def counted(seconds, callback, *args):
            set_.append(callback)
            return call_later(seconds, callback, *args)

        monkeypatch.setattr(loop, "call_later", counted)
        line.enter_at_once(holder)
        permits = [Permit() for _ in range(100)]

        async def pass_through(permit):
            await line.enter(permit, WITHOUT_LIMIT)
            line.leave(permit)

        tasks = [asyncio.create_task(pass_through(permit)) for permit in permits]
        await asyncio.sleep(0)
        line.leave(holder)
        await asyncio.gather(*tasks)
        return len(set_), line.holders, line._watch

    timers, holders, watch = asyncio.run(main())

    assert timers == 1
    assert not holders
    assert watch is None
