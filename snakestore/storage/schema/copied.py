"""The table in which ``copy`` records what it copied to a database.

It is not part of the schema that the migrations create: ``copy`` creates it at its target, and
nothing else reads it. So a store that was never a target does not have it. It has no foreign key,
because a sharded table cannot be referenced; rows of deleted sessions are removed by the next copy.
"""

from __future__ import annotations

from sqlalchemy import Column, MetaData, Table, Text

from snakestore.storage.schema.column_types import identifier
from snakestore.storage.schema.tables import NAMING_CONVENTION

copied_sessions = Table(
    "snakestore_copied_sessions",
    MetaData(naming_convention=NAMING_CONVENTION),
    Column("session_id", identifier(), primary_key=True),
    Column("checksum", Text(), nullable=False),
)
