"""``snakestore db``: create, migrate, check and show the schema of a store."""

from __future__ import annotations

from typing import Annotated

import typer

import snakestore
from snakestore.cli.commands import GROUPS, new_app
from snakestore.cli.confirmation import confirm
from snakestore.cli.console import print_json, print_line, print_result
from snakestore.cli.parameters import AsJson, AsTsv, Store, Yes
from snakestore.cli.progress import progress
from snakestore.cli.stores import StoreCommand, check_exists
from snakestore.cli.tables import print_table

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
    as_json: AsJson = False,
) -> None:
    """Create the tables, or migrate them to a newer schema."""
    with progress("migrating", "steps"):
        snakestore.upgrade(store, revision, partitions=partitions, distribute=distribute)
    _print_current(store, as_json=as_json)


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
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Migrate to an older schema. Data that it cannot hold is lost."""
    from snakestore.storage.migrate.alembic_runner import (  # noqa: PLC0415 - loads SQLAlchemy
        check_revision,
    )

    check_revision(revision)
    _current(store)
    confirm(f"Migrate to {revision}? Data that it cannot hold is lost.", yes=yes)
    with progress("migrating", "steps"):
        snakestore.downgrade(store, revision)
    _print_current(store, as_json=as_json)


@app.command(cls=StoreCommand)
def current(store: Store, *, as_json: AsJson = False) -> None:
    """Print the revision of the schema, or 'none' without snakestore's tables."""
    _print_current(store, as_json=as_json)


@app.command(cls=StoreCommand)
def check(store: Store, *, as_json: AsJson = False) -> None:
    """Check whether the schema is the newest. The exit code is 1 if it is not."""
    from snakestore.storage.migrate.comparison import (  # noqa: PLC0415 - loads SQLAlchemy
        differences,
        summaries,
    )

    found = _current(store)
    head = list(summaries())[-1]
    different = differences(store) if found == head else []
    is_newest = found == head and not different
    if as_json:
        print_json({"ok": is_newest, "current": found, "head": head, "differences": different})
    elif is_newest:
        print_line(f"the schema is at {head}, the newest")
    elif found != head:
        print_line(f"the schema is at {found or NO_REVISION}, the newest is {head}")
    else:
        print_table(["difference to the newest schema"], [[each] for each in different])
    if not is_newest:
        raise typer.Exit(1)


@app.command(cls=StoreCommand)
def history(store: Store, *, as_json: AsJson = False, as_tsv: AsTsv = False) -> None:
    """List the revisions, oldest first, and which the store has."""
    from snakestore.storage.migrate.comparison import summaries  # noqa: PLC0415 - loads SQLAlchemy

    found, known = _current(store), summaries()
    applied = list(known).index(found) + 1 if found in known else 0
    rows = [
        {"revision": revision, "summary": summary, "applied": number < applied}
        for number, (revision, summary) in enumerate(known.items())
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ["revision", "what it adds", "applied"],
        [[row["revision"], row["summary"], "yes" if row["applied"] else "no"] for row in rows],
        tsv=as_tsv,
    )


def _current(store: str) -> str | None:
    revision = snakestore.current(store)
    if revision is None:
        check_exists(store)
    return revision


def _print_current(store: str, *, as_json: bool) -> None:
    revision = _current(store)
    print_result({"revision": revision}, revision or NO_REVISION, as_json=as_json)
