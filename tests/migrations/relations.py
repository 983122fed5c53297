"""The tables that a database has."""

from __future__ import annotations

from sqlalchemy import Engine, inspect


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())
