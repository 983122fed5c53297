"""An expression that PostgreSQL gets in another form than the other databases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class ByDatabase(FunctionElement[Any]):
    """A condition in two forms that mean the same."""

    inherit_cache = True

    def __init__(self, usual: ColumnElement[bool], postgresql: ColumnElement[bool]) -> None:
        super().__init__(usual)
        self.postgresql = postgresql


@compiles(ByDatabase)
def _usual(element: ByDatabase, compiler: SQLCompiler, **options: Any) -> str:
    [usual] = element.clauses
    return compiler.process(usual, **options)


@compiles(ByDatabase, "postgresql")
def _on_postgresql(element: ByDatabase, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.postgresql, **options)
