"""Methods that read variables."""

from typing import Any, TypeVar, overload

from snakestore.errors import (
    CorruptStoreError,
    SessionNotFoundError,
    UnknownTypeError,
    VariableNotFoundError,
)
from snakestore.names import identifier_text
from snakestore.repository.arguments import NOT_GIVEN, NotGiven
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import check_access, load_session, lookup_key
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.variables import (
    name_beside,
    value_at_hand,
    value_beside,
    values_from,
    variable_at_hand,
    variable_beside,
)
from snakestore.storage.queries import variables as sql
from snakestore.storage.queries.statement import Row, Statement
from snakestore.variable import Variable

D = TypeVar("D")


class VariableReadMethods(RepositoryBase):
    """Methods that read variables. An identifier is a name or an id."""

    @overload
    def get_variable(self, sid: str, identifier: str) -> Variable: ...

    @overload
    def get_variable(self, sid: str, identifier: str, default: D) -> Variable | D: ...

    def get_variable(self, sid: str, identifier: str, default: Any = NOT_GIVEN) -> Any:
        """Return the variable with this id or name.

        Counts as an access (updates ``last_accessed``).

        Args:
            default: what to return if there is no such variable. A missing session still raises.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableNotFoundError: if there is no such variable and no default.
            InvalidNameError: if the identifier is neither str nor Enum.
            UnknownTypeError: if the variable's type is not registered.
            CorruptStoreError: if the stored variable is damaged.
        """
        row = self._runner.lookup_row(sql.LOOK_UP_VARIABLE, sid, identifier)
        if row is not None:
            try:
                found = variable_at_hand(sid, row, self._runner.clock_time, default)
                return _or_raise(found, sid, identifier) if found is NOT_GIVEN else found
            except CorruptStoreError:
                pass  # which is raised again, and names the column
        return self._runner.lookup(_get_variable, sid, identifier, default)

    @overload
    def get_value(self, sid: str, identifier: str) -> Any: ...

    @overload
    def get_value(self, sid: str, identifier: str, default: D) -> Any | D: ...

    def get_value(self, sid: str, identifier: str, default: Any = NOT_GIVEN) -> Any:
        """Return the value of the variable with this id or name.

        Counts as an access (updates ``last_accessed``).

        Args:
            default: what to return if there is no such variable. A missing session still raises.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableNotFoundError: if there is no such variable and no default.
            InvalidNameError: if the identifier is neither str nor Enum.
            UnknownTypeError: if the variable's type is not registered.
            CorruptStoreError: if the stored value is damaged.
        """
        row = self._runner.lookup_row(sql.LOOK_UP_VALUE, sid, identifier)
        if row is not None:
            try:
                found = value_at_hand(sid, identifier, row, default)
                return _or_raise(found, sid, identifier) if found is NOT_GIVEN else found
            except (CorruptStoreError, UnknownTypeError):
                pass  # which is raised again, and has the name of the variable
        return self._runner.lookup(_get_value, sid, identifier, default)

    def has_variable(self, sid: str, identifier: str) -> bool:
        """Return whether there is such a variable. Does not update ``last_accessed``.

        False for a missing or expired session.

        Raises:
            InvalidNameError: if the session id or the identifier is neither str nor Enum.
        """
        return self._runner.lookup(_has, sid, identifier)


def _look_up(
    tx: TransactionContext,
    statement: Statement,
    sid: object,
    identifier: object,
    *,
    touch: bool = True,
) -> tuple[str, Row]:
    """The session's id, and the row of session and variable."""
    session, key = lookup_key(tx, sid, identifier)
    row = tx.fetch_first(statement, sid=session, identifier=key)
    return session, check_access(tx, session, row, touch=touch)


def _get_variable(
    tx: TransactionContext, sid: object, identifier: object, default: object | NotGiven
) -> object:
    session, row = _look_up(tx, sql.SELECT_VARIABLE, sid, identifier)
    found = variable_beside(session, row, tx.now, default)
    return _or_raise(found, session, identifier) if found is NOT_GIVEN else found


def _get_value(
    tx: TransactionContext, sid: object, identifier: object, default: object | NotGiven
) -> object:
    session, row = _look_up(tx, sql.SELECT_VALUE, sid, identifier)
    found = value_beside(session, row, default)
    return _or_raise(found, session, identifier) if found is NOT_GIVEN else found


def _or_raise(found: object, session: str, identifier: object) -> object:
    """What was found, or else the default.

    Raises:
        VariableNotFoundError: if there is neither.
    """
    if found is NOT_GIVEN:
        raise VariableNotFoundError(session, identifier_text(identifier))
    return found


def get_named_value(
    tx: TransactionContext, sid: object, name: str, default: object | NotGiven = NOT_GIVEN
) -> object:
    """The value of the variable with this name; an id does not count.

    Raises:
        VariableNotFoundError: if there is no such variable and no default.
    """
    session, row = _look_up(tx, sql.SELECT_VALUE, sid, name)
    found = value_beside(session, row, default) if name_beside(row) == name else default
    return _or_raise(found, session, name)


def is_name(tx: TransactionContext, sid: object, name: str) -> bool:
    """Whether a variable has this name; an id does not count. False for a missing session."""
    try:
        _, row = _look_up(tx, sql.SELECT_EXISTS, sid, name, touch=False)
    except SessionNotFoundError:
        return False
    return name_beside(row) == name


def get_values(tx: TransactionContext, sid: object) -> dict[str, Any]:
    """All values of a session by name, ordered by name."""
    session = load_session(tx, sid)
    return values_from(session, tx.fetch_all(sql.SELECT_VALUES, sid=session))


def _has(tx: TransactionContext, sid: object, identifier: object) -> bool:
    identifier_text(sid, "session id")
    identifier_text(identifier)
    try:
        _, row = _look_up(tx, sql.SELECT_EXISTS, sid, identifier, touch=False)
    except SessionNotFoundError:
        return False
    return name_beside(row) is not None
