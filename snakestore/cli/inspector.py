"""``snakestore inspect``: a store in a browser."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

from snakestore.cli.commands import new_app
from snakestore.cli.console import print_line
from snakestore.cli.parameters import Store
from snakestore.cli.stores import StoreCommand, opened_read_only
from snakestore.errors import StoreError

app = new_app()


@app.command(cls=StoreCommand)
def inspect(
    store: Store,
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for one that is free.")] = 0,
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Show a SQLite store in a browser, read-only, until interrupted."""
    from snakestore.storage.url import describe, file_path, parse  # noqa: PLC0415 - loads SQLAlchemy

    url = parse(store)
    if file_path(url) is None:
        message = f"{describe(url)} is not a file: the inspector shows SQLite files"
        raise StoreError(message)
    with opened_read_only(store):
        pass  # it exists, and is at the present schema
    try:
        from snakestore.inspector.server import serve  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        message = f"{missing.name} is missing: pip install 'snakestore[inspect]'"
        raise StoreError(message) from missing

    def started(address: str) -> None:
        """Print the address, and open it if that was asked for."""
        print_line(f"{describe(url)} at {address} (Ctrl-C ends it)")
        if open_browser:
            webbrowser.open(address)

    serve(url, port=port, started=started)
