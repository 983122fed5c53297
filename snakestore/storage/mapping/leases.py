"""Leases of variables from rows."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from snakestore.lease import NOT_OPTIMIZING, OptimizationStatus
from snakestore.storage.mapping.cells import document_from, text_from, variable_label
from snakestore.storage.queries import columns as at
from snakestore.storage.queries.statement import Row


def lease_status(
    sid: object,
    name: object,
    optimizer: object,
    pid: object,
    started_at: datetime | None,
    expires_at: datetime | None,
    now: datetime,
) -> OptimizationStatus:
    """Who holds a variable's lease at ``now``. A lease that has expired is no lease.

    Raises:
        CorruptStoreError: if a column is damaged.
    """
    if optimizer is None or (expires_at is not None and expires_at <= now):
        return NOT_OPTIMIZING
    return OptimizationStatus(
        optimizing=True,
        optimizer_id=text_from(optimizer, "optimizer_id", variable_label, sid, name),
        optimizer_pid=(
            None if pid is None else document_from(pid, "optimizer_pid", variable_label, sid, name)
        ),
        started_at=started_at,
        expires_at=expires_at,
    )


class Lease(NamedTuple):
    """A variable's id and name, and who holds its lease."""

    variable_id: object
    """As stored, like ``name``: unchecked, so that a damaged variable can be deleted."""
    name: object
    status: OptimizationStatus


def lease_from(sid: str, row: Row, now: datetime) -> Lease:
    """A lease from LEASE_COLUMNS.

    Raises:
        CorruptStoreError: if a column is damaged.
    """
    vid, name, optimizer, pid, started_at, expires_at = row
    return Lease(vid, name, lease_status(sid, vid, optimizer, pid, started_at, expires_at, now))


def lease_beside(sid: str, row: Row, now: datetime) -> Lease | None:
    """A lease from STATE_COLUMNS and LEASE_COLUMNS; None if there is no such variable.

    Raises:
        CorruptStoreError: if a column is damaged.
    """
    found = row[len(at.STATE_COLUMNS) :]
    return None if found[at.LEASE_ID] is None else lease_from(sid, found, now)
