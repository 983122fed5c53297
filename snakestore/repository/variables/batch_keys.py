"""Which variables the keys of a batch name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from snakestore.errors import SnakeStoreError, ValidationError
from snakestore.names import identifier_text, invalid_name_reason
from snakestore.repository.arguments import key_text
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.variables import by_id, by_name
from snakestore.storage.queries import variables as sql
from snakestore.storage.queries.statement import Row

Index = Callable[[Iterable[Row]], dict[str, Row]]
"""Rows by one of their columns."""


def texts_of(identifiers: Iterable[Any]) -> tuple[list[str], dict[str, SnakeStoreError]]:
    """The texts of identifiers, and the errors of those that are none."""
    given = list(identifiers)
    if {type(each) for each in given} <= {str}:
        return given, {}
    texts: list[str] = []
    errors: dict[str, SnakeStoreError] = {}
    for each in given:
        try:
            texts.append(identifier_text(each))
        except ValidationError as error:
            errors[key_text(each)] = error
    return texts, errors


def possible_names(texts: Sequence[str]) -> Sequence[str]:
    """Those of which a database can tell whether there is such a name; there is none of others."""
    together = "".join(texts)
    if together.isascii() and "\0" not in together:
        return texts
    return [text for text in texts if invalid_name_reason(text) is None]


def find(
    tx: TransactionContext,
    sid: str,
    identifiers: Sequence[str],
    statements: sql.BatchStatements = sql.SEVERAL,
    *,
    whole_session: bool = False,
    names: Index = by_name,
    ids: Index = by_id,
) -> dict[str, Row]:
    """Rows by id or name, of the variables that have one of the identifiers, or of all.

    Args:
        tx: where they are read.
        sid: the session.
        identifiers: names or ids.
        statements: what they are read with.
        whole_session: reads all variables of the session at once, for as many identifiers. If one
            is damaged, only those that have one of the identifiers are read: they may be others.
        names: the rows of ``statements`` by name.
        ids: likewise by id.
    """
    if whole_session:
        everything = tx.fetch_undamaged(statements.whole_session, sid=sid)
        if everything is not None:
            found = names(everything)
            return found if found.keys() >= set(identifiers) else found | ids(everything)
    possible = possible_names(identifiers)
    if tx.backend.remote:
        rows = tx.fetch_in(statements.by_either, possible, sid=sid)
        return names(rows) | ids(rows)
    found = names(tx.fetch_in(statements.by_name, possible, sid=sid))
    if len(found) < len(possible):
        others = [each for each in possible if each not in found]
        found |= ids(tx.fetch_in(statements.by_id, others, sid=sid))
    return found


def named_twice(ids: Iterable[tuple[str, object]]) -> dict[str, SnakeStoreError]:
    """The errors of keys that name the same variable, from keys with the ids that they name."""
    keys_of: dict[object, list[str]] = {}
    for key, vid in ids:
        keys_of.setdefault(vid, []).append(key)
    errors: dict[str, SnakeStoreError] = {}
    for keys in keys_of.values():
        if len(keys) > 1:
            message = f"{len(keys)} keys name the same variable: {sorted(keys)!r}. Give it once."
            errors |= {key: ValidationError(message, value=keys) for key in keys}
    return errors
