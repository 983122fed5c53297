"""The FILE argument of the commands, and how they open the store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from snakestore import SchemaOutdatedError, Session, SessionRepository, StoreError, current
from snakestore.storage.migrate.upgrade import exists
from snakestore.storage.url import describe, parse, read_only_url

STORE_VARIABLE = "SNAKESTORE_URL"

Store = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help=f"Path or URL of the store. Defaults to {STORE_VARIABLE}.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class StoreCommand(TyperCommand):
    """A command whose first argument is the store, which defaults to SNAKESTORE_URL."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert the store before ``args`` if a required argument is missing."""
        store = os.environ.get(STORE_VARIABLE)
        if store:
            values, _, _ = self.make_parser(ctx).parse_args(list(args))
            required = [
                parameter.name
                for parameter in self.get_params(ctx)
                if parameter.param_type_name == "argument" and parameter.required
            ]
            if any(not isinstance(values.get(str(name)), str) for name in required):
                args = [store, *args]
        return super().parse_args(ctx, args)


def check_exists(store: str) -> None:
    """Refuse a store that does not exist, without the advice to create it.

    Raises:
        StoreError: if there is no such file, or no such database on the server.
    """
    if not exists(store):
        message = f"{describe(parse(store))} does not exist: check the name of the store"
        raise StoreError(message)


@contextmanager
def checking_existence(store: str) -> Iterator[None]:
    """A block that opens the store, which must exist.

    Raises:
        StoreError: if it does not exist.
    """
    try:
        yield
    except SchemaOutdatedError:
        check_exists(store)
        raise


@contextmanager
def reading(store: str) -> Iterator[SessionRepository]:
    """The store in one read-only snapshot. Nothing is changed, not even ``last_accessed``.

    Raises:
        StoreError: if the file does not exist or is not a store.
    """
    with opened_read_only(store) as repository, repository.transaction(read_only=True) as snapshot:
        yield snapshot


@contextmanager
def opened_read_only(store: str) -> Iterator[SessionRepository]:
    """The store on read-only connections. It leaves no new files beside the store.

    Raises:
        StoreError: if the file does not exist or is not a store.
    """
    url = read_only_url(parse(store))
    with ExitStack() as stack:
        with checking_existence(store):
            repository = SessionRepository.open(store if url is None else url, migrate=False)
        if url is not None:
            # reading creates an empty write-ahead log, which a read-only connection cannot remove;
            # current() removes it
            stack.callback(current, store)
        yield stack.enter_context(repository)


@contextmanager
def writing(store: str) -> Iterator[SessionRepository]:
    """The store for writing. It is neither created nor migrated."""
    with checking_existence(store):
        repository = SessionRepository.open(store, migrate=False)
    with repository:
        yield repository


def session_in(snapshot: SessionRepository, session_id: str) -> Session:
    """The session, without counting as an access.

    Raises:
        SessionNotFoundError: if the session does not exist or has expired.
    """
    snapshot.get_stats(session_id)
    # get_session would count as an access
    return next(
        session for session in snapshot.list_sessions(session_id) if session.id == session_id
    )
