"""The model and the rules of values set by name, of deleting several, and of listings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as some
from hypothesis.stateful import rule

from snakestore import (
    BatchError,
    ValidationError,
    Variable,
    VariableExistsError,
    VariableLockedError,
    VersionConflictError,
)
from tests.contract.stateful.comparison import agree, outcome
from tests.contract.stateful.drawn import (
    identifiers,
    names,
    session_ids,
    types,
    values,
    versions,
    writers,
)
from tests.contract.stateful.model import Held, Model, RefusedError

INFERRED = {bool: "boolean", int: "integer", str: "string"}


class UpsertModel(Model):
    """Set, delete and list, as the contract says."""

    def named(self, sid: str, name: str) -> Held | None:
        found = (held for held in self.place(sid).variables.values() if held.now.name == name)
        return next(found, None)

    def check_set(
        self,
        sid: str,
        name: str,
        value: Any,
        *,
        type_name: str | None,
        expected: int | None,
        who: str | None,
    ) -> None:
        held = self.named(sid, name)
        if held is not None:
            self.may_write(sid, held, who, expected)
            if type_name not in (None, held.now.type):
                raise RefusedError(VariableExistsError, session_id=sid, name=name)
            self.may_be(held.now.type, value)
            return
        if who is not None:
            raise RefusedError(VariableLockedError, session_id=sid, holder=None, expires_at=None)
        if expected is not None:
            raise RefusedError(VersionConflictError, session_id=sid, expected=expected, actual=None)
        if name in self.place(sid).variables:
            raise RefusedError(VariableExistsError, session_id=sid, name=name)
        self.may_be(type_name or INFERRED.get(type(value), "json"), value)

    def place_value(
        self, sid: str, name: str, value: Any, type_name: str | None, vid: str
    ) -> Variable:
        """Store a value that was checked, under the id that the store gives to a new variable."""
        place, held = self.place(sid), self.named(sid, name)
        if held is not None:
            return self._new_value(place, held, value, {"source": "python"})
        made = Variable(
            id=vid,
            name=name,
            type=type_name or INFERRED.get(type(value), "json"),
            value=value,
            created_at=self.clock(),
            metadata={"source": "python"},
        )
        place.variables[vid] = Held(made)
        self.written(place, updates=1)
        return made

    def delete_variables(self, sid: str, given: Iterable[str], *, optimizer_id: str | None) -> int:
        place = self.place(sid)
        found: dict[str, Held] = {}
        for identifier in dict.fromkeys(given):
            for held in place.variables.values():
                if identifier in (held.now.id, held.now.name):
                    found[identifier] = held
        refused: dict[str, RefusedError] = {}
        for identifier, held in found.items():
            if [each.now.id for each in found.values()].count(held.now.id) > 1:
                refused[identifier] = RefusedError(ValidationError)
                continue
            try:
                self.may_write(sid, held, optimizer_id, None)
            except RefusedError as error:
                refused[identifier] = error
        if refused:
            raise RefusedError(BatchError, errors=refused)
        for held in found.values():
            del place.variables[held.now.id]
        if found:
            self.written(place)
        return len(found)

    def variable_names(
        self, sid: str, *, prefix: str | None, after: str | None, limit: int | None, reverse: bool
    ) -> list[str]:
        place = self.place(sid)
        self.read(place)
        return _page((held.now.name for held in place.variables.values()), prefix, after, reverse)[
            :limit
        ]

    def program_ids(
        self, sid: str, *, prefix: str | None, after: str | None, limit: int | None, reverse: bool
    ) -> list[str]:
        place = self.place(sid)
        self.read(place)
        return _page(place.programs, prefix, after, reverse)[:limit]

    def newest(
        self, sid: str, *, prefix: str | None, limit: int | None, reverse: bool
    ) -> list[Variable]:
        listed = [each for each in self.list_variables(sid) if each.name.startswith(prefix or "")]
        return (listed[::-1] if reverse else listed)[:limit]


def _page(given: Iterable[str], prefix: str | None, after: str | None, reverse: bool) -> list[str]:
    return [
        name
        for name in sorted(given, reverse=reverse)
        if name.startswith(prefix or "")
        and (after is None or (name < after if reverse else name > after))
    ]


class UpsertRules:
    """Operations of the machine, which has ``both``, ``writer``, ``model`` and ``repo``."""

    model: UpsertModel
    repo: Any
    both: Any
    writer: Any

    @rule(
        sid=session_ids,
        name=names,
        value=values,
        type_name=some.none() | some.none() | types,
        expected=versions,
        who=writers,
    )
    def set_one(
        self,
        *,
        sid: str,
        name: str,
        value: Any,
        type_name: str | None,
        expected: int | None,
        who: str | None,
    ) -> None:
        writer = self.writer(sid, name, who)
        stored = outcome(
            lambda on: on.set_value(
                sid,
                name,
                value,
                type=type_name,
                expected_version=expected,
                optimizer_id=writer,
            ),
            self.repo,
        )

        def modelled(model: UpsertModel) -> Variable:
            model.check_set(sid, name, value, type_name=type_name, expected=expected, who=writer)
            return model.place_value(sid, name, value, type_name, stored.id)

        agree(outcome(modelled, self.model), stored)

    @rule(
        sid=session_ids,
        given=some.dictionaries(names, values),
        expected=some.dictionaries(names, versions),
    )
    def set_several(self, sid: str, given: dict[str, Any], expected: dict[str, int | None]) -> None:
        asked = {
            name: version
            for name, version in expected.items()
            if name in given and version is not None
        }
        stored = outcome(lambda on: on.set_values(sid, given, expected_versions=asked), self.repo)

        def modelled(model: UpsertModel) -> dict[str, Variable]:
            place = model.place(sid)
            refused: dict[str, RefusedError] = {}
            for name, value in given.items():
                try:
                    model.check_set(
                        sid, name, value, type_name=None, expected=asked.get(name), who=None
                    )
                except RefusedError as error:
                    refused[name] = error
            if refused:
                raise RefusedError(BatchError, errors=refused)
            model.written(place)
            return {
                name: model.place_value(sid, name, value, None, stored[name].id)
                for name, value in given.items()
            }

        agree(outcome(modelled, self.model), stored)

    @rule(sid=session_ids, given=some.lists(identifiers, max_size=3), who=writers)
    def delete_several(self, sid: str, given: list[str], who: str | None) -> None:
        writer = self.writer(sid, given[0], who) if given else None
        self.both(lambda on: on.delete_variables(sid, given, optimizer_id=writer))

    @rule(
        sid=session_ids,
        prefix=some.sampled_from([None, None, "", "x", "var_"]),
        after=some.none() | names,
        limit=some.sampled_from([None, 0, 1, 2]),
        reverse=some.booleans(),
    )
    def list_a_page(
        self, sid: str, prefix: str | None, after: str | None, limit: int | None, reverse: bool
    ) -> None:
        bounds = {"prefix": prefix, "after": after, "limit": limit, "reverse": reverse}
        self.both(lambda on: on.variable_names(sid, **bounds))
        self.both(lambda on: on.program_ids(sid, **bounds))
        modelled = outcome(
            lambda on: on.newest(sid, prefix=prefix, limit=limit, reverse=reverse), self.model
        )
        stored = outcome(
            lambda on: on.list_variables(sid, prefix=prefix, limit=limit, reverse=reverse),
            self.repo,
        )
        agree(modelled, stored)
