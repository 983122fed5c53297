"""What makes a database unfit for snakestore's tables: its encoding, and what others altered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from snakestore.errors import SchemaError, StoreError
from snakestore.storage.schema.revisions import HEAD

_MAX_SHOWN = 3


class Alteration(NamedTuple):
    """Something that others changed of snakestore's tables, or put on or in place of them."""

    kind: str
    name: str
    table: str
    message: str
    """What it is and does, with the remedy."""


def check_encoding(encoding: str, where: str) -> None:
    """Refuse a database in which text is not UTF-8, or does not sort by code point.

    Raises:
        StoreError: it is one.
    """
    if encoding.replace("-", "").upper() != "UTF8":
        message = (
            f"{where} has the encoding {encoding}, and snakestore's tables need UTF-8: use a new"
            " database (SQLite's default; on PostgreSQL CREATE DATABASE ... ENCODING 'UTF8'"
            " TEMPLATE template0), and copy your own tables into it"
        )
        raise StoreError(message)


def check_unaltered(alterations: Sequence[Alteration], where: str) -> None:
    """Refuse tables that others altered: they might not store what snakestore writes.

    Raises:
        SchemaError: there are some.
    """
    if alterations:
        shown = [alteration.message for alteration in alterations[:_MAX_SHOWN]]
        if len(alterations) > len(shown):
            shown.append(f"and {len(alterations) - len(shown)} more")
        message = f"{where} was altered by others, and nothing was changed: {'; '.join(shown)}"
        raise SchemaError(message, current=None, head=HEAD)
