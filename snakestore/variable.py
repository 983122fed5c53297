"""Variables as frozen values: a change returns a new value."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, InitVar, dataclass, field, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from snakestore import types
from snakestore.clock import as_utc, from_iso, now_or, seconds_between
from snakestore.errors import MissingFieldsError, ValidationError
from snakestore.lease import NOT_OPTIMIZING, OptimizationStatus, checked_pid
from snakestore.names import checked_name, identifier_text
from snakestore.versioning import checked_object, checked_version, merged_metadata, next_version

if TYPE_CHECKING:
    import numpy as np
else:
    from snakestore.types.numpy_support import numpy_on_use as np


class _StoredBytes:
    """Keeps the binary form of a read value, so that an array keeps its dtype when stored again.

    It is no field of the dataclass, so comparison and ``repr`` ignore it. ``copy``, ``pickle`` and
    ``replace`` keep it.
    """

    __slots__ = ("_blob",)

    def stored_bytes(self) -> bytes | None:
        """The binary form in which the value was stored; None if there is none.

        The value itself may have been changed since it was read.
        """
        blob: bytes | None = self._blob  # type: ignore[attr-defined] # the slot
        return blob


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Variable(_StoredBytes):
    """A typed, constrained, versioned value with an id and a name.

    A Variable checks its names, times and version only. ``create_variable`` and the methods of the
    repository check the value and the constraints.

    Attributes:
        id: the id, unique in its session.
        name: the name, unique in its session.
        type: the name of the type.
        value: the value, normalised by its type.
        created_at: when the variable was created, in UTC.
        constraints: what the type checks the value against.
        metadata: a JSON object, merged by updates.
        version: 0 at first; each update adds one.
        last_updated_at: when the value was last written, in UTC.
        optimization_status: who is optimising the variable.
        access_rules: JSON objects that are stored and returned. Nothing enforces them yet.

    Raises:
        InvalidNameError: if the id, name or type is not a valid name.
        ValidationError: if a time is naive or the version is out of range.
    """

    id: str
    name: str
    type: str
    value: Any
    created_at: datetime
    constraints: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    last_updated_at: datetime = None  # type: ignore[assignment] # default: created_at
    optimization_status: OptimizationStatus = NOT_OPTIMIZING
    access_rules: tuple[dict[str, Any], ...] = ()
    _blob: InitVar[bytes | None] = None  # given by ``replace``, which reads the slot

    def __post_init__(self, _blob: bytes | None) -> None:
        """Check and normalise names, times and version."""
        put = object.__setattr__
        _set_blob(self, _blob)
        put(self, "id", checked_name(self.id, "variable id"))
        put(self, "name", checked_name(self.name, "variable name"))
        put(self, "type", checked_name(types.type_text(self.type), "variable type"))
        put(self, "created_at", as_utc(self.created_at, "created_at"))
        updated = self.created_at if self.last_updated_at is None else self.last_updated_at
        put(self, "last_updated_at", as_utc(updated, "last_updated_at"))
        put(self, "version", checked_version(self.version))
        put(self, "access_rules", tuple(self.access_rules))
        put(self, "constraints", {} if self.constraints is None else self.constraints)
        put(self, "metadata", {} if self.metadata is None else self.metadata)

    def __repr__(self) -> str:
        from snakestore.notebook import brief  # noqa: PLC0415 - on use

        return f"<Variable {self.name!r}: {self.type} {brief(self.value)}, version {self.version}>"

    def _repr_html_(self) -> str:
        from snakestore.notebook import brief, fields_table  # noqa: PLC0415 - on use

        shown = {
            "type": self.type,
            "value": brief(self.value),
            "version": self.version,
            "constraints": brief(self.constraints),
            "metadata": brief(self.metadata),
            "created (UTC)": self.created_at,
            "updated (UTC)": self.last_updated_at,
            "optimised by": self.optimization_status.optimizer_id,
            "id": self.id,
        }
        return fields_table(f"Variable {self.name}", shown)

    @classmethod
    def new(cls, mapping: Mapping[str, Any] | None = None, /, **fields: Any) -> Variable:
        """Create a Variable from a mapping of fields, from keywords, or from both (keywords win).

        Raises:
            MissingFieldsError: if a required field (id, name, type, value, created_at) is missing.
            ValidationError: if a field is unknown or invalid.
        """
        if mapping is not None and not isinstance(mapping, Mapping):
            message = f"Variable.new takes a mapping of fields, not {type(mapping).__name__}"
            raise ValidationError(message, value=mapping)
        given = {
            identifier_text(key, "field name"): value for key, value in (mapping or {}).items()
        }
        given |= fields
        missing = [name for name in _REQUIRED_FIELDS if name not in given]
        if missing:
            raise MissingFieldsError(missing)
        unknown = sorted(given.keys() - _FIELDS)
        if unknown:
            message = (
                f"Unknown fields: {unknown!r}. The fields of a Variable are {sorted(_FIELDS)}."
            )
            raise ValidationError(message, value=unknown)
        return cls(**given)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Variable:
        """The Variable of which ``to_dict`` made ``mapping``, also after a round trip through JSON.

        It equals the original, except that it is not being optimised, and that what ``to_dict``
        showed as text because JSON cannot represent it stays text. The value is not checked.

        Raises:
            MissingFieldsError: if id, name, type, value or created_at is missing.
            ValidationError: if a key is unknown, or a name, time or version is invalid.
        """
        if not isinstance(mapping, Mapping):
            message = f"Variable.from_dict takes a mapping, not {type(mapping).__name__}"
            raise ValidationError(message, value=mapping)
        given = {key: item for key, item in mapping.items() if key != "optimizing"}
        for name in ("created_at", "last_updated_at"):
            if isinstance(given.get(name), str):
                given[name] = from_iso(given[name], name)
        if "type" in given and "value" in given:
            type_name = types.type_text(given["type"])
            given["value"] = types.from_jsonable(type_name, given["value"])
        for name in ("constraints", "metadata"):
            given[name] = checked_object(given.get(name), name)
        given["access_rules"] = types.checked_document(
            given.get("access_rules", []), "access_rules"
        )
        return cls.new(given)

    @property
    def optimizing(self) -> bool:
        """Whether the variable was being optimised when it was read."""
        return self.optimization_status.optimizing

    def update_value(
        self,
        value: Any,
        *,
        metadata: Mapping[str, Any] | None = None,
        source: str = "python",
        now: datetime | None = None,
    ) -> Variable:
        """The variable with a new value and the next version. The value is not checked.

        The metadata is merged one level deep: the old metadata, ``metadata``, then ``source`` and
        ``updated_at``. Nothing is stored.

        Raises:
            ValidationError: if ``now`` is naive, ``metadata`` is not a mapping, or the version is
                the highest possible one.
        """
        now = now_or(now)
        return replace(
            self,
            value=value,
            version=next_version(self.version),
            last_updated_at=now,
            metadata=merged_metadata(self.metadata, metadata, source, now),
        )

    def start_optimization(
        self,
        optimizer_id: str,
        optimizer_pid: str | int | None = None,
        *,
        now: datetime | None = None,
    ) -> Variable:
        """The variable as being optimised by ``optimizer_id`` since ``now``.

        Value and version do not change. Nothing is stored.

        Raises:
            InvalidNameError: if ``optimizer_id`` is not a valid name.
            ValidationError: if ``optimizer_pid`` is not a str, an int or None, or ``now`` is naive.
        """
        status = OptimizationStatus(
            optimizing=True,
            optimizer_id=checked_name(optimizer_id, "optimizer_id"),
            optimizer_pid=checked_pid(optimizer_pid),
            started_at=now_or(now),
        )
        return replace(self, optimization_status=status)

    def end_optimization(self) -> Variable:
        """The variable as not being optimised. Value and version do not change."""
        return replace(self, optimization_status=NOT_OPTIMIZING)

    def to_dict(self) -> dict[str, Any]:
        """The variable as JSON-serialisable data.

        Times are ISO 8601 text; non-finite floats are "NaN", "Infinity" and "-Infinity". Anything
        else that JSON cannot represent (an unchecked value may contain it) becomes text.
        """
        return {
            "id": self.id,
            "name": self.name,
            "type": self.type,
            "value": types.to_jsonable(self.type, self.value),
            "constraints": types.to_jsonable("json", self.constraints),
            "metadata": types.to_jsonable("json", self.metadata),
            "version": self.version,
            "created_at": self.created_at.isoformat(),
            "last_updated_at": self.last_updated_at.isoformat(),
            "optimizing": self.optimizing,
            "access_rules": types.to_jsonable("json", self.access_rules),
        }

    def to_numpy(self) -> np.ndarray[Any, Any]:
        """The value of an embedding or tensor as a new numpy array.

        An array that was stored keeps its dtype (float32 stays float32). A list becomes float64 or
        int64.

        Raises:
            ValidationError: if the type is neither embedding nor tensor, the value is not valid
                for it, or numpy is not installed.
        """
        if not isinstance(types.get(self.type), types.EmbeddingType | types.TensorType):
            message = (
                f"type {self.type} is not an array type: to_numpy() is for embedding and tensor"
            )
            raise ValidationError(message, type=self.type, value=self.value)
        # encoded anew, because the list may have been changed since it was read
        normalised, _, blob = types.encode_value(self.type, self.value, {}, self.stored_bytes())
        return cast("np.ndarray[Any, Any]", types.to_numpy(normalised, blob))

    def age(self, now: datetime | None = None) -> float:
        """Seconds since the variable was created, never negative."""
        return seconds_between(self.created_at, now_or(now))

    def time_since_update(self, now: datetime | None = None) -> float:
        """Seconds since the value was last written, never negative."""
        return seconds_between(self.last_updated_at, now_or(now))


# the default of the argument, which hides the slot
del Variable._blob  # type: ignore[attr-defined] # noqa: SLF001
_signature = inspect.signature(Variable)
Variable.__signature__ = _signature.replace(  # type: ignore[attr-defined] # read by inspect
    parameters=[each for each in _signature.parameters.values() if each.name != "_blob"]
)
_FIELDS = {each.name for each in fields(Variable)}
_STATE = (*(each.name for each in fields(Variable)), "_blob")


def _get_state(variable: Variable) -> tuple[Any, ...]:
    return tuple(getattr(variable, name) for name in _STATE)


def _set_state(variable: Variable, state: tuple[Any, ...]) -> None:
    for name, kept in zip(_STATE, state, strict=True):
        object.__setattr__(variable, name, kept)


# dataclass() replaces such methods of the class itself in Python 3.11.2, which Debian 12 has
Variable.__getstate__ = _get_state  # type: ignore[assignment,method-assign] # likewise
Variable.__setstate__ = _set_state  # type: ignore[attr-defined] # likewise

_REQUIRED_FIELDS = [
    each.name
    for each in fields(Variable)
    if each.default is MISSING and each.default_factory is MISSING
]

_set_blob = _StoredBytes.__dict__["_blob"].__set__


class _Draft(_StoredBytes):
    """Has the slots of Variable, so that an instance can become one, and can be assigned to.

    ``frozen=True`` forbids it to Variable. To call the setters of its slots takes three times as
    long, and so does its constructor, which would check again what was checked when it was stored.
    """

    __slots__ = tuple(each.name for each in fields(Variable))


def unchecked_variable(  # noqa: PLR0913, PLR0917 - the order of the fields
    blob: bytes | None,
    id: str,  # noqa: A002 - named like the field
    name: str,
    type: str,  # noqa: A002 - named like the field
    value: Any,
    created_at: datetime,
    constraints: dict[str, Any],
    metadata: dict[str, Any],
    version: int,
    last_updated_at: datetime,
    optimization_status: OptimizationStatus,
    access_rules: tuple[dict[str, Any], ...],
) -> Variable:
    """A Variable from all its fields, which are known to be valid; nothing is checked.

    ``blob`` is the binary form of the value, None if there is none. The arguments are passed by
    position for speed, in the order of the fields.
    """
    draft: Any = _Draft()
    draft._blob = blob  # noqa: SLF001 - of this module
    draft.id = id
    draft.name = name
    draft.type = type
    draft.value = value
    draft.created_at = created_at
    draft.constraints = constraints
    draft.metadata = metadata
    draft.version = version
    draft.last_updated_at = last_updated_at
    draft.optimization_status = optimization_status
    draft.access_rules = access_rules
    draft.__class__ = Variable
    return cast("Variable", draft)


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableBatch:
    """Several variables, read from one snapshot.

    Attributes:
        found: the variables that exist, by the given identifier as text.
        missing: the identifiers of variables that do not exist.
    """

    found: dict[str, Variable]
    missing: list[str]
