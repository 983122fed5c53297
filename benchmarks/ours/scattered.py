"""``SessionRepository`` in the work at random."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import seed
from benchmarks.baselines.sqlite import connect
from benchmarks.implementations import Lab
from benchmarks.scattered import (
    DOCUMENTS,
    KEPT_VERSIONS,
    LARGE,
    Scattered,
    kept_sessions,
    plain_sessions,
)
from benchmarks.work import Committed
from benchmarks.workload import NAMES, now
from snakestore import SessionRepository

Closers = list[Callable[[], Any]]


def start_scattered(lab: Lab, closers: Closers) -> Scattered:
    """A repository on a new seeded file."""
    path = lab.new_path("scattered.db")
    repo = SessionRepository.open(path)
    seeds = connect(path)
    plain, kept = plain_sessions(lab.sessions), kept_sessions(lab.sessions)
    with Committed(seeds) as cursor:
        seed.insert(cursor, seed.Plan(ids=plain, names=NAMES, history_limit=0, accessed=now()))
        seed.insert(
            cursor,
            seed.Plan(
                ids=kept,
                names=NAMES,
                history_limit=KEPT_VERSIONS,
                past=KEPT_VERSIONS,
                accessed=now(),
            ),
        )
        text = json.dumps(DOCUMENTS[0], separators=(",", ":"))
        cursor.execute(
            "UPDATE variables SET type = 'json', value = ?, constraints = '{}', metadata = '{}'",
            (text,),
        )
        cursor.execute("UPDATE variable_versions SET type = 'json', value = ?", (text,))
    seeds.execute("VACUUM")
    closers += [repo.close, seeds.close]
    return Scattered(
        sessions=lab.sessions,
        get_value=repo.get_value,
        get_record=repo.get_variable,
        update=repo.update_variable,
        register=lambda sid, name, value: repo.register_variable(sid, name, "json", value),
        update_many=repo.update_variables,
        list_records=repo.list_variables,
        list_prefix=lambda sid, prefix: repo.list_variables(sid, prefix=prefix),
        checkpoint=partial(_checkpoint, seeds),
    )


def start_large(lab: Lab, closers: Closers, **options: Any) -> Scattered:
    """A repository with more values than a cache holds."""
    path = lab.new_path("large.db")
    repo = SessionRepository.open(path, **options)
    seeds = connect(path)
    plain = plain_sessions(lab.sessions)
    with Committed(seeds) as cursor:
        seed.insert(cursor, seed.Plan(ids=plain, names=NAMES, history_limit=0, accessed=now()))
        text = json.dumps(LARGE, separators=(",", ":"))
        cursor.execute("UPDATE variables SET type = 'json', value = ?, constraints = '{}'", (text,))
    seeds.execute("VACUUM")
    closers += [repo.close, seeds.close]
    return Scattered(sessions=lab.sessions, get_value=repo.get_value)


def _checkpoint(seeds: Any) -> None:
    seeds.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
