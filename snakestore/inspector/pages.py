"""The inspector's own pages: sessions, a session, a variable, a program, a log."""

from __future__ import annotations

import asyncio
from typing import Any

from datasette.app import Datasette
from datasette.database import QueryInterrupted
from datasette.utils.asgi import NotFound, Request, Response

from snakestore.inspector import charts, queries, values
from snakestore.inspector.database import NAME, StoreDatabase
from snakestore.inspector.metadata import VIEWS
from snakestore.inspector.questions import QUESTIONS

_NO_LIMIT = 2**62
_CHART_MILLISECONDS = 2000
_EMPTY_CHART = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
Rows = list[dict[str, Any]]


async def home(request: Request, datasette: Datasette) -> Response:
    """What the store is, charts over time, the ten questions, and the first sessions."""
    context = {
        "database_title": datasette.metadata("title"),
        "about": await _first(datasette, queries.ABOUT),
        "session_count": (await _first(datasette, queries.SESSION_COUNT))["number"],
        "questions": QUESTIONS,
        "views": VIEWS,
        **await _sessions(request, datasette),
    }
    return await _page(datasette, request, "home.html", context)


async def sessions(request: Request, datasette: Datasette) -> Response:
    """The sessions by id, from one on, or those whose id begins with a text."""
    return await _page(datasette, request, "sessions.html", await _sessions(request, datasette))


async def _sessions(request: Request, datasette: Datasette) -> dict[str, Any]:
    prefix = request.args.get("prefix") or ""
    found = await _rows(
        datasette, queries.SESSIONS, after=request.args.get("after") or "", prefix=prefix
    )
    more = _next(found)
    return {
        "sessions": found,
        "prefix": prefix,
        "next": more and values.address("sessions", prefix=prefix, after=more["session_id"]),
    }


async def session(request: Request, datasette: Datasette) -> Response:
    """A session with its variables, programs, logs and history side by side."""
    sid = _argument(request, "id")
    found = await _first(datasette, queries.SESSION, session=sid)
    context: dict[str, Any] = {"session": found, "history": [], "sid": sid}
    for name, sql, key in (
        ("variables", queries.VARIABLES, "name"),
        ("programs", queries.PROGRAMS, "id"),
        ("logs", queries.LOGS, "name"),
    ):
        after = request.args.get(f"{name}_after") or ""
        rows = await _rows(datasette, sql, session=sid, after=after)
        more = _next(rows)
        context[name] = rows
        context[f"{name}_next"] = more and values.address(
            "session", id=sid, **{f"{name}_after": more[key]}
        )
    context["history"] = (await _rows(datasette, queries.HISTORY, session=sid))[: queries.PAGE]
    return await _page(datasette, request, "session.html", context)


async def variable(request: Request, datasette: Datasette) -> Response:
    """A variable: its value, its chart and its versions."""
    key = _arguments(request, "session", "name")
    context = {
        **await _current(datasette, "variable", queries.VARIABLE, key),
        **await _versions(request, datasette, queries.VERSIONS, "variable", "version", key),
        "has_chart": await _history_chart(datasette, key) is not None,
        "leases": await _rows(datasette, queries.LEASE, **key),
    }
    return await _page(datasette, request, "variable.html", context)


async def program(request: Request, datasette: Datasette) -> Response:
    """A program: its document and its versions."""
    key = _arguments(request, "session", "id")
    context = {
        **await _current(datasette, "program", queries.PROGRAM, key),
        **await _versions(request, datasette, queries.PROGRAM_VERSIONS, "program", "version", key),
    }
    return await _page(datasette, request, "program.html", context)


async def log(request: Request, datasette: Datasette) -> Response:
    """A log: its entries, the newest first."""
    key = _arguments(request, "session", "name")
    context = {
        **key,
        "log": await _first(datasette, queries.LOG, **key),
        **await _versions(request, datasette, queries.ENTRIES, "log", "position", key),
    }
    return await _page(datasette, request, "log.html", context)


async def value(request: Request, datasette: Datasette) -> Response:
    """A whole value, document or entry, as a plain text or bytes to save."""
    kind = request.args.get("kind") or "variable"
    if kind not in queries.WHOLE:
        message = "There is no such kind of value."
        raise NotFound(message)
    sql, owner = queries.WHOLE[kind]
    key = _arguments(request, "session", owner)
    row = await _first(datasette, sql, version=_number(request, "version"), **key)
    if row["value"] is None:
        return Response(
            row["value_blob"],
            content_type="application/octet-stream",
            headers={"Content-Disposition": 'attachment; filename="value.bin"'},
        )
    return Response(row["value"], content_type="text/plain; charset=utf-8")


async def chart(request: Request, datasette: Datasette) -> Response:
    """A chart, as an image."""
    kind = request.args.get("kind")
    if kind == "variable":
        spec = await _history_chart(datasette, _arguments(request, "session", "name"))
    elif kind in {"sessions", "updates"}:
        spec = await _over_time(datasette, kind)
    else:
        message = "There is no such chart."
        raise NotFound(message)
    image = _EMPTY_CHART
    if spec is not None:
        image = await asyncio.get_running_loop().run_in_executor(None, charts.svg, spec)
    return Response(image, content_type="image/svg+xml; charset=utf-8")


async def _history_chart(datasette: Datasette, key: dict[str, str]) -> dict[str, Any] | None:
    rows = await _rows(datasette, queries.PLOTTED, **key)
    return charts.history_chart([(row["version"], row["value"]) for row in reversed(rows)])


async def _over_time(datasette: Datasette, kind: str) -> dict[str, Any] | None:
    sql = queries.SESSIONS_OVER_TIME if kind == "sessions" else queries.UPDATES_OVER_TIME
    store: StoreDatabase = datasette.get_database(NAME)
    try:
        found = await store.execute(sql, custom_time_limit=_CHART_MILLISECONDS)
    except QueryInterrupted:
        return None  # counting them takes too long for a page
    title = "sessions created" if kind == "sessions" else "updates"
    return charts.time_chart([(row["hour"], row["number"]) for row in found.rows], title)


async def _versions(
    request: Request,
    datasette: Datasette,
    sql: str,
    page: str,
    column: str,
    key: dict[str, Any],
) -> dict[str, Any]:
    """A page of versions or entries, the newest first."""
    rows = await _rows(datasette, sql, before=_number(request, "before", default=_NO_LIMIT), **key)
    more = _next(rows)
    return {
        "versions": rows,
        "next": more and values.address(page, **key, before=more[column]),
    }


async def _current(
    datasette: Datasette, kind: str, sql: str, key: dict[str, str]
) -> dict[str, Any]:
    """A variable or program, and as much of its text as a page shows.

    The text is None for bytes, or if it was replaced just now.
    """
    found = await _first(datasette, sql, **key)
    whole, _ = queries.WHOLE[kind]
    cut = f"SELECT substr(value, 1, {queries.LONGEST_SHOWN}) AS shown FROM ({whole})"  # noqa: S608 - constants
    rows = await _rows(datasette, cut, version=found["version"], **key)
    return {**key, kind: found, "whole": next((row["shown"] for row in rows), None)}


async def _rows(datasette: Datasette, sql: str, **parameters: Any) -> Rows:
    store: StoreDatabase = datasette.get_database(NAME)
    found = await store.execute(sql, {"limit": queries.PAGE + 1, **parameters})
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


async def _first(datasette: Datasette, sql: str, **parameters: Any) -> dict[str, Any]:
    for row in await _rows(datasette, sql, **parameters):
        return row
    message = "The store does not contain this, or it was deleted."
    raise NotFound(message)


def _next(rows: Rows) -> dict[str, Any] | None:
    """The last row of the page if more follow, which are taken from ``rows``."""
    if len(rows) <= queries.PAGE:
        return None
    del rows[queries.PAGE :]
    return rows[-1]


def _argument(request: Request, name: str) -> str:
    given: str | None = request.args.get(name)
    if given is None:
        message = f"The address lacks {name}=..."
        raise NotFound(message)
    return given


def _arguments(request: Request, *names: str) -> dict[str, str]:
    return {name: _argument(request, name) for name in names}


def _number(request: Request, name: str, *, default: int | None = None) -> int:
    """An argument that is a number; one that is missing or empty is the default."""
    given: str = request.args.get(name) or ""
    if not given and default is not None:
        return default
    try:
        number = int(given)
    except ValueError:
        number = -1
    if not 0 <= number <= _NO_LIMIT:
        message = f"{name} is a number of 0 or more."
        raise NotFound(message)
    return number


async def _page(
    datasette: Datasette, request: Request, template: str, context: dict[str, Any]
) -> Response:
    context |= {"html": values, "address": values.address}
    return Response.html(await datasette.render_template(template, context, request=request))
