"""What the contract says, in dictionaries."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from snakestore import (
    BatchError,
    OptimizationStatus,
    Program,
    SessionExistsError,
    SessionExpiredError,
    SessionNotFoundError,
    SnakeStoreError,
    ValidationError,
    Variable,
    VariableExistsError,
    VariableLockedError,
    VariableNotFoundError,
    VersionConflictError,
)

TAKES = {
    "boolean": lambda value: type(value) is bool,
    "integer": lambda value: type(value) is int,
    "string": lambda value: type(value) is str,
    "json": lambda _: True,
}


class RefusedError(Exception):
    """The model refuses: by which error, with which attributes."""

    def __init__(self, kind: type[SnakeStoreError], **told: Any) -> None:
        super().__init__(kind, told)
        self.kind, self.told = kind, told


@dataclass
class Held:
    """A variable or program, and its past: at least ``surely``, at most ``at_most`` of it."""

    now: Any
    past: list[Any] = field(default_factory=list)
    surely: int = 0
    at_most: int = 0

    def replace(self, new: Variable | Program, limit: int | None) -> None:
        if new.version != self.now.version:
            self.past.append(self.now)
            kept = len(self.past) if limit is None else limit
            self.surely, self.at_most = min(self.surely + 1, kept), min(self.at_most + 1, kept)
        self.now = new


@dataclass
class Place:
    """A session."""

    created_at: datetime
    last_accessed: datetime
    ttl: float | None
    history: int | None
    updates: int = 0
    variables: dict[str, Held] = field(default_factory=dict)
    programs: dict[str, Held] = field(default_factory=dict)
    logs: dict[str, Any] = field(default_factory=dict)

    def expired(self, now: datetime) -> bool:
        return self.ttl is not None and (now - self.last_accessed).total_seconds() > self.ttl


class Model:
    """What the contract says, in dictionaries."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.places: dict[str, Place] = {}

    def place(self, sid: str) -> Place:
        place = self.places.get(sid)
        if place is None:
            raise RefusedError(SessionNotFoundError, session_id=sid)
        if place.expired(self.clock()):
            raise RefusedError(SessionExpiredError, session_id=sid)
        return place

    def find(self, sid: str, identifier: str) -> tuple[Place, Held]:
        place = self.place(sid)
        for held in place.variables.values():
            if identifier in (held.now.id, held.now.name):
                return place, held
        raise RefusedError(VariableNotFoundError, session_id=sid, identifier=identifier)

    def status(self, held: Held) -> OptimizationStatus:
        status = held.now.optimization_status
        return (
            OptimizationStatus()
            if status.expires_at is not None and status.expires_at < self.clock()
            else status
        )

    def shown(self, held: Held) -> Variable:
        return dataclasses.replace(held.now, optimization_status=self.status(held))

    def may_write(self, sid: str, held: Held, who: str | None, expected: int | None) -> None:
        status = self.status(held)
        if status.optimizer_id != who:
            raise RefusedError(
                VariableLockedError,
                session_id=sid,
                holder=status.optimizer_id,
                expires_at=status.expires_at,
            )
        if expected is not None and expected != held.now.version:
            raise RefusedError(
                VersionConflictError, session_id=sid, expected=expected, actual=held.now.version
            )

    def may_be(self, type_name: str, value: Any) -> None:
        if not TAKES[type_name](value):
            raise RefusedError(ValidationError)

    def read(self, place: Place) -> None:
        longest = 60.0 if place.ttl is None else min(place.ttl / 10, 60.0)
        if (self.clock() - place.last_accessed).total_seconds() >= longest:
            place.last_accessed = self.clock()

    def written(self, place: Place, updates: int = 0) -> None:
        place.last_accessed = self.clock()
        place.updates += updates

    # Every method below is called as the repository's verb of its name.

    def create_session(self, sid: str, *, ttl: float | None, history: int | None) -> None:
        place = self.places.get(sid)
        if place is not None and not place.expired(self.clock()):
            raise RefusedError(SessionExistsError, session_id=sid)
        self.places[sid] = Place(self.clock(), self.clock(), ttl, history)

    def delete_session(self, sid: str) -> bool:
        return self.places.pop(sid, None) is not None

    def delete_expired(self) -> int:
        gone = [sid for sid, place in self.places.items() if place.expired(self.clock())]
        for sid in gone:
            del self.places[sid]
        return len(gone)

    def touch(self, sid: str) -> None:
        self.written(self.place(sid))

    def revive_session(self, sid: str) -> None:
        if sid not in self.places:
            raise RefusedError(SessionNotFoundError, session_id=sid)
        self.written(self.places[sid])

    def update_session(self, sid: str, *, history: int | None) -> None:
        place = self.place(sid)
        place.history = history
        if history is not None:
            for held in (*place.variables.values(), *place.programs.values()):
                held.surely = min(held.surely, history)
        self.written(place)

    def register_variable(
        self,
        sid: str,
        name: str,
        type_name: str,
        value: Any,
        *,
        id: str,  # noqa: A002 - the contract's name
    ) -> Variable:
        new = Variable(id=id, name=name, type=type_name, value=value, created_at=self.clock())
        place = self.place(sid)
        if id in place.variables:
            raise RefusedError(VariableExistsError, session_id=sid)
        return self._place_variable(sid, new)

    def put_variable(
        self,
        sid: str,
        new: Variable,
        *,
        expected_version: int | None = None,
        optimizer_id: str | None = None,
    ) -> Variable:
        held = self.place(sid).variables.get(new.id)
        if held is not None:
            self.may_write(sid, held, optimizer_id, expected_version)
        elif expected_version is not None:
            raise RefusedError(
                VersionConflictError, session_id=sid, expected=expected_version, actual=None
            )
        return self._place_variable(sid, new)

    def _place_variable(self, sid: str, new: Variable) -> Variable:
        place = self.place(sid)
        if any(
            {new.id, new.name} & {other.now.id, other.now.name}
            for key, other in place.variables.items()
            if key != new.id
        ):
            raise RefusedError(VariableExistsError, session_id=sid)
        self.may_be(new.type, new.value)
        held = place.variables.get(new.id)
        if held is None:
            held = place.variables[new.id] = Held(new)
        else:
            same = (held.now.type, repr(held.now.value)) == (new.type, repr(new.value))
            version = (
                new.version if new.version > held.now.version else held.now.version + (not same)
            )
            held.replace(
                dataclasses.replace(
                    new, version=version, optimization_status=held.now.optimization_status
                ),
                place.history,
            )
        self.written(place, updates=1)
        return self.shown(held)

    def _new_value(
        self, place: Place, held: Held, value: Any, metadata: dict[str, Any]
    ) -> Variable:
        self.may_be(held.now.type, value)
        merged = {**held.now.metadata, **metadata}
        new = dataclasses.replace(
            held.now,
            value=value,
            version=held.now.version + 1,
            metadata=merged,
            last_updated_at=self.clock(),
        )
        held.replace(new, place.history)
        self.written(place, updates=1)
        return self.shown(held)

    def update_variable(
        self,
        sid: str,
        name: str,
        value: Any,
        *,
        expected_version: int | None = None,
        metadata: Any = None,
        optimizer_id: str | None = None,
    ) -> Variable:
        place, held = self.find(sid, name)
        self.may_write(sid, held, optimizer_id, expected_version)
        return self._new_value(place, held, value, {**(metadata or {}), "source": "python"})

    def modify_variable(
        self, sid: str, name: str, fn: Any, *, optimizer_id: str | None = None
    ) -> Variable:
        place, held = self.find(sid, name)
        self.may_write(sid, held, optimizer_id, None)
        return self._new_value(place, held, fn(held.now.value), {"source": "python"})

    def update_variables(
        self, sid: str, values: dict[str, Any], *, expected_versions: dict[str, int], atomic: bool
    ) -> dict[str, Any]:
        self.place(sid)
        outcomes: dict[str, Any] = {}
        for key, value in values.items():
            try:
                held = self.find(sid, key)[1]
                self.may_write(sid, held, None, expected_versions.get(key))
                self.may_be(held.now.type, value)
            except RefusedError as refused:
                outcomes[key] = refused
        if atomic and outcomes:
            raise RefusedError(BatchError, errors=outcomes)
        for key, value in values.items():
            if key not in outcomes:
                outcomes[key] = self._new_value(*self.find(sid, key), value, {"source": "python"})
        return outcomes

    def rollback_variable(
        self,
        sid: str,
        name: str,
        version: int,
        *,
        expected_version: int | None,
        optimizer_id: str | None,
    ) -> Variable:
        place, held = self.find(sid, name)
        self.may_write(sid, held, optimizer_id, expected_version)
        old = next(past for past in held.past[-held.surely :] if past.version == version)
        return self._new_value(
            place, held, old.value, {"rolled_back_to": version, "source": "rollback"}
        )

    def delete_variable(self, sid: str, name: str, *, optimizer_id: str | None) -> bool:
        try:
            place, held = self.find(sid, name)
        except RefusedError as refused:
            if refused.kind is VariableNotFoundError:
                return False
            raise
        self.may_write(sid, held, optimizer_id, None)
        del place.variables[held.now.id]
        self.written(place)
        return True

    def get_variable(self, sid: str, name: str) -> Variable:
        place, held = self.find(sid, name)
        self.read(place)
        return self.shown(held)

    def has_variable(self, sid: str, name: str) -> bool:
        try:
            return bool(self.find(sid, name))
        except RefusedError:
            return False

    def list_variables(self, sid: str) -> list[Variable]:
        place = self.place(sid)
        self.read(place)
        return sorted(
            (self.shown(held) for held in place.variables.values()),
            key=lambda variable: (variable.created_at, variable.id),
        )
