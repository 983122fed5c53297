"""Which store a verb means, and how it is opened: for looking without a trace, or for changing what is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from snakestore import Session, SessionRepository, current
from snakestore.storage.url import parse, read_only_url

STORE_VARIABLE = "SNAKESTORE_URL"

Store = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help=f"The store: a file or a SQLAlchemy URL. Left out: what {STORE_VARIABLE} names.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class StoreCommand(TyperCommand):
    """A verb whose first argument is the store, taken from SNAKESTORE_URL where one argument too few is given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the store in front of ``args`` where it is missing."""
        store = os.environ.get(STORE_VARIABLE)
        if store:
            given, _, _ = self.make_parser(ctx).parse_args(list(args))
            required = [
                parameter.name
                for parameter in self.get_params(ctx)
                if parameter.param_type_name == "argument" and parameter.required
            ]
            if any(not isinstance(given.get(str(name)), str) for name in required):
                args = [store, *args]
        return super().parse_args(ctx, args)


@contextmanager
def reading(store: str) -> Iterator[SessionRepository]:
    """The store in one read-only snapshot: looking changes nothing, not even when a session was last accessed.

    Raises:
        StoreError: there is no such file, or it is no store.
    """
    with opened_read_only(store) as repository, repository.transaction(read_only=True) as snapshot:
        yield snapshot


@contextmanager
def opened_read_only(store: str) -> Iterator[SessionRepository]:
    """The store over connections that cannot write, and no file beside it afterwards that was not there.

    Raises:
        StoreError: there is no such file, or it is no store.
    """
    url = read_only_url(parse(store))
    with ExitStack() as stack:
        repository = SessionRepository.open(store if url is None else url, migrate=False)
        if url is not None:
            # who may only read cannot take away the empty log that reading takes, and asking for
            # the revision does
            stack.callback(current, store)
        yield stack.enter_context(repository)


@contextmanager
def writing(store: str) -> Iterator[SessionRepository]:
    """The store for changing; it is neither made nor migrated on the way."""
    with SessionRepository.open(store, migrate=False) as repository:
        yield repository


def session_in(snapshot: SessionRepository, session_id: str) -> Session:
    """The session as it is recorded.

    Raises:
        SessionNotFoundError: there is none of this id, or it has expired.
    """
    snapshot.get_stats(session_id)
    # listed, not got: get_session shows the access that it is
    return next(
        session for session in snapshot.list_sessions(session_id) if session.id == session_id
    )
