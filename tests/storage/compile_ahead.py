"""``python -m tests.storage.compile_ahead`` writes what SQLite has of statements compiled ahead."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.dialects.sqlite import pysqlite

from snakestore.storage.dialects.sqlite import compiled
from snakestore.storage.queries.statement import Compilation, compile_statement
from snakestore.storage.schema.column_types import Convert
from tests.storage.statements import all_statements

_HEAD = '''\
"""Statements as SQLAlchemy compiles them for ``sqlite3``, those that have a name.

``python -m tests.storage.compile_ahead`` writes this module.
"""

from __future__ import annotations

from snakestore.storage.queries.statement import Compilation
from snakestore.storage.schema.column_types import read_time, written_time

COMPILATIONS = {
'''


def compilations() -> dict[str, Compilation]:
    """The statements that have a name, as SQLAlchemy compiles them now."""
    dialect = pysqlite.dialect()
    return {
        each.statement.name: compile_statement(each.expression, dialect)
        for each in all_statements()
        if each.statement.name
    }


def source(made: Mapping[str, Compilation]) -> str:
    """The module that has them."""
    return _HEAD + "".join(_entry(name, made[name]) for name in sorted(made)) + "}\n"


def _entry(name: str, made: Compilation) -> str:
    lines = " ".join(repr(line) for line in re.findall(r".{1,75}(?:\s|$)|\S+", made.sql, re.DOTALL))
    incoming = [f"({parameter!r}, {_name(convert)})" for parameter, convert in made.incoming]
    return (
        f"{name!r}: Compilation(sql=({lines}), order={made.order!r},"
        f" constants={made.constants!r}, incoming={_tuple(incoming)}, names={made.names!r},"
        f" outgoing={_tuple(list(map(_name, made.outgoing)))}),\n"
    )


def _tuple(members: list[str]) -> str:
    return f"({''.join(f'{each}, ' for each in members)})"


def _name(convert: Convert | None) -> str:
    return "None" if convert is None else convert.__name__


if __name__ == "__main__":
    path = Path(compiled.__file__)
    path.write_text(source(compilations()), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", str(path)], check=True)
