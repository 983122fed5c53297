"""Variables as frozen values: a change returns a new value and touches nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from snakestore import types
from snakestore.clock import as_utc, now_or, seconds_between, to_iso
from snakestore.errors import MissingFieldsError, ValidationError, shorten
from snakestore.lease import NOT_OPTIMIZING, OptimizationStatus, checked_pid
from snakestore.names import checked_name, identifier_text

if TYPE_CHECKING:
    import numpy as np

HIGHEST_VERSION = 2**63 - 1
LONGEST_NAME_IN_ID = 200


def checked_version(version: object, what: str = "version") -> int:
    """A version number: a plain int from 0 to 2**63-1.

    Raises:
        ValidationError: it is none.
    """
    if isinstance(version, bool) or not isinstance(version, int):
        message = f"{what} must be an int, not {type(version).__name__}"
        raise ValidationError(message, value=version)
    if not 0 <= version <= HIGHEST_VERSION:
        message = f"{what} must be from 0 to {HIGHEST_VERSION}, not {shorten(version)}"
        raise ValidationError(message, value=version)
    return int(version)


def next_version(version: int) -> int:
    """The version after ``version``.

    Raises:
        ValidationError: there is none; a 64-bit counter is used up.
    """
    if version >= HIGHEST_VERSION:
        message = (
            f"version {version} is the highest there is: delete the variable and register it anew"
        )
        raise ValidationError(message, value=version)
    return version + 1


def checked_object(value: object, what: str) -> dict[str, Any]:
    """A JSON object as a copy of its own; None is the empty one. ``what`` names it in a refusal.

    Raises:
        ValidationError: it is no dict, or holds what JSON cannot say; ``.path`` says where.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        message = f"{what} must be a dict, not {type(value).__name__}"
        raise ValidationError(message, value=value)
    return cast(
        "dict[str, Any]",
        types.checked_document(value if type(value) is dict else dict(value), what),
    )


def merged_metadata(
    old: Mapping[str, Any], given: Mapping[str, Any] | None, source: object, now: datetime
) -> dict[str, Any]:
    """Metadata after an update: ``old``, over it ``given``, over it ``source`` and ``updated_at``; one level deep.

    Raises:
        ValidationError: ``given`` is no mapping, or ``source`` no text.
    """
    if given is not None and not isinstance(given, Mapping):
        message = f"metadata must be a dict, not {type(given).__name__}"
        raise ValidationError(message, value=given)
    text = identifier_text(source, "source")
    if not text.isascii():
        types.checked_document(text, "source")
    return {**old, **(given or {}), "source": text, "updated_at": to_iso(now)}


class _WithBlob:
    """The binary form that a value was stored in, beside it, so that an array keeps its dtype; no part of the value."""

    __slots__ = ("_blob",)
    _blob: bytes | None

    def stored_form(self) -> bytes | None:
        """The bytes that the store read or made, None where there are none; the value may have been changed since."""
        return getattr(self, "_blob", None)  # what copy, pickle and replace make has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable(_WithBlob):
    """A typed, constrained, versioned value with an id and a name.

    A Variable checks its names, times and version only; values and constraints are checked by
    ``create_variable`` and by the repository's verbs.

    Attributes:
        version: 0 at first; each update adds one.
        constraints: what the type checks a value against.
        metadata: JSON, kept and merged by updates.
        access_rules: JSON objects, kept and given back; nothing enforces them yet.

    Raises:
        InvalidNameError: id, name or type may not be a name.
        ValidationError: a naive time, or a version out of range.
    """

    id: str
    name: str
    type: str
    value: Any
    created_at: datetime
    constraints: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    last_updated_at: datetime = None  # type: ignore[assignment] # created_at where none is given, see __post_init__
    optimization_status: OptimizationStatus = NOT_OPTIMIZING
    access_rules: tuple[dict[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """Check names, times and version, and put them in their one form."""
        put = object.__setattr__
        put(self, "id", checked_name(self.id, "variable id"))
        put(self, "name", checked_name(self.name, "variable name"))
        put(self, "type", checked_name(self.type, "variable type"))
        put(self, "created_at", as_utc(self.created_at, "created_at"))
        updated = self.created_at if self.last_updated_at is None else self.last_updated_at
        put(self, "last_updated_at", as_utc(updated, "last_updated_at"))
        put(self, "version", checked_version(self.version))
        put(self, "access_rules", tuple(self.access_rules))
        put(self, "constraints", {} if self.constraints is None else self.constraints)
        put(self, "metadata", {} if self.metadata is None else self.metadata)

    @classmethod
    def restored(  # noqa: PLR0913, PLR0917 - the fields in the order of their definition
        cls,
        blob: bytes | None,
        id: str,  # noqa: A002 - the field's own name
        name: str,
        type: str,  # noqa: A002 - the field's own name
        value: Any,
        created_at: datetime,
        constraints: dict[str, Any],
        metadata: dict[str, Any],
        version: int,
        last_updated_at: datetime,
        optimization_status: OptimizationStatus,
        access_rules: tuple[dict[str, Any], ...],
    ) -> Variable:
        """A Variable of what was checked before it was stored: its bytes and its fields.

        Nothing is checked: doing so again for what the store itself wrote would cost more than
        reading it.
        """
        made = object.__new__(cls)
        _fill_blob(made, blob)
        _fill_id(made, id)
        _fill_name(made, name)
        _fill_type(made, type)
        _fill_value(made, value)
        _fill_created_at(made, created_at)
        _fill_constraints(made, constraints)
        _fill_metadata(made, metadata)
        _fill_version(made, version)
        _fill_last_updated_at(made, last_updated_at)
        _fill_optimization_status(made, optimization_status)
        _fill_access_rules(made, access_rules)
        return made

    @classmethod
    def new(cls, mapping: Mapping[str, Any] | None = None, /, **given: Any) -> Variable:
        """Make a Variable from a mapping of fields, from keywords, or from both (keywords win).

        Raises:
            MissingFieldsError: required fields (id, name, type, value, created_at) are not there.
            ValidationError: a field is unknown or may not be as given.
        """
        if mapping is not None and not isinstance(mapping, Mapping):
            message = f"Variable.new takes a mapping of fields, not {type(mapping).__name__}"
            raise ValidationError(message, value=mapping)
        named = {
            identifier_text(key, "field name"): value for key, value in (mapping or {}).items()
        } | given
        known = {each.name: each for each in fields(cls)}
        required = [
            name
            for name, each in known.items()
            if each.default is MISSING and each.default_factory is MISSING
        ]
        missing = [name for name in required if name not in named]
        if missing:
            raise MissingFieldsError(missing)
        unknown = sorted(named.keys() - known.keys())
        if unknown:
            message = f"Unknown fields: {unknown!r}; a Variable has {sorted(known)}"
            raise ValidationError(message, value=unknown)
        return cls(**named)

    @property
    def optimizing(self) -> bool:
        """Whether somebody was optimising the variable when it was read."""
        return self.optimization_status.optimizing

    def update_value(
        self,
        value: Any,
        *,
        metadata: Mapping[str, Any] | None = None,
        source: str = "python",
        now: datetime | None = None,
    ) -> Variable:
        """The variable with ``value``, one version on, its metadata merged one level deep. The value is not checked.

        Raises:
            ValidationError: ``now`` is naive, ``metadata`` no mapping, or the version at its
                highest.
        """
        moment = now_or(now)
        return replace(
            self,
            value=value,
            version=next_version(self.version),
            last_updated_at=moment,
            metadata=merged_metadata(self.metadata, metadata, source, moment),
        )

    def start_optimization(
        self,
        optimizer_id: str,
        optimizer_pid: str | int | None = None,
        *,
        now: datetime | None = None,
    ) -> Variable:
        """The variable as being optimised by ``optimizer_id`` since ``now``; value and version stay."""
        status = OptimizationStatus(
            optimizing=True,
            optimizer_id=checked_name(optimizer_id, "optimizer_id"),
            optimizer_pid=checked_pid(optimizer_pid),
            started_at=now_or(now),
        )
        return replace(self, optimization_status=status)

    def end_optimization(self) -> Variable:
        """The variable as being optimised by nobody; value and version stay."""
        return replace(self, optimization_status=NOT_OPTIMIZING)

    def to_dict(self) -> dict[str, Any]:
        """The variable as JSON-ready data: times in ISO 8601, non-finite floats as "NaN", "Infinity" and "-Infinity".

        What else JSON cannot say, which a value that nobody checked may be, is shown as text;
        nothing is refused.
        """
        return {
            "id": self.id,
            "name": self.name,
            "type": self.type,
            "value": types.json_ready(self.type, self.value),
            "constraints": types.json_ready("json", self.constraints),
            "metadata": types.json_ready("json", self.metadata),
            "version": self.version,
            "created_at": self.created_at.isoformat(),
            "last_updated_at": self.last_updated_at.isoformat(),
            "optimizing": self.optimizing,
        }

    def to_numpy(self) -> np.ndarray[Any, Any]:
        """The value of an embedding or tensor as an array of its own, in the dtype it was stored with.

        An array that was stored keeps its dtype (float32 stays float32); a list becomes float64 or
        int64.

        Raises:
            ValidationError: the type is no array type, the value none of its, or numpy is not
                installed.
        """
        if not isinstance(types.get(self.type), types.EmbeddingType | types.TensorType):
            message = (
                f"a variable of type {self.type} is no array: to_numpy() is for embedding and"
                " tensor"
            )
            raise ValidationError(message, type=self.type, value=self.value)
        normal, _, blob = types.pack(
            self.type, self.value, {}, self.stored_form()
        )  # the list may have been changed since
        return cast("np.ndarray[Any, Any]", types.to_numpy(normal, blob))

    def age(self, now: datetime | None = None) -> float:
        """Seconds since the variable was created, never negative."""
        return seconds_between(self.created_at, now_or(now))

    def time_since_update(self, now: datetime | None = None) -> float:
        """Seconds since the value was last written, never negative."""
        return seconds_between(self.last_updated_at, now_or(now))


(
    _fill_id,
    _fill_name,
    _fill_type,
    _fill_value,
    _fill_created_at,
    _fill_constraints,
    _fill_metadata,
    _fill_version,
    _fill_last_updated_at,
    _fill_optimization_status,
    _fill_access_rules,
) = (getattr(Variable, each.name).__set__ for each in fields(Variable))
_fill_blob = _WithBlob.__dict__["_blob"].__set__
"""What sets each slot, past the frozen class's refusal to."""


def new_variable_id(name: str) -> str:
    """A fresh unique id that shows whose it is."""
    return f"var_{name[:LONGEST_NAME_IN_ID]}_{uuid.uuid4().hex}"


def create_variable(
    *,
    name: str,
    type: str,  # noqa: A002 - the field's own name
    value: Any,
    id: str | None = None,  # noqa: A002 - the field's own name
    constraints: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    created_at: datetime | None = None,
) -> Variable:
    """A new variable at version 0, its value checked against type and constraints and in its one form. Nothing is stored.

    Raises:
        UnknownTypeError: no such type is registered.
        ConstraintError: the value breaks a constraint, or a constraint is unsound.
        ValidationError: the value is not of the type, the metadata not JSON, a name or time may not
            be.
    """
    text = checked_name(name, "variable name")
    given_id = None if id is None else checked_name(id, "variable id")
    moment = now_or(created_at, "created_at")
    return packed_variable(
        text, type, value, given_id, constraints, checked_object(metadata, "metadata"), moment
    )[0]


def packed_variable(
    name: str,
    type: object,  # noqa: A002 - the field's own name
    value: object,
    id: str | None,  # noqa: A002 - the field's own name
    constraints: dict[str, Any] | None,
    metadata: dict[str, Any],
    created_at: datetime,
) -> tuple[Variable, str | None]:
    """``create_variable`` of names, metadata and a time that are checked already; and the value's text, beside its ``stored_form``.

    Raises:
        As ``create_variable``.
    """
    kind = identifier_text(type, "variable type")
    sound = types.check_constraints(kind, constraints)
    plain, text, blob = types.pack(kind, value, sound)
    held = plain if blob is None else types.unpack(kind, text, blob)
    vid = new_variable_id(name) if id is None else id
    made = Variable.restored(
        blob, vid, name, kind, held, created_at, sound, metadata, 0, created_at, NOT_OPTIMIZING, ()
    )
    return made, text
