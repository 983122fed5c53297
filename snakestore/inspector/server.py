"""The application, and how it is served."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files

import uvicorn
from datasette.app import Datasette
from sqlalchemy import URL

from snakestore.errors import StoreError
from snakestore.inspector import plugin
from snakestore.inspector.database import NAME, StoreDatabase
from snakestore.inspector.metadata import metadata
from snakestore.inspector.security import App, guarded

HOST = "127.0.0.1"
SETTINGS = {
    "sql_time_limit_ms": 5000,
    "facet_time_limit_ms": 200,
    "suggest_facets": False,
    "default_page_size": 50,
    "default_cache_ttl": 0,
    "truncate_cells_html": 400,
    "max_returned_rows": 500,
    "allow_download": False,
    "allow_csv_stream": False,
    "num_sql_threads": 4,
}


class _Datasette(Datasette):
    """Without a catalogue of all schemas, which only pages of Datasette's own need."""

    async def refresh_schemas(self) -> None:
        """Open no database in memory: nothing would close it."""


def application(url: URL) -> App:
    """The ASGI application that shows a store. It reads, and changes nothing.

    Args:
        url: the URL of an existing file at the present schema.
    """
    plugin.register()
    folder = files("snakestore.inspector")
    title = os.path.basename(url.database or "")
    datasette = _Datasette(
        metadata=metadata(title),
        settings=SETTINGS,
        template_dir=str(folder / "templates"),
        static_mounts=[("inspector", str(folder / "static"))],
    )
    datasette.remove_database("_memory")
    datasette.add_database(StoreDatabase(datasette, url), name=NAME)
    return guarded(datasette.app())


def serve(url: URL, *, port: int = 0, started: Callable[[str], None]) -> None:
    """Serve a store on 127.0.0.1 until interrupted.

    Args:
        url: the URL of an existing file at the present schema.
        port: 0 for one that is free.
        started: is called with the address of the first page.

    Raises:
        StoreError: the port is taken.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen()
        except OSError as error:
            reason = f"cannot serve on port {port}: {error.strerror}"
            message = f"{reason}. Without --port, a free port is chosen"
            raise StoreError(message) from error
        config = uvicorn.Config(application(url), log_level="warning", lifespan="off")
        started(f"http://{HOST}:{listener.getsockname()[1]}/")
        with suppress(KeyboardInterrupt):  # the way to end it
            asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
