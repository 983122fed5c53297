"""The model and the rules of optimisation: one holder, who renews its lease and ends it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from hypothesis import strategies as some
from hypothesis.stateful import rule

from snakestore import LeaseLostError, OptimizationStatus, Variable, VariableLockedError
from tests.contract.stateful.drawn import holders, identifiers, session_ids, writers
from tests.contract.stateful.model import Model, RefusedError


class LeaseModel(Model):
    """Start, renew, claim and end optimisations, as the contract says."""

    def start_optimization(
        self, sid: str, name: str, optimizer_id: str, *, lease: float | None
    ) -> Variable:
        place, held = self.find(sid, name)
        status = self.status(held)
        if status.optimizing and status.optimizer_id != optimizer_id:
            raise RefusedError(
                VariableLockedError,
                session_id=sid,
                holder=status.optimizer_id,
                expires_at=status.expires_at,
            )
        until = None if lease is None else self.clock() + timedelta(seconds=lease)
        started = OptimizationStatus(
            optimizing=True, optimizer_id=optimizer_id, started_at=self.clock(), expires_at=until
        )
        held.now = dataclasses.replace(held.now, optimization_status=started)
        self.written(place)
        return self.shown(held)

    def renew_optimization(
        self, sid: str, name: str, optimizer_id: str, *, lease: float | None
    ) -> Variable:
        place, held = self.find(sid, name)
        status = self.status(held)
        if status.optimizer_id != optimizer_id:
            raise RefusedError(
                LeaseLostError,
                session_id=sid,
                holder=status.optimizer_id,
                expires_at=status.expires_at,
            )
        until = None if lease is None else self.clock() + timedelta(seconds=lease)
        renewed = dataclasses.replace(status, expires_at=until)
        held.now = dataclasses.replace(held.now, optimization_status=renewed)
        self.written(place)
        return self.shown(held)

    def claim_variable(
        self, sid: str, pattern: str, optimizer_id: str, *, lease: float | None
    ) -> Variable | None:
        place = self.place(sid)
        free = sorted(
            (held.now.created_at, held.now.id)
            for held in place.variables.values()
            if not self.status(held).optimizing and fnmatchcase(held.now.name, pattern)
        )
        self.written(place)
        return self.start_optimization(sid, free[0][1], optimizer_id, lease=lease) if free else None

    def end_optimization(self, sid: str, name: str, optimizer_id: str | None) -> Variable:
        place, held = self.find(sid, name)
        status = self.status(held)
        if optimizer_id is not None and status.optimizer_id != optimizer_id:
            raise RefusedError(
                VariableLockedError,
                session_id=sid,
                holder=status.optimizer_id,
                expires_at=status.expires_at,
            )
        held.now = dataclasses.replace(held.now, optimization_status=OptimizationStatus())
        self.written(place)
        return self.shown(held)


class LeaseRules:
    """Operations of the machine, which has the rest."""

    both: Any
    held: Any
    model: Any
    writer: Any

    @rule(
        sid=session_ids, name=identifiers, who=holders, lease=some.sampled_from([None, 5.5, 40.5])
    )
    def start(self, sid: str, name: str, who: str, lease: float | None) -> None:
        held = self.held(sid, name)
        if held is not None and self.model.status(held).optimizer_id == who:
            who = "opt3"  # whether a renewal moves started_at is not specified
        self.both(lambda on: on.start_optimization(sid, name, who, lease=lease))

    @rule(sid=session_ids, name=identifiers, who=writers, lease=some.sampled_from([None, 5.5]))
    def renew(self, sid: str, name: str, who: str | None, lease: float | None) -> None:
        writer = self.writer(sid, name, who) or "nobody"
        self.both(lambda on: on.renew_optimization(sid, name, writer, lease=lease))

    @rule(sid=session_ids, pattern=some.sampled_from(["*", "*", "x*", "*y", "b"]), who=holders)
    def claim(self, sid: str, pattern: str, who: str) -> None:
        self.both(lambda on: on.claim_variable(sid, pattern, who, lease=5.5) or "none")

    @rule(sid=session_ids, name=identifiers, who=some.none() | holders)
    def end(self, sid: str, name: str, who: str | None) -> None:
        held = self.held(sid, name)
        if held is not None and not self.model.status(held).optimizing:
            return  # whether that is an access is not specified
        self.both(lambda on: on.end_optimization(sid, name, who))
