"""The rules of values that are put, updated, rolled back and deleted."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import strategies as some
from hypothesis.stateful import rule

from snakestore import SessionRepository, Variable
from tests.contract.stateful.drawn import (
    identifiers,
    ids,
    names,
    session_ids,
    types,
    values,
    versions,
    writers,
)
from tests.contract.stateful.model import Held


class WriteRules:
    """Operations of the machine, which has the rest."""

    both: Any
    clock: Any
    held: Any
    model: Any
    repo: SessionRepository
    writer: Any

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
