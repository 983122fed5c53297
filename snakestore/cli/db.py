"""``snakestore db``: create, migrate and show the schema of a store."""

from __future__ import annotations

from typing import Annotated

import typer

import snakestore
from snakestore.cli.commands import GROUPS, new_app
from snakestore.cli.console import print_line
from snakestore.cli.parameters import Store
from snakestore.cli.stores import StoreCommand, check_exists

app = new_app(GROUPS["db"].summary)

NO_REVISION = "none"


@app.command(cls=StoreCommand)
def upgrade(
    store: Store,
    *,
    revision: Annotated[str, typer.Option(help="The revision to migrate to.")] = "head",
    partitions: Annotated[
        int | None,
        typer.Option(help="PostgreSQL: partition new tables by session, each into N partitions."),
    ] = None,
    distribute: Annotated[
        bool,
        typer.Option("--distribute", help="Citus: distribute all tables over the nodes."),
    ] = False,
) -> None:
    """Create the tables, or migrate them to a newer schema."""
    snakestore.upgrade(store, revision, partitions=partitions, distribute=distribute)
    _print_current(store)


@app.command(cls=StoreCommand)
def downgrade(
    store: Store,
    revision: Annotated[
        str,
        typer.Option(
            help="The revision to migrate to; base drops every table of snakestore.",
            show_default=False,
        ),
    ],
) -> None:
    """Migrate to an older schema. Data that it cannot hold is lost."""
    snakestore.downgrade(store, revision)
    _print_current(store)


@app.command(cls=StoreCommand)
def current(store: Store) -> None:
    """Print the revision of the schema, or 'none' without snakestore's tables."""
    _print_current(store)


def _print_current(store: str) -> None:
    revision = snakestore.current(store)
    if revision is None:
        check_exists(store)
    print_line(revision or NO_REVISION)
