"""The checksums of copied sessions, which are kept at the target."""

from __future__ import annotations

from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.cells import SchemaPart, schema_parts_from, session_label, text_from
from snakestore.storage.queries import copying as sql
from snakestore.storage.schema.copied import copied_sessions


def prepare_records(tx: TransactionContext) -> None:
    """Create the table of what was copied, and remove records of sessions that are gone."""
    if not has_records(tx):  # PostgreSQL asks for the right to create also where it exists
        tx.create_table(copied_sessions)
        tx.backend.complete_copied(tx)
    tx.send(sql.DELETE_COPIED_WITHOUT_SESSION)


def has_records(tx: TransactionContext) -> bool:
    """Whether the store was the target of a copy itself."""
    records = SchemaPart("table", copied_sessions.name, "")
    return records in schema_parts_from(tx.fetch_all(tx.backend.parts))


def recorded(tx: TransactionContext, sid: str) -> str | None:
    """The checksum of a session as it was copied to this store."""
    row = tx.fetch_first(sql.SELECT_COPIED, sid=sid)
    return None if row is None else text_from(*row, "checksum", session_label, sid)


def record(tx: TransactionContext, sid: str, checksum: bytes) -> None:
    """Record that the session has this checksum at both stores."""
    if recorded(tx, sid) != checksum.hex():
        tx.send(sql.DELETE_COPIED, sid=sid)
        tx.send(sql.INSERT_COPIED, session_id=sid, checksum=checksum.hex())
