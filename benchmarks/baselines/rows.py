"""Rows of the hand-written store in SQLite, as records, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from benchmarks.baselines.records import LockedError, Record
from benchmarks.workload import text_of


def not_taken(name: str, row: Sequence[Any] | None) -> None:
    """Refuse a name that another variable has."""
    if row is not None:
        message = f"{name} is taken"
        raise ValueError(message)


def free_record(row: Sequence[Any], when: datetime) -> Record:
    """The variable of a row, which nobody may be optimising."""
    record = record_of(row, when)
    if record.optimizing:
        message = f"{record.name} is being optimised"
        raise LockedError(message)
    return record


def record_of(row: Sequence[Any], when: datetime) -> Record:
    """The variable of a row."""
    (
        identifier,
        name,
        type_name,
        text,
        blob,
        constraints,
        metadata,
        version,
        created,
        updated,
        optimizer,
        lease,
        rules,
    ) = row
    return Record(
        identifier,
        name,
        type_name,
        blob if text is None else json.loads(text),
        json.loads(constraints),
        json.loads(metadata),
        version,
        datetime.fromisoformat(created),
        datetime.fromisoformat(updated),
        optimizer is not None and (lease is None or datetime.fromisoformat(lease) > when),
        json.loads(rules),
    )


def stamps(when: datetime, ttl: float | None) -> tuple[str, str | None]:
    """A time of access and the expiry that follows from it, as stored."""
    return text_of(when), None if ttl is None else text_of(when + timedelta(seconds=ttl))
