"""Random sequences of operations give the same results as a model in memory."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
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

from snakestore import SessionRepository, SnakeStoreError, Variable, VersionNotFoundError
from tests.contract.stateful.comparison import agree, outcome, plain
from tests.contract.stateful.drawn import (
    holders,
    identifiers,
    ids,
    limits,
    names,
    session_ids,
    types,
    values,
    versions,
    writers,
)
from tests.contract.stateful.logs import LogModel, LogRules
from tests.contract.stateful.model import Held, RefusedError
from tests.contract.stateful.upserts import UpsertModel, UpsertRules


class StoreModel(UpsertModel, LogModel):
    """All of the contract that is modelled."""


class Machine(UpsertRules, LogRules, RuleBasedStateMachine):
    """Applies operations to the store and to the model. Each run starts with an empty store."""

    repo: ClassVar[SessionRepository]
    clock: ClassVar[Any]
    beginning: ClassVar[datetime]

    def __init__(self) -> None:
        super().__init__()
        self.clock.set(self.beginning)
        for session in self.repo.list_sessions(include_expired=True):
            self.repo.delete_session(session.id)
        self.model = StoreModel(self.clock)
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
        if who != "permitted":
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
        """Make sure that there is something to write to, and write to it as one who may."""
        if "s1" not in self.model.places or self.model.places["s1"].expired(self.clock()):
            self.both(lambda on: on.create_session("s1", ttl=None, history=2) and None)
        held = self.held("s1", name)
        if held is None:
            fresh = next((each for each in ("a", "b", "c") if self.held("s1", each) is None), None)
            if fresh is None:
                return
            self.both(lambda on: on.register_variable("s1", name, "json", number, id=fresh))
            return
        self.write_to(held, how, name, number)

    def write_to(self, held: Held, how: str, name: str, number: int) -> None:
        """Write a number to a variable of ``s1``, as its holder if it has one."""
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
            return  # the same variable twice: tested elsewhere
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
            ):  # whether a batch that could apply nothing is an access is not specified
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

    @rule()
    def an_export_is_imported_elsewhere(self) -> None:
        records = list(self.repo.export_sessions(include_expired=True))

        with SessionRepository.open("sqlite://", clock=self.clock) as target:
            target.import_sessions(records)

            assert list(target.export_sessions(include_expired=True)) == records
            assert target.check().problems == []

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
        for sid, place in self.model.places.items():
            self.both(lambda on, sid=sid: on.list_variables(sid))
            self.both(lambda on, sid=sid: on.list_logs(sid))
            for name in place.logs:
                self.both(
                    lambda on, sid=sid, name=name: on.read_log(
                        sid, name, after=None, before=None, last=None
                    )
                )


def test_the_store_does_what_a_model_in_memory_does(backend, repo, clock):
    machine = type("Machine", (Machine,), {"repo": repo, "clock": clock, "beginning": clock()})
    examples = 50 if backend.name == "sqlite-memory" else 12  # a commit to a disk takes its time

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=40, suppress_health_check=list(HealthCheck)
        ),
    )
