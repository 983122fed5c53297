"""Random sequences of operations give the same results as a model in memory."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from snakestore import (
    BatchError,
    LeaseLostError,
    OptimizationStatus,
    Program,
    ProgramNotFoundError,
    SessionExistsError,
    SessionExpiredError,
    SessionNotFoundError,
    SessionRepository,
    SnakeStoreError,
    ValidationError,
    Variable,
    VariableExistsError,
    VariableLockedError,
    VariableNotFoundError,
    VersionConflictError,
    VersionNotFoundError,
)

# --- the model

TAKES = {
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

    def program(self, sid: str, program_id: str, expected: int | None) -> tuple[Place, Held | None]:
        place = self.place(sid)
        held = place.programs.get(program_id)
        actual = None if held is None else held.now.version
        if expected is not None and expected != actual:
            raise RefusedError(
                VersionConflictError, session_id=sid, expected=expected, actual=actual
            )
        return place, held

    def put_program(
        self,
        sid: str,
        program_id: str,
        document: Any,
        *,
        expected_version: int | None,
        metadata: dict[str, Any] | None,
    ) -> Program:
        place, held = self.program(sid, program_id, expected_version)
        new = Program(
            id=program_id,
            document=document,
            version=0,
            created_at=self.clock(),
            last_updated_at=self.clock(),
            metadata=metadata or {},
        )
        if held is None:
            held = place.programs[program_id] = Held(new)
        elif repr(document) == repr(held.now.document):
            kept = held.now.metadata if metadata is None else metadata
            held.now = dataclasses.replace(held.now, metadata=kept)
        else:
            self._next(place, held, new)
        self.written(place)
        return held.now

    def _next(self, place: Place, held: Held, new: Program) -> None:
        version, made = held.now.version + 1, held.now.created_at
        held.replace(dataclasses.replace(new, version=version, created_at=made), place.history)

    def rollback_program(
        self, sid: str, program_id: str, version: int, *, expected_version: int | None
    ) -> Program:
        place, held = self.program(sid, program_id, expected_version)
        assert held is not None
        (was,) = [past for past in held.past if past.version == version]
        metadata = held.now.metadata | {"rolled_back_to": version, "source": "rollback"}
        new = dataclasses.replace(was, metadata=metadata, last_updated_at=self.clock())
        self._next(place, held, new)
        self.written(place)
        return held.now

    def delete_program(self, sid: str, program_id: str) -> bool:
        place = self.place(sid)
        if program_id not in place.programs:
            return False
        del place.programs[program_id]
        self.written(place)
        return True

    def get_program(self, sid: str, program_id: str) -> Any:
        place = self.place(sid)
        if program_id not in place.programs:
            raise RefusedError(ProgramNotFoundError, session_id=sid, program_id=program_id)
        self.read(place)
        return place.programs[program_id].now.document

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


# --- the comparison


def plain(outcome: Any) -> Any:
    """An outcome in a comparable form, without the times of the metadata."""
    if isinstance(outcome, Variable | Program):
        content = "value" if isinstance(outcome, Variable) else "document"
        shown = {
            each.name: getattr(outcome, each.name)
            for each in dataclasses.fields(outcome)
            if not each.name.startswith("_")
        }
        return shown | {
            "metadata": {
                key: value for key, value in outcome.metadata.items() if key != "updated_at"
            },
            content: repr(getattr(outcome, content)),
        }
    if isinstance(outcome, dict):
        return {key: plain(each) for key, each in outcome.items()}
    if isinstance(outcome, list):
        return [plain(each) for each in outcome]
    return outcome


def agree(model: Any, store: Any) -> None:
    """Assert that what the store did is what the model did, the errors and their attributes too."""
    if isinstance(model, RefusedError):
        assert type(store) is model.kind, f"{store!r} where {model!r} was expected"
        for name, expected in model.told.items():
            told = getattr(store, name)
            if name == "errors":
                assert set(told) == set(expected)
                for key, each in expected.items():
                    agree(each, told[key])
            else:
                assert told == expected
    elif isinstance(model, dict):
        assert set(store) == set(model)
        for key, each in model.items():
            agree(each, store[key])
    elif model is not None:  # what the model does not tell, another test does
        assert plain(store) == plain(model)


def outcome(call: Any, on: Any) -> Any:
    try:
        return call(on)
    except (RefusedError, SnakeStoreError) as refused:
        return refused


# What is drawn most often is what succeeds: a walk of refusals alone proves little.
session_ids = some.sampled_from(["s1"] * 7 + ["s2"])
ids = some.sampled_from(["a", "b", "c"])
names = some.sampled_from(["a", "x", "y"])
identifiers = some.sampled_from(["a", "x", "x", "x", "y", "y", "b", "nobody"])
types = some.sampled_from(["integer", "integer", "string", "json"])
values = (
    some.integers(-2, 3)
    | some.integers(-2, 3)
    | some.sampled_from(["", "text", None, [1, {"k": 1.0}], True])
)
versions = some.sampled_from([None] * 5 + [0, 1, 2, 3])
holders = some.sampled_from(["opt1", "opt2"])
writers = some.sampled_from(["whoever may"] * 4 + [None, "opt1", "opt2"])
limits = some.sampled_from([None, 0, 1, 2, 100])


class Machine(RuleBasedStateMachine):
    """Applies operations to the store and to the model. Each run starts with an empty store."""

    repo: ClassVar[SessionRepository]
    clock: ClassVar[Any]
    beginning: ClassVar[datetime]

    def __init__(self) -> None:
        super().__init__()
        self.clock.set(self.beginning)
        for session in self.repo.list_sessions(include_expired=True):
            self.repo.delete_session(session.id)
        self.model = Model(self.clock)
        self.moments = [self.beginning]

    @initialize(ttl=some.sampled_from([None, None, 1000.5]), history=limits)
    def begin(self, ttl: float | None, history: int | None) -> None:
        self.both(lambda on: on.create_session("s1", ttl=ttl, history=history) and None)
        self.both(lambda on: on.register_variable("s1", "x", "integer", 0, id="a"))
        self.both(lambda on: on.register_variable("s1", "y", "json", None, id="b"))

    def both(self, call: Any) -> None:
        model = outcome(call, self.model)
        agree(model, outcome(call, self.repo))

    def held(self, sid: str, name: str) -> Held | None:
        try:
            return self.model.find(sid, name)[1]
        except RefusedError:
            return None

    def writer(self, sid: str, name: str, who: str | None) -> str | None:
        held = self.held(sid, name)
        if who != "whoever may":
            return who
        return None if held is None else self.model.status(held).optimizer_id

    @rule(seconds=some.sampled_from([0.000001, 1, 1, 4, 5, 6, 30, 61, 1001]))
    def time_passes(self, seconds: float) -> None:
        self.moments.append(self.clock.advance(seconds))

    @rule(
        sid=some.sampled_from(["s1", "s2"]),
        ttl=some.sampled_from([None, 50, 1000.5]),
        history=limits,
    )
    def create_session(self, sid: str, ttl: float | None, history: int | None) -> None:
        self.both(lambda on: on.create_session(sid, ttl=ttl, history=history) and None)

    @rule(sid=session_ids, how=some.sampled_from(["touch", "touch", "touch", "sweep", "delete"]))
    def touch_sweep_or_delete(self, sid: str, how: str) -> None:
        if how == "delete":
            self.both(lambda on: on.delete_session(sid))
        self.both(lambda on: on.delete_expired() if how == "sweep" else on.touch(sid) and None)

    @rule(sid=session_ids)
    def revive_session(self, sid: str) -> None:
        self.both(lambda on: on.revive_session(sid) and None)

    @rule(sid=session_ids, history=limits)
    def update_session(self, sid: str, history: int | None) -> None:
        self.both(lambda on: on.update_session(sid, history=history) and None)

    @rule(sid=session_ids, id_=ids, name=names, type_name=types, value=values)
    def register(self, sid: str, id_: str, name: str, type_name: str, value: Any) -> None:
        self.both(lambda on: on.register_variable(sid, name, type_name, value, id=id_))

    @rule(
        sid=session_ids,
        id_=ids,
        name=names,
        type_name=types,
        value=values,
        version=some.integers(0, 6),
        expected=versions,
        who=writers,
    )
    def put(
        self,
        *,
        sid: str,
        id_: str,
        name: str,
        type_name: str,
        value: Any,
        version: int,
        expected: int | None,
        who: str | None,
    ) -> None:
        held = self.model.places[sid].variables.get(id_) if sid in self.model.places else None
        writer = None if held is None else self.writer(sid, id_, who)
        made, written = (
            (held.now.created_at, self.clock()) if held else (self.clock(), self.clock())
        )
        if (
            held
            and version <= held.now.version
            and (type_name, repr(value)) == (held.now.type, repr(held.now.value))
        ):
            written = held.now.last_updated_at  # the version stays, and so does when it was written
        new = Variable(
            id=id_,
            name=name,
            type=type_name,
            value=value,
            created_at=made,
            last_updated_at=written,
            version=version,
            metadata={"put": version},
        )
        self.both(
            lambda on: on.put_variable(sid, new, expected_version=expected, optimizer_id=writer)
        )

    @rule(sid=session_ids, name=identifiers, value=values, expected=versions, who=writers)
    def update(
        self, sid: str, name: str, value: Any, expected: int | None, who: str | None
    ) -> None:
        writer = self.writer(sid, name, who)
        self.both(
            lambda on: on.update_variable(
                sid,
                name,
                value,
                expected_version=expected,
                metadata={"seen": value},
                optimizer_id=writer,
            )
        )

    @rule(
        how=some.sampled_from(["update", "modify", "batch", "put", "rollback"]),
        name=some.sampled_from(["x", "y"]),
        number=some.integers(0, 9),
    )
    def write_what_may_be_written(self, how: str, name: str, number: int) -> None:
        """Make sure that there is something to write to, and write to it as whoever may."""
        if "s1" not in self.model.places or self.model.places["s1"].expired(self.clock()):
            self.both(lambda on: on.create_session("s1", ttl=None, history=2) and None)
        held = self.held("s1", name)
        if held is None:
            fresh = next((each for each in ("a", "b", "c") if self.held("s1", each) is None), None)
            if fresh is None:
                return
            self.both(lambda on: on.register_variable("s1", name, "json", number, id=fresh))
            return
        version, status, value = (
            held.now.version,
            self.model.status(held),
            f"text {number}" if held.now.type == "string" else number,
        )
        if how == "batch" and not status.optimizing:
            self.both(
                lambda on: on.update_variables(
                    "s1", {name: value}, expected_versions={name: version}, atomic=number % 2 == 0
                )
            )
        elif how == "put":
            new = dataclasses.replace(
                held.now,
                value=value,
                version=max(0, version + number - 3),
                last_updated_at=self.clock(),
            )
            if repr(value) == repr(held.now.value) and new.version <= version:
                new = dataclasses.replace(new, last_updated_at=held.now.last_updated_at)
            self.both(lambda on: on.put_variable("s1", new, optimizer_id=status.optimizer_id))
        elif how == "rollback":
            self.rollback_any("s1", name, number, None, status.optimizer_id)
        elif how == "modify":
            self.both(
                lambda on: on.modify_variable(
                    "s1", name, lambda _: value, optimizer_id=status.optimizer_id
                )
            )
        else:
            self.both(
                lambda on: on.update_variable("s1", name, value, optimizer_id=status.optimizer_id)
            )

    @rule(sid=session_ids, name=identifiers, who=writers)
    def modify(self, sid: str, name: str, who: str | None) -> None:
        writer = self.writer(sid, name, who)
        self.both(
            lambda on: on.modify_variable(
                sid,
                name,
                lambda value: value + 1 if type(value) is int else value,
                optimizer_id=writer,
            )
        )

    @rule(
        sid=session_ids,
        given=some.dictionaries(identifiers, values, min_size=1),
        expected=some.dictionaries(identifiers, versions),
        atomic=some.booleans(),
    )
    def update_many(
        self, sid: str, given: dict[str, Any], expected: dict[str, int | None], atomic: bool
    ) -> None:
        found = [held.now.id for held in (self.held(sid, key) for key in given) if held is not None]
        if len(found) != len(set(found)):
            return  # the same variable twice: told elsewhere
        asked = {
            key: version
            for key, version in expected.items()
            if key in given and version is not None
        }
        before = self.model.places[sid].last_accessed if sid in self.model.places else None

        self.both(
            lambda on: on.update_variables(sid, given, expected_versions=asked, atomic=atomic)
        )

        if not atomic and before is not None and self.model.places[sid].last_accessed == before:
            for session in (
                self.repo.list_sessions()
            ):  # whether a batch that could apply nothing is an access is not told
                if session.id == sid:
                    self.model.places[sid].last_accessed = session.last_accessed

    @rule(
        sid=session_ids,
        name=identifiers,
        back=some.integers(0, 10**6),
        expected=versions,
        who=writers,
    )
    def rollback(
        self, sid: str, name: str, back: int, expected: int | None, who: str | None
    ) -> None:
        self.rollback_any(sid, name, back, expected, self.writer(sid, name, who))

    def rollback_any(
        self, sid: str, name: str, back: int, expected: int | None, writer: str | None
    ) -> None:
        held = self.held(sid, name)
        if held is not None and held.surely:
            version = held.past[-1 - back % held.surely].version
            self.both(
                lambda on: on.rollback_variable(
                    sid, name, version, expected_version=expected, optimizer_id=writer
                )
            )

    @rule(sid=session_ids, name=identifiers, who=writers)
    def delete(self, sid: str, name: str, who: str | None) -> None:
        writer = self.writer(sid, name, who)
        self.both(lambda on: on.delete_variable(sid, name, optimizer_id=writer))

    @rule(
        sid=session_ids, name=identifiers, who=holders, lease=some.sampled_from([None, 5.5, 40.5])
    )
    def start(self, sid: str, name: str, who: str, lease: float | None) -> None:
        held = self.held(sid, name)
        if held is not None and self.model.status(held).optimizer_id == who:
            who = "opt3"  # whether a renewal moves started_at is not told
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
            return  # whether that is an access is not told
        self.both(lambda on: on.end_optimization(sid, name, who))

    @rule(
        sid=session_ids,
        program_id=ids,
        program=values,
        metadata=some.sampled_from([None, None, {"score": 1}]),
        expected=versions,
        how=some.sampled_from(["put", "put", "roll back", "delete"]),
    )
    def write_a_program(
        self,
        *,
        sid: str,
        program_id: str,
        program: Any,
        metadata: dict[str, Any] | None,
        expected: int | None,
        how: str,
    ) -> None:
        held = self.model.places[sid].programs.get(program_id) if sid in self.model.places else None
        if how == "delete":
            self.both(lambda on: on.delete_program(sid, program_id))
        elif how == "roll back" and held is not None and held.surely:
            version = held.past[-1].version
            self.both(
                lambda on: on.rollback_program(sid, program_id, version, expected_version=expected)
            )
        else:
            self.both(
                lambda on: on.put_program(
                    sid, program_id, program, expected_version=expected, metadata=metadata
                )
            )
        self.both(lambda on: on.get_program(sid, program_id))

    @rule(sid=session_ids, program_id=ids)
    def look_back_at_a_program(self, sid: str, program_id: str) -> None:
        place = self.model.places.get(sid)
        held = None if place is None else place.programs.get(program_id)
        if place is None or held is None or place.expired(self.clock()):
            return
        self.model.read(place)

        history = self.repo.program_history(sid, program_id)

        assert held.surely <= len(history) <= held.at_most
        held.surely = held.at_most = len(history)
        assert plain(history) == plain(held.past[::-1][: len(history)])

    @rule(sid=session_ids, name=identifiers)
    def look_at_one(self, sid: str, name: str) -> None:
        self.both(lambda on: on.has_variable(sid, name))
        self.both(lambda on: on.get_variable(sid, name))
        self.both(lambda on: on.list_variables(sid))

    @rule(sid=session_ids, name=identifiers)
    def look_back(self, sid: str, name: str) -> None:
        held = self.held(sid, name)
        if held is None:
            return
        self.model.read(self.model.place(sid))

        history = self.repo.variable_history(sid, name)

        assert held.surely <= len(history) <= held.at_most
        held.surely = held.at_most = len(history)
        for was, past in zip(history, reversed(held.past), strict=False):
            today = dataclasses.replace(
                past, id=held.now.id, name=held.now.name, created_at=held.now.created_at
            )
            assert {**plain(was), "optimization_status": None} == {
                **plain(today),
                "optimization_status": None,
            }
            assert self.repo.get_variable_version(sid, name, past.version) == was

    @rule(sid=session_ids, pick=some.integers(0, 10**6), listed=some.booleans())
    def look_at_then(self, sid: str, pick: int, listed: bool) -> None:
        if sid not in self.model.places or self.model.places[sid].expired(self.clock()):
            return
        place, moment = self.model.places[sid], self.moments[pick % len(self.moments)]
        self.model.read(place)
        then, pruned, perhaps = {}, False, False
        for held in place.variables.values():
            if held.now.created_at > moment:
                continue
            back, was = next(
                (back, was)
                for back, was in enumerate([held.now, *reversed(held.past)])
                if was.last_updated_at <= moment
            )
            then[held.now.id] = (held.now.name, was.version, was.type, repr(was.value))
            pruned = pruned or back > held.at_most
            perhaps = perhaps or back > held.surely

        asked = list(place.variables)
        found = outcome(
            lambda on: (
                on.list_variables(sid, at=moment)
                if listed
                else on.get_variables(sid, asked, at=moment).found.values()
            ),
            self.repo,
        )

        if pruned or (perhaps and isinstance(found, SnakeStoreError)):
            assert type(found) is VersionNotFoundError
            place.last_accessed = next(
                session.last_accessed for session in self.repo.list_sessions() if session.id == sid
            )  # a refusal is no access
        else:
            assert {
                each.id: (each.name, each.version, each.type, repr(each.value)) for each in found
            } == then

    @invariant()
    def sessions_and_stats_agree(self) -> None:
        shown = {
            session.id: (
                (session.created_at, session.last_accessed, session.ttl, session.expires_at),
                (
                    session.stats.variable_count,
                    session.stats.program_count,
                    session.stats.total_variable_updates,
                ),
                session.expired(self.clock()),
            )
            for session in self.repo.list_sessions(include_expired=True)
        }
        assert shown == {
            sid: (
                (
                    place.created_at,
                    place.last_accessed,
                    place.ttl,
                    place.ttl and place.last_accessed + timedelta(seconds=place.ttl),
                ),
                (len(place.variables), len(place.programs), place.updates),
                place.expired(self.clock()),
            )
            for sid, place in self.model.places.items()
        }

    def teardown(self) -> None:
        for sid in list(self.model.places):
            self.both(lambda on, sid=sid: on.list_variables(sid))


def test_the_store_does_what_a_model_in_memory_does(backend, repo, clock):
    machine = type("Machine", (Machine,), {"repo": repo, "clock": clock, "beginning": clock()})
    examples = 50 if backend.name == "sqlite-memory" else 12  # a commit to a disk takes its time

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=40, suppress_health_check=list(HealthCheck)
        ),
    )
