"""One session as a mapping of name to value."""

from __future__ import annotations

import sys
from collections.abc import (
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    ValuesView,
)
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from snakestore.errors import InvalidNameError, VariableNotFoundError
from snakestore.names import identifier_text
from snakestore.repository.methods import RepositoryMethods
from snakestore.repository.naming import named
from snakestore.repository.variables.reads import get_named_value, get_values, is_name

P = ParamSpec("P")
R = TypeVar("R")
_NONE_GIVEN = object()


def _without_session_id(
    verb: Callable[Concatenate[RepositoryMethods, str, P], R],
) -> Callable[Concatenate[SessionView, P], R]:
    """The verb as a method of a view: the same, without the session's id."""
    verb = named(verb, "SessionView")

    @wraps(verb)
    def bound(view: SessionView, *args: P.args, **kwargs: P.kwargs) -> R:
        return verb(view.repository, view.session_id, *args, **kwargs)

    bound.__signature__ = _signature_without_sid(verb)  # type: ignore[attr-defined] # what inspect.signature shows
    return cast("Callable[Concatenate[SessionView, P], R]", bound)


def _signature_without_sid(verb: Callable[..., Any]) -> Any:
    import inspect  # noqa: PLC0415 - needed once a verb, at import: inspect is loaded by dataclasses anyway

    signature = inspect.signature(verb)
    this, _, *rest = signature.parameters.values()
    return signature.replace(parameters=[this, *rest])


class SessionView(MutableMapping[str, Any]):
    """A session as a mapping of variable name to value; names are in the order of their code points.

    Reading and writing a key is a verb of the repository: a versioned update, an access, a
    transaction. ``items()``, ``values()``, ``update()`` and ``clear()`` are one transaction each.
    Making a view touches nothing. A missing session raises SessionNotFoundError from everything but
    ``in``. Every verb that takes a session's id is a method without it.
    """

    __slots__ = ("repository", "session_id", "strict")

    def __init__(
        self, repository: RepositoryMethods, session_id: str, *, strict: bool = False
    ) -> None:
        """View session ``session_id`` of ``repository``.

        Args:
            repository: whose verbs the view calls.
            session_id: the session's id; it need not exist yet.
            strict: assigning to a name that no variable has raises VariableNotFoundError, instead
                of registering a variable of an inferred type (bool boolean, int integer, float
                float, str string, numpy array tensor, all else json).

        Raises:
            InvalidNameError: the id is neither str nor Enum.
        """
        self.repository = repository
        self.session_id = identifier_text(session_id, "session id")
        self.strict = strict

    def __repr__(self) -> str:
        return f"SessionView({self.session_id!r}, strict={self.strict})"

    # --- one key

    def __getitem__(self, key: str) -> Any:
        return self.repository._runner.lookup(get_named_value, self.session_id, _name(key))  # noqa: SLF001 - a view is the repository's other face

    def __setitem__(self, key: str, value: Any) -> None:
        name = _name(key)
        with self.repository.transaction() as transaction:
            if name in SessionView(transaction, self.session_id):
                transaction.update_variable(self.session_id, name, value)
            elif self.strict:
                transaction.touch(
                    self.session_id
                )  # a missing session is told before a missing variable
                raise VariableNotFoundError(self.session_id, name)
            else:
                transaction.register_variable(self.session_id, name, inferred_type(value), value)

    def __delitem__(self, key: str) -> None:
        name = _name(key)
        with self.repository.transaction() as transaction:
            if name not in SessionView(transaction, self.session_id):
                transaction.touch(
                    self.session_id
                )  # a missing session is told before a missing variable
                raise VariableNotFoundError(self.session_id, name)
            transaction.delete_variable(self.session_id, name)

    def __contains__(self, key: object) -> bool:
        try:
            name = identifier_text(key)
        except InvalidNameError:
            return False
        return self.repository._runner.lookup(is_name, self.session_id, name)  # noqa: SLF001 - a view is the repository's other face

    def get(self, key: str, default: Any = None) -> Any:
        """The value under ``key``, or ``default`` where there is none: one look, and an access either way."""
        try:
            name = _name(key)
        except KeyError:
            return default
        return self.repository._runner.lookup(get_named_value, self.session_id, name, default)  # noqa: SLF001 - a view is the repository's other face

    # --- all of them

    def __iter__(self) -> Iterator[str]:
        return iter(self.repository.variable_names(self.session_id))

    def __len__(self) -> int:
        return self.repository.get_stats(self.session_id).variable_count

    def items(self) -> ItemsView[str, Any]:
        """Names and values, from one snapshot at each iteration."""
        return _Items(self)

    def values(self) -> ValuesView[Any]:
        """Values in the order of their names, from one snapshot at each iteration."""
        return _Values(self)

    def snapshot(self) -> dict[str, Any]:
        """All names and values as a dict of its own, from one snapshot."""
        return self.repository._runner.read(get_values, self.session_id)  # noqa: SLF001 - a view is the repository's other face

    # --- changes of several, each one transaction

    def update(self, other: Any = (), /, **values: Any) -> None:
        """Assign every name and value of ``other`` and of the keywords, all or none.

        Raises:
            What assigning one of them raises; nothing is changed then. TypeError: ``other`` is
            neither mapping nor pairs.
        """
        given = dict(_pairs(other)) | values
        with self.repository.transaction() as transaction:
            view = SessionView(transaction, self.session_id, strict=self.strict)
            if not given:
                transaction.variable_names(self.session_id)
            for key, value in given.items():
                view[key] = value

    def clear(self) -> None:
        """Delete every variable, all or none."""
        with self.repository.transaction() as transaction:
            for name in transaction.variable_names(self.session_id):
                transaction.delete_variable(self.session_id, name)

    def pop(self, key: str, default: Any = _NONE_GIVEN) -> Any:
        """Delete a variable and return its value; ``default`` where there is none.

        Raises:
            VariableNotFoundError: there is none, and no default.
        """
        with self.repository.transaction() as transaction:
            view = SessionView(transaction, self.session_id)
            try:
                value = view[key]
            except KeyError:
                if default is _NONE_GIVEN:
                    raise
                return default
            del view[key]
            return value

    def popitem(self) -> tuple[str, Any]:
        """Delete the first variable by name and return its name and value.

        Raises:
            KeyError: there are none.
        """
        with self.repository.transaction() as transaction:
            view = SessionView(transaction, self.session_id)
            for name, value in view.items():
                del view[name]
                return name, value
        message = f"session {self.session_id!r} has no variables to pop"
        raise KeyError(message)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value under ``key``; where there is none, ``default`` is assigned first."""
        with self.repository.transaction() as transaction:
            view = SessionView(transaction, self.session_id, strict=self.strict)
            try:
                return view[key]
            except KeyError:
                view[key] = default
                return view[key]

    # --- the verbs, without the session's id

    create_session = _without_session_id(RepositoryMethods.create_session)
    get_session = _without_session_id(RepositoryMethods.get_session)
    session_exists = _without_session_id(RepositoryMethods.session_exists)
    update_session = _without_session_id(RepositoryMethods.update_session)
    touch = _without_session_id(RepositoryMethods.touch)
    expired = _without_session_id(RepositoryMethods.expired)
    delete_session = _without_session_id(RepositoryMethods.delete_session)
    get_stats = _without_session_id(RepositoryMethods.get_stats)
    put_variable = _without_session_id(RepositoryMethods.put_variable)
    register_variable = _without_session_id(RepositoryMethods.register_variable)
    get_variable = _without_session_id(RepositoryMethods.get_variable)
    get_value = _without_session_id(RepositoryMethods.get_value)
    has_variable = _without_session_id(RepositoryMethods.has_variable)
    variable_names = _without_session_id(RepositoryMethods.variable_names)
    list_variables = _without_session_id(RepositoryMethods.list_variables)
    get_variables = _without_session_id(RepositoryMethods.get_variables)
    update_variable = _without_session_id(RepositoryMethods.update_variable)
    modify_variable = _without_session_id(RepositoryMethods.modify_variable)
    update_variables = _without_session_id(RepositoryMethods.update_variables)
    update_constraints = _without_session_id(RepositoryMethods.update_constraints)
    delete_variable = _without_session_id(RepositoryMethods.delete_variable)
    start_optimization = _without_session_id(RepositoryMethods.start_optimization)
    end_optimization = _without_session_id(RepositoryMethods.end_optimization)
    variable_history = _without_session_id(RepositoryMethods.variable_history)
    get_variable_version = _without_session_id(RepositoryMethods.get_variable_version)
    rollback_variable = _without_session_id(RepositoryMethods.rollback_variable)
    prune_history = _without_session_id(RepositoryMethods.prune_history)
    put_program = _without_session_id(RepositoryMethods.put_program)
    get_program = _without_session_id(RepositoryMethods.get_program)
    list_programs = _without_session_id(RepositoryMethods.list_programs)
    get_programs = _without_session_id(RepositoryMethods.get_programs)
    program_ids = _without_session_id(RepositoryMethods.program_ids)
    has_program = _without_session_id(RepositoryMethods.has_program)
    delete_program = _without_session_id(RepositoryMethods.delete_program)


class _Items(ItemsView[str, Any]):
    """Names and values: each iteration reads one snapshot."""

    _mapping: SessionView

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self._mapping.snapshot().items())


class _Values(ValuesView[Any]):
    """Values: each iteration, and each search, reads one snapshot."""

    _mapping: SessionView

    def __iter__(self) -> Iterator[Any]:
        return iter(self._mapping.snapshot().values())

    def __contains__(self, value: object) -> bool:
        return value in list(self)


def inferred_type(value: object) -> str:
    """The type of the variable that an assignment to a new name makes."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return "tensor"
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "float"), (str, "string")):
        if isinstance(value, kind):
            return name
    return "json"


def _name(key: object) -> str:
    """A key as the text of a name.

    Raises:
        KeyError: it is neither str nor Enum, so it is no key.
    """
    try:
        return identifier_text(key)
    except InvalidNameError as problem:
        raise KeyError(key) from problem


def _pairs(other: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(other, Mapping):
        return other.items()
    if hasattr(other, "keys"):
        return ((key, other[key]) for key in other.keys())  # noqa: SIM118 - what has keys() is a mapping to dict.update too
    return [(key, value) for key, value in other]
