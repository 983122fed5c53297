"""The model and the rules of programs and their past versions."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import strategies as some
from hypothesis.stateful import rule

from snakestore import Program, ProgramNotFoundError, SessionRepository, VersionConflictError
from tests.contract.stateful.comparison import plain
from tests.contract.stateful.drawn import ids, session_ids, values, versions
from tests.contract.stateful.model import Held, Model, Place, RefusedError


class ProgramModel(Model):
    """Put, roll back, delete and get programs, as the contract says."""

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


class ProgramRules:
    """Operations of the machine, which has the rest."""

    both: Any
    clock: Any
    model: Any
    repo: SessionRepository

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
