"""``SessionRepository`` on PostgreSQL."""

from __future__ import annotations

from benchmarks.baselines.postgres import fill, new_database, sqlalchemy_url
from benchmarks.implementations import Lab
from benchmarks.work import Bench, reading, writing
from benchmarks.workload import NAMES, READS, UPDATED, UPDATES
from snakestore import SessionRepository


def open_postgres(lab: Lab) -> Bench:
    """With default options."""
    url = new_database(lab, "ours")
    repo = SessionRepository.open(sqlalchemy_url(url), migrate=True)
    fill(url)
    makers = {
        "postgres-get": lambda: reading(repo.get_value, READS, NAMES),
        "postgres-update": lambda: writing(repo.update_variable, UPDATES, UPDATED),
    }
    return Bench(makers, [repo.close])
