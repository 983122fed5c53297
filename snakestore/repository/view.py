"""One session as a mapping of name to value."""

from __future__ import annotations

import inspect
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
from snakestore.repository.logs.sequence import LogView
from snakestore.repository.methods import RepositoryMethods
from snakestore.repository.naming import named, show_signature, without_argument
from snakestore.repository.variables.reads import get_named_value, get_values, is_name
from snakestore.repository.variables.upserts import Assignment, set_named
from snakestore.storage.execution.runner import Runner

P = ParamSpec("P")
R = TypeVar("R")
_NONE_GIVEN = object()


def _without_session_id(
    method: Callable[Concatenate[RepositoryMethods, str, P], R],
) -> Callable[Concatenate[SessionView, P], R]:
    """A method of the repository as a method of the view, without the session id."""
    method = named(method, "SessionView", __name__)

    @wraps(method)
    def _bound(view: SessionView, *args: P.args, **kwargs: P.kwargs) -> R:
        return method(view.repository, view.session_id, *args, **kwargs)

    signature = inspect.signature(method, eval_str=True)
    this, session, *others = signature.parameters.values()
    _bound.__doc__ = without_argument(_bound.__doc__ or "", session.name)
    show_signature(_bound, signature.replace(parameters=[this, *others]))
    return cast("Callable[Concatenate[SessionView, P], R]", _bound)


class SessionView(MutableMapping[str, Any]):
    """A session as a mapping of variable name to value. Names are ordered by code point.

    Reading a key counts as an access. Assigning to it is a versioned update. ``items()``,
    ``values()``, ``update()`` and ``clear()`` are one transaction each. Creating a view touches
    nothing. A missing session raises SessionNotFoundError, except from ``in``, which returns False.
    Every method of the repository that takes a session id is a method of the view without it.
    """

    __slots__ = ("repository", "session_id", "strict")

    def __init__(
        self, repository: RepositoryMethods, session_id: str, *, strict: bool = False
    ) -> None:
        """View a session.

        Args:
            repository: the repository to read from and write to.
            session_id: the session's id; the session need not exist yet.
            strict: assigning to a missing name raises VariableNotFoundError. Otherwise it registers
                a variable of an inferred type (bool: boolean, int: integer, float: float,
                str: string, numpy array: tensor, bytes: bytes, all else: json).

        Raises:
            InvalidNameError: if the id is neither str nor Enum.
        """
        self.repository = repository
        self.session_id = identifier_text(session_id, "session id")
        self.strict = strict

    @property
    def _runner(self) -> Runner:
        return self.repository._runner  # noqa: SLF001 - a view shares its repository's runner

    def __repr__(self) -> str:
        return f"SessionView({self.session_id!r}, strict={self.strict})"

    def _repr_html_(self) -> str:
        from snakestore.repository.notebook import session_html  # noqa: PLC0415 - on use

        return session_html(self._runner, self.session_id)

    def _ipython_key_completions_(self) -> list[str]:
        """The keys that a notebook completes after ``view["``. Counts as no access."""
        from snakestore.repository.notebook import completions  # noqa: PLC0415 - on use

        return completions(self._runner, self.session_id)

    # --- one key

    def __getitem__(self, key: str) -> Any:
        return self._runner.lookup(get_named_value, self.session_id, _name(key))

    def __setitem__(self, key: str, value: Any) -> None:
        how = Assignment(strict=self.strict, describe_new=False)
        self._runner.write(set_named, self.session_id, _name(key), value, None, how)

    def __delitem__(self, key: str) -> None:
        name = _name(key)
        with self.repository.transaction() as transaction:
            if name not in SessionView(transaction, self.session_id):
                transaction.touch(self.session_id)  # raises first for a missing session
                raise VariableNotFoundError(self.session_id, name)
            transaction.delete_variable(self.session_id, name)

    def __contains__(self, key: object) -> bool:
        try:
            name = identifier_text(key)
        except InvalidNameError:
            return False
        return self._runner.lookup(is_name, self.session_id, name)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, or ``default``. Counts as an access either way."""
        try:
            name = _name(key)
        except KeyError:
            return default
        return self._runner.lookup(get_named_value, self.session_id, name, default)

    # --- all of them

    def __iter__(self) -> Iterator[str]:
        return iter(self.repository.variable_names(self.session_id))

    def __len__(self) -> int:
        return self.repository.get_stats(self.session_id).variable_count

    def items(self) -> ItemsView[str, Any]:
        """Return names and values; each iteration reads one snapshot."""
        return _Items(self)

    def values(self) -> ValuesView[Any]:
        """Return values ordered by name; each iteration reads one snapshot."""
        return _Values(self)

    def snapshot(self) -> dict[str, Any]:
        """Return all names and values of one snapshot as a new dict."""
        return self._runner.read(get_values, self.session_id)

    # --- changes of several, each one transaction

    def update(self, other: Any = (), /, **values: Any) -> None:
        """Assign all names and values of ``other`` and of the keywords, all or nothing.

        Raises:
            TypeError: if ``other`` is neither a mapping nor an iterable of pairs.
            SnakeStoreError: what assigning one of them raises. Nothing is changed then.
        """
        given = dict(_pairs(other)) | values
        with self.repository.transaction() as transaction:
            view = SessionView(transaction, self.session_id, strict=self.strict)
            if not given:
                transaction.variable_names(self.session_id)
            for key, value in given.items():
                view[key] = value

    def clear(self) -> None:
        """Delete all variables, all or nothing."""
        with self.repository.transaction() as transaction:
            for name in transaction.variable_names(self.session_id):
                transaction.delete_variable(self.session_id, name)

    def pop(self, key: str, default: Any = _NONE_GIVEN) -> Any:
        """Delete a variable and return its value, or return ``default`` if there is none.

        Raises:
            VariableNotFoundError: if there is no such variable and no default.
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
        """Delete the variable whose name comes first. Return its name and value.

        Raises:
            KeyError: if there are no variables.
        """
        with self.repository.transaction() as transaction:
            view = SessionView(transaction, self.session_id)
            for name in view.variable_names(limit=1):
                return name, view.pop(name)
        message = f"session {self.session_id!r} has no variables to pop"
        raise KeyError(message)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, after assigning ``default`` to it if it is missing."""
        with self.repository.transaction() as transaction:
            view = SessionView(transaction, self.session_id, strict=self.strict)
            try:
                return view[key]
            except KeyError:
                view[key] = default
                return view[key]

    # --- the methods of the repository, without the session id

    create_session = _without_session_id(RepositoryMethods.create_session)
    get_session = _without_session_id(RepositoryMethods.get_session)
    session_exists = _without_session_id(RepositoryMethods.session_exists)
    update_session = _without_session_id(RepositoryMethods.update_session)
    touch = _without_session_id(RepositoryMethods.touch)
    revive_session = _without_session_id(RepositoryMethods.revive_session)
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
    set_value = _without_session_id(RepositoryMethods.set_value)
    set_values = _without_session_id(RepositoryMethods.set_values)
    update_variables = _without_session_id(RepositoryMethods.update_variables)
    update_constraints = _without_session_id(RepositoryMethods.update_constraints)
    delete_variable = _without_session_id(RepositoryMethods.delete_variable)
    delete_variables = _without_session_id(RepositoryMethods.delete_variables)
    start_optimization = _without_session_id(RepositoryMethods.start_optimization)
    renew_optimization = _without_session_id(RepositoryMethods.renew_optimization)
    claim_variable = _without_session_id(RepositoryMethods.claim_variable)
    lease = _without_session_id(RepositoryMethods.lease)
    end_optimization = _without_session_id(RepositoryMethods.end_optimization)
    variable_history = _without_session_id(RepositoryMethods.variable_history)
    get_variable_version = _without_session_id(RepositoryMethods.get_variable_version)
    rollback_variable = _without_session_id(RepositoryMethods.rollback_variable)
    prune_history = _without_session_id(RepositoryMethods.prune_history)
    put_program = _without_session_id(RepositoryMethods.put_program)
    get_program = _without_session_id(RepositoryMethods.get_program)
    get_program_record = _without_session_id(RepositoryMethods.get_program_record)
    list_programs = _without_session_id(RepositoryMethods.list_programs)
    get_programs = _without_session_id(RepositoryMethods.get_programs)
    program_ids = _without_session_id(RepositoryMethods.program_ids)
    has_program = _without_session_id(RepositoryMethods.has_program)
    delete_program = _without_session_id(RepositoryMethods.delete_program)
    program_history = _without_session_id(RepositoryMethods.program_history)
    get_program_version = _without_session_id(RepositoryMethods.get_program_version)
    rollback_program = _without_session_id(RepositoryMethods.rollback_program)
    append_log = _without_session_id(RepositoryMethods.append_log)
    read_log = _without_session_id(RepositoryMethods.read_log)
    log_length = _without_session_id(RepositoryMethods.log_length)
    list_logs = _without_session_id(RepositoryMethods.list_logs)
    has_log = _without_session_id(RepositoryMethods.has_log)
    pop_log = _without_session_id(RepositoryMethods.pop_log)
    trim_log = _without_session_id(RepositoryMethods.trim_log)
    delete_log = _without_session_id(RepositoryMethods.delete_log)

    def log(self, log: str) -> LogView:
        """Return a log as a sequence of its values. Creating it touches nothing.

        A missing log is an empty sequence; ``append`` creates it.

        Raises:
            InvalidNameError: if the name is neither str nor Enum.
        """
        return LogView(self.repository, self.session_id, log)


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


def _name(key: object) -> str:
    """A key as the text of a name.

    Raises:
        KeyError: if it is neither str nor Enum, and so cannot be a key.
    """
    try:
        return identifier_text(key)
    except InvalidNameError as problem:
        raise KeyError(key) from problem


def _pairs(other: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(other, Mapping):
        return other.items()
    if hasattr(other, "keys"):
        return ((key, other[key]) for key in other.keys())  # noqa: SIM118 - not a Mapping, as dict.update() takes it
    return [(key, value) for key, value in other]
