"""Verbs that read variables."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar, overload

from snakestore.clock import as_utc
from snakestore.errors import InvalidNameError, SessionNotFoundError, VariableNotFoundError
from snakestore.names import identifier_text, is_simple_name
from snakestore.patterns import Pattern
from snakestore.repository.arguments import NOT_GIVEN, NotGiven, look_up_text
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import check_read, load_session, session_text
from snakestore.repository.variables.point_in_time import as_of
from snakestore.storage import mapping
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.queries import variables as sql
from snakestore.storage.queries.statement import Row, Statement
from snakestore.variable import Variable

D = TypeVar("D")
_SESSION = 3
"""How many columns of the session stand before the variable's, in the statements that join both."""


class VariableReadMethods(RepositoryBase):
    """The part of a repository that reads variables. An identifier is tried as an id first, then as a name."""

    @overload
    def get_variable(self, sid: str, identifier: str) -> Variable: ...

    @overload
    def get_variable(self, sid: str, identifier: str, default: D) -> Variable | D: ...

    def get_variable(self, sid: str, identifier: str, default: Any = NOT_GIVEN) -> Any:
        """The variable of this id or name. An access.

        Args:
            default: what to return where there is no such variable; it never stands in for a
                missing session.

        Raises:
            SessionNotFoundError, SessionExpiredError: there is no such session.
            VariableNotFoundError: no such variable, and no default.
            InvalidNameError: the identifier is neither str nor Enum.
            UnknownTypeError, CorruptStoreError: what is stored cannot be read as its type.
        """
        cached = self._runner.cached_row(sql.SELECT_VARIABLE, sid, identifier)
        if cached is not None and cached[0][_SESSION] is not None:
            row, now = cached
            return mapping.variable_from(sid, row[_SESSION:], now)
        return self._runner.lookup(_variable, sid, identifier, default)

    @overload
    def get_value(self, sid: str, identifier: str) -> Any: ...

    @overload
    def get_value(self, sid: str, identifier: str, default: D) -> Any | D: ...

    def get_value(self, sid: str, identifier: str, default: Any = NOT_GIVEN) -> Any:
        """The value of the variable of this id or name, without the rest of it. An access.

        Args:
            default: what to return where there is no such variable; it never stands in for a
                missing session.

        Raises:
            As ``get_variable``.
        """
        cached = self._runner.cached_row(sql.SELECT_VALUE, sid, identifier)
        if cached is not None and cached[0][_SESSION] is not None:
            _, _, _, name, type_name, text, blob = cached[0]
            return mapping.value_from(sid, name, type_name, text, blob)
        return self._runner.lookup(_value, sid, identifier, default)

    def has_variable(self, sid: str, identifier: str) -> bool:
        """Whether there is such a variable; False also for a missing or expired session. No access.

        Raises:
            InvalidNameError: the session id or the identifier is neither str nor Enum.
        """
        return self._runner.lookup(_has, sid, identifier)

    def variable_names(self, sid: str, pattern: str | None = None) -> list[str]:
        """The names of the session's variables, by code point. An access.

        Args:
            pattern: only names that it describes (``*`` any run of characters, all else literal).

        Raises:
            SessionNotFoundError, SessionExpiredError: there is no such session.
            InvalidNameError: the pattern is neither str nor Enum.
        """
        return self._runner.read(_names, sid, pattern)

    def list_variables(
        self, sid: str, pattern: str | None = None, *, at: datetime | None = None
    ) -> list[Variable]:
        """The session's variables, by ``created_at`` and, where equal, by id. An access.

        Args:
            pattern: only variables whose name it describes (``*`` any run of characters, all else
                literal).
            at: as they were at this time; variables that were made later, or are deleted since, are
                left out.

        Raises:
            SessionNotFoundError, SessionExpiredError: there is no such session.
            InvalidNameError: the pattern is neither str nor Enum.
            ValidationError: ``at`` is no aware datetime.
            VersionNotFoundError: the history no longer holds what a variable was ``at`` that time.
            UnknownTypeError, CorruptStoreError: what is stored cannot be read as its type.
        """
        return self._runner.read(_list, sid, pattern, at)


def _looked_up(
    tx: TransactionContext, statement: Statement, sid: object, identifier: object
) -> tuple[str, Row]:
    """The session's id, and the row of session and variable, the variable's columns NULL where there is none; one statement."""
    session = sid if is_simple_name(sid) else session_text(sid)
    wanted = identifier if is_simple_name(identifier) else _unusual(tx, session, identifier)
    row = tx.fetch_first(statement, sid=session, identifier=wanted)
    if row is None:
        raise SessionNotFoundError(session)
    if row[2] is not None:
        tx.set_server_time(row[2])
    check_read(tx, session, row[0], row[1])
    return session, row


def _unusual(tx: TransactionContext, session: str, identifier: object) -> str:
    """An identifier that is not plain ASCII as text; one that no variable can have finds nothing, for none is called ""."""
    try:
        return look_up_text(identifier, "identifier") or ""
    except InvalidNameError:
        load_session(tx, session)  # the session comes first in the order of refusals
        raise


def _variable(
    tx: TransactionContext, sid: object, identifier: object, default: object | NotGiven
) -> object:
    session, row = _looked_up(tx, sql.SELECT_VARIABLE, sid, identifier)
    return (
        _absent(session, identifier, default)
        if row[_SESSION] is None
        else mapping.variable_from(session, row[_SESSION:], tx.now)
    )


def _value(
    tx: TransactionContext, sid: object, identifier: object, default: object | NotGiven
) -> object:
    session, row = _looked_up(tx, sql.SELECT_VALUE, sid, identifier)
    name, type_name, text, blob = row[_SESSION:]
    return (
        _absent(session, identifier, default)
        if name is None
        else mapping.value_from(session, name, type_name, text, blob)
    )


def named_value(
    tx: TransactionContext,
    sid: object,
    name: str,
    default: object | NotGiven = NOT_GIVEN,
    *,
    decode: bool = True,
) -> object:
    """The value of the variable of this name; an id does not do. ``decode`` False only asks whether it is there.

    Raises:
        VariableNotFoundError: there is none, and no default.
    """
    session, row = _looked_up(tx, sql.SELECT_VALUE if decode else sql.SELECT_EXISTS, sid, name)
    if row[_SESSION] != name:
        return _absent(session, name, default)
    return mapping.value_from(session, name, row[4], row[5], row[6]) if decode else None


def names_and_values(tx: TransactionContext, sid: object) -> dict[str, Any]:
    """All names and values of a session, by name."""
    session = load_session(tx, sid)
    found = tx.fetch_all(sql.SELECT_VALUES, sid=session)
    return {
        name: mapping.value_from(session, name, kind, text, blob)
        for name, kind, text, blob in found
    }


def _absent(session: str, identifier: object, default: object | NotGiven) -> object:
    if default is NOT_GIVEN:
        raise VariableNotFoundError(session, identifier_text(identifier))
    return default


def _has(tx: TransactionContext, sid: object, identifier: object) -> bool:
    identifier_text(sid, "session id")
    identifier_text(identifier)
    try:
        _, row = _looked_up(tx, sql.SELECT_EXISTS, sid, identifier)
    except SessionNotFoundError:
        return False
    tx.access_due = None  # to ask whether is no access
    return row[_SESSION] is not None


def _names(tx: TransactionContext, sid: object, pattern: object) -> list[str]:
    session = load_session(tx, sid)
    wanted = Pattern.parse("*" if pattern is None else pattern)
    return _matching(tx, session, wanted)


def _matching(tx: TransactionContext, session: str, pattern: Pattern) -> list[str]:
    if not pattern.possible:
        return []
    upper = pattern.upper
    bounds = {"lower": pattern.lower} | ({} if upper is None else {"upper": upper})
    names = [
        name
        for (name,) in tx.fetch_all(
            sql.SELECT_NAMES.variant(bounded=upper is not None), sid=session, **bounds
        )
    ]
    return names if pattern.only_a_prefix else [name for name in names if pattern.matches(name)]


def _list(
    tx: TransactionContext, sid: object, pattern: object, moment: datetime | None
) -> list[Variable]:
    session = load_session(tx, sid)
    at = None if moment is None else as_utc(moment, "at")
    found = _matching_rows(tx, session, Pattern.parse("*" if pattern is None else pattern))
    if at is None:
        return mapping.variables_from(session, found, tx.now)
    then = as_of(tx, session, found, at)
    return [then[row[0]] for row in found if row[0] in then]


def _matching_rows(tx: TransactionContext, session: str, pattern: Pattern) -> list[Row]:
    """Rows (VARIABLE_COLUMNS) whose name the pattern describes, by created_at and id."""
    if pattern.only_a_prefix and pattern.possible:
        upper = pattern.upper
        bounds = {"lower": pattern.lower} | ({} if upper is None else {"upper": upper})
        return tx.fetch_all(
            sql.SELECT_VARIABLES.variant(bounded=upper is not None), sid=session, **bounds
        )
    # names first: a large value that the pattern does not want is not read
    found = tx.fetch_in(sql.SELECT_BY_NAME, _matching(tx, session, pattern), sid=session)
    return sorted(found, key=lambda row: (row[8], row[0]))
