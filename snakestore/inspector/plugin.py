"""What Datasette calls: cells, routes and permissions."""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from datasette import hookimpl
from datasette.app import Datasette
from datasette.database import QueryInterrupted
from datasette.plugins import pm
from datasette.utils.asgi import Base400, Request, Response
from datasette.views.base import DatasetteError
from markupsafe import Markup

from snakestore.errors import SnakeStoreError
from snakestore.inspector import pages, values
from snakestore.inspector.database import NAME
from snakestore.inspector.metadata import VIEWS
from snakestore.inspector.security import PAGES
from snakestore.storage.dialects import driver_error_types

logger = logging.getLogger("snakestore.inspector")
_DOCUMENTS = frozenset(
    {"value", "program", "newest_entry", "metadata", "constraints", "left_value", "right_value"}
)
_KINDS = frozenset({"variable", "program", "log"})
_PAGE_OF_VIEW = {"log_overview": "log", "program_overview": "program"}


def register() -> None:
    """Register these hooks with Datasette, once in a process.

    They replace Datasette's own handling of errors, which prints values of the store.
    """
    this = sys.modules[__name__]
    if not pm.is_registered(this):
        pm.unregister(name="datasette.handle_exception")
        pm.register(this, name=__name__)


@hookimpl
def render_cell(row: Any, value: Any, column: str, table: str | None) -> Markup | None:
    """A cell with links to the inspector's pages; None leaves it to Datasette."""
    return cell(dict(zip(row.keys(), row, strict=True)), value, column, table)


def cell(row: dict[str, Any], value: Any, column: str, table: str | None) -> Markup | None:
    """A cell of a row, by the name of its column."""
    if value is None:
        return None
    if isinstance(value, bytes):  # damage: Datasette would link it by a key that views lack
        return values.plain(f"{len(value)} bytes")
    linked = _linked(row, value, column, table)
    if linked is not None:
        return linked
    shown = next((show for columns, show in _SHOWN if columns(column)), None)
    return None if shown is None else shown(value)


_SHOWN: tuple[tuple[Callable[[str], bool], Callable[[Any], Markup]], ...] = (
    (_DOCUMENTS.__contains__, values.document),
    (frozenset({"size_bytes"}).__contains__, values.size),
    (frozenset({"age", "idle", "expires_in", "held_for"}).__contains__, values.unbroken),
    (frozenset({"last_accessed", "since"}).__contains__, values.time),
    (lambda column: column.endswith("_at"), values.time),
    (lambda column: column == "ttl" or column.endswith("_seconds"), values.seconds),
)
"""How cells are shown, by the names of their columns."""


def _linked(row: dict[str, Any], value: Any, column: str, table: str | None) -> Markup | None:
    if column == "session_id" or (column == "id" and table == "session_overview"):
        return values.link("session", value, id=value)
    session = row.get("session_id")
    if session is None:
        return None
    kind = row.get("kind")
    page = kind if kind in _KINDS else _PAGE_OF_VIEW.get(table or "", "variable")
    if column == "id" and page == "program":
        return values.link(page, value, session=session, id=value)
    if column == "name":
        key = "id" if page == "program" else "name"
        return values.link(page, value, session=session, **{key: value})
    return None


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    """The inspector's own pages."""
    return [(r"^/$", pages.home), *((f"^/{name}$", getattr(pages, name)) for name in PAGES)]


@hookimpl
def permission_allowed(action: str, resource: Any) -> bool | None:
    """The views are shown, the tables behind them are not: a page of them reads whole values."""
    if action == "view-table":
        return isinstance(resource, tuple) and resource[0] == NAME and resource[1] in VIEWS
    if action == "view-database-download":
        return False
    return None


@hookimpl
def handle_exception(
    datasette: Datasette, request: Request, exception: Exception
) -> Callable[[], Awaitable[Response]]:
    """A page that says what is wrong. Datasette calls and awaits what this returns."""
    if isinstance(exception, QueryInterrupted) or getattr(exception, "message_is_html", False):
        # Datasette's own message of this is markup, about a setting that users cannot reach
        status, message = 400, "The query took too long, and was ended."
    elif isinstance(exception, Base400 | DatasetteError):
        status, message = exception.status, str(exception)
    elif isinstance(exception, SnakeStoreError):
        status, message = 500, str(exception)
    elif isinstance(exception, driver_error_types()):
        status, message = 500, f"{exception}: run `snakestore check`, which lists what is damaged"
    else:
        logger.error("error on %s", request.path, exc_info=exception)
        status, message = 500, "This is an error of the inspector; its terminal shows more."
    return partial(_error_page, datasette, request, status, message)


async def _error_page(
    datasette: Datasette, request: Request, status: int, message: str
) -> Response:
    context = {"status": status, "title": None, "error": message}
    text = await datasette.render_template("error.html", context, request=request)
    return Response.html(text, status=status)
