"""``SessionRepository`` on PostgreSQL."""

from __future__ import annotations

from benchmarks.baselines.postgres import (
    distant_database,
    fill,
    new_database,
    sqlalchemy_url,
)
from benchmarks.implementations import Job, Lab
from benchmarks.work import Bench, reading, writing
from benchmarks.workload import NAMES, READS, UPDATED, UPDATES
from snakestore import SessionRepository


def open_postgres(lab: Lab) -> Bench:
    """With default options."""
    url = new_database(lab, "ours")
    repo = SessionRepository.open(sqlalchemy_url(url), migrate=True)
    fill(url)
    closers = [repo.close]

    def _update_afar() -> Job:
        distant = SessionRepository.open(sqlalchemy_url(distant_database(lab, url)))
        closers.append(distant.close)
        return writing(distant.update_variable, UPDATES, UPDATED)

    makers = {
        "postgres-get": lambda: reading(repo.get_value, READS, NAMES),
        "postgres-update": lambda: writing(repo.update_variable, UPDATES, UPDATED),
        "postgres-update-afar": _update_afar,
    }
    return Bench(makers, closers)
