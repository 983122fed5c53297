"""``snakestore db``: create, migrate and show the schema of a store."""

from __future__ import annotations

from typing import Annotated

import typer

from snakestore import current, downgrade, upgrade
from snakestore.cli.console import print_line
from snakestore.cli.stores import Store, StoreCommand, check_exists

app = typer.Typer(
    help="Create, migrate and show the schema of a store.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

NO_REVISION = "none"


@app.command(name="upgrade", cls=StoreCommand)
def upgrade_(
    store: Store,
    revision: Annotated[str, typer.Option(help="The revision to migrate to.")] = "head",
    partitions: Annotated[
        int | None,
        typer.Option(help="PostgreSQL: partition new tables by session, each into N partitions."),
    ] = None,
) -> None:
    """Create the tables, or migrate them to a newer schema."""
    upgrade(store, revision, partitions=partitions)
    _print_current(store)


@app.command(name="downgrade", cls=StoreCommand)
def downgrade_(
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
    downgrade(store, revision)
    _print_current(store)


@app.command(name="current", cls=StoreCommand)
def current_(store: Store) -> None:
    """Print the revision of the schema, or 'none' without snakestore's tables."""
    _print_current(store)


def _print_current(store: str) -> None:
    revision = current(store)
    if revision is None:
        check_exists(store)
    print_line(revision or NO_REVISION)
