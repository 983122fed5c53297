"""A store with everything in it, and its rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import sqlalchemy

import snakestore
from snakestore import SessionRepository, create_variable

NOW = datetime(2021, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def furnish(repo):
    """Something of everything that a store can hold."""
    repo.create_session(
        "s", ttl=90.5, metadata={"z": -0.0, "a": [1, 1.0, "\0", "🐍"]}, worker_id="w", history=None
    )
    repo.register_variable("s", "x", "float", 0.1, id="x-id", constraints={"min": 0})
    for number in range(5):
        repo.update_variable("s", "x", number / 7, metadata={"step": number})
    repo.register_variable("s", "nan", "float", float("nan"))
    repo.register_variable("s", "n", "integer", 2**200)
    repo.register_variable("s", "naïve 'quoted' %s :x", "string", "NUL \0 emoji 🐍\r\n")
    repo.register_variable("s", "e", "embedding", np.arange(5, dtype="float32"))
    repo.update_variable("s", "e", [0.5] * 3)
    repo.register_variable("s", "t", "tensor", {"shape": [2, 2], "data": [[1, 2], [3, 4]]})
    repo.put_variable(
        "s", create_variable(name="ruled", type="json", value=None, metadata={"k": None})
    )
    repo.start_optimization("s", "x", "opt", 7, lease=3600)
    repo.delete_variable("s", "nan")
    repo.put_program("s", "p", {"steps": [1, 2.50, -0.0], "": {}})
    repo.put_program("s", "p", {"steps": []}, metadata={"score": -0.0})
    repo.put_program("s", "none", None)
    repo.append_log("s", "l", [{"n": -0.0, "": "\0 🐍"}, None, 2**200, "gone"])
    repo.pop_log("s", "l")
    repo.append_log("s", "empty", [1, 2], keep_last=0)
    repo.create_session("eternal", ttl=None, history=0)
    repo.create_session("expired", ttl=0.001)
    repo.register_variable("expired", "x", "float", 1.0)
    for number in range(120):
        repo.create_session(f"many-{number:03}", metadata={"number": number})


def dump(place):
    """All rows, but for when a session expires, which a server may keep less exactly."""
    engine = place if isinstance(place, sqlalchemy.Engine) else snakestore.create_engine(place)
    from snakestore.storage.schema.tables import Base

    with engine.connect() as connection:
        found = {
            table.name: (
                connection.execute(
                    sqlalchemy.select(
                        *[column for column in table.c if column.name != "expires_at"]
                    ).order_by(*table.primary_key)
                ).all()
            )
            for table in Base.metadata.sorted_tables
        }
    if engine is not place:
        engine.dispose()
    return found


def opened(place, seconds):
    """A repository with a clock that is some seconds after the copy."""
    return SessionRepository.open(place, clock=lambda: NOW + timedelta(seconds=seconds))
