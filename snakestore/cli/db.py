"""``snakestore db``: the schema of a store and its migrations."""

from __future__ import annotations

from typing import Annotated

import typer

from snakestore import current, downgrade, upgrade
from snakestore.cli.console import plain
from snakestore.cli.stores import Store, StoreCommand

app = typer.Typer(
    help="The schema of a store: make it, migrate it, ask for it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

NO_REVISION = "none"


@app.command(name="upgrade", cls=StoreCommand)
def upgrade_(
    store: Store,
    revision: Annotated[str, typer.Option(help="Where to stop.")] = "head",
    partitions: Annotated[
        int | None,
        typer.Option(help="PostgreSQL: make new tables partitioned by session, each into so many."),
    ] = None,
) -> None:
    """Make the tables where there are none, or migrate them to a newer schema."""
    upgrade(store, revision, partitions=partitions)
    _print_current(store)


@app.command(name="downgrade", cls=StoreCommand)
def downgrade_(
    store: Store,
    revision: Annotated[
        str,
        typer.Option(
            help="The older schema to go back to; base drops every table of snakestore's.",
            show_default=False,
        ),
    ],
) -> None:
    """Migrate to an older schema; what the older one has no place for is lost."""
    downgrade(store, revision)
    _print_current(store)


@app.command(name="current", cls=StoreCommand)
def current_(store: Store) -> None:
    """Print the revision of the schema, or 'none'."""
    _print_current(store)


def _print_current(store: str) -> None:
    typer.echo(plain(current(store) or NO_REVISION))
