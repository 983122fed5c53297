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

from snakestore import SessionRepository, SnakeStoreError, VersionNotFoundError
from tests.contract.stateful.comparison import agree, outcome, plain
from tests.contract.stateful.drawn import (
    identifiers,
    ids,
    limits,
    names,
    session_ids,
    types,
    values,
)
from tests.contract.stateful.leases import LeaseModel, LeaseRules
from tests.contract.stateful.logs import LogModel, LogRules
from tests.contract.stateful.model import Held, RefusedError
from tests.contract.stateful.programs import ProgramModel, ProgramRules
from tests.contract.stateful.upserts import UpsertModel, UpsertRules
from tests.contract.stateful.writes import WriteRules


class StoreModel(UpsertModel, LeaseModel, ProgramModel, LogModel):
    """All of the contract that is modelled."""


class Machine(WriteRules, LeaseRules, ProgramRules, UpsertRules, LogRules, RuleBasedStateMachine):
    """Applies operations to the store and to the model. Each run starts with an empty store."""

    repo: ClassVar[SessionRepository]
    elsewhere: ClassVar[SessionRepository]
    clock: ClassVar[Any]
    beginning: ClassVar[datetime]

    def __init__(self) -> None:
        super().__init__()
        self.clock.set(self.beginning)
        _empty(self.repo)
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
        _empty(self.elsewhere)
        records = list(self.repo.export_sessions(include_expired=True))

        self.elsewhere.import_sessions(records)

        assert list(self.elsewhere.export_sessions(include_expired=True)) == records
        assert self.elsewhere.check().problems == []

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


def _empty(repo: SessionRepository) -> None:
    for session in repo.list_sessions(include_expired=True):
        repo.delete_session(session.id)


def test_the_store_does_what_a_model_in_memory_does(backend, repo, clock):
    machine = type("Machine", (Machine,), {"repo": repo, "clock": clock, "beginning": clock()})
    # a commit to a disk takes its time, and those that are not whole share the code of one that is
    examples = 50 if backend.name == "sqlite-memory" else 12 if backend.whole else 6

    with SessionRepository.open("sqlite://", clock=clock) as machine.elsewhere:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=40,
                suppress_health_check=list(HealthCheck),
            ),
        )
