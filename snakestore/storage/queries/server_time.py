"""The server's clock as an SQL expression, for databases whose clock is the one that counts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from snakestore.storage.queries.statement import Statement
from snakestore.storage.schema.column_types import UtcDateTime


class server_now(FunctionElement[datetime]):  # noqa: N801 - an SQL function, named as one
    """The server's time now, not at the transaction's start; NULL without a server."""

    name = "server_now"
    type = UtcDateTime()
    inherit_cache = True


@compiles(server_now)
def _no_server(element: server_now, compiler: SQLCompiler, **options: Any) -> str:
    del element, compiler, options
    return "NULL"


@compiles(server_now, "postgresql")
def _clock_timestamp(element: server_now, compiler: SQLCompiler, **options: Any) -> str:
    del element, compiler, options
    return "clock_timestamp()"


SERVER_NOW = Statement(lambda: select(server_now()))
