"""The ways in which a lease is lost."""

from __future__ import annotations

import pytest


def ran_out(repo, sid, clock, _lease):
    clock.advance(60)


def taken(repo, sid, clock, _lease):
    clock.advance(60)
    repo.start_optimization(sid, "x", "other", lease=30)


def ended(repo, sid, _clock, _lease):
    repo.end_optimization(sid, "x")


def ended_and_taken(repo, sid, _clock, _lease):
    repo.end_optimization(sid, "x")
    repo.start_optimization(sid, "x", "other", lease=30)


every_loss = pytest.mark.parametrize("lose", [ran_out, taken, ended, ended_and_taken])
