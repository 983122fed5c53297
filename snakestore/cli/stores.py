"""Which store a command works on (FILE, ``--db``, SNAKESTORE_URL), and how it is opened."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

import snakestore
from snakestore.cli.commands import leave_unconverted
from snakestore.errors import SchemaOutdatedError, StoreError

if TYPE_CHECKING:
    from snakestore import Session, SessionRepository

STORE_VARIABLE = "SNAKESTORE_URL"
_DB = "snakestore.cli.db"
"""The key of the --db before the command in what contexts share."""
_REQUIRED_WITHOUT = {"value": "file", "document": "file", "session_id": "new_id"}
"""Arguments that are required unless an option is given."""
SIMILAR_FILES = 3
_BESIDE_A_STORE = ("-wal", "-shm", "-journal")


def _remember(ctx: typer.Context, value: str | None) -> str | None:
    """Keep a ``--db`` that stands before the command."""
    if value is not None:
        ctx.meta[_DB] = value
    return value


Db = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="FILE",
        help=f"Path or URL of the store, instead of the argument. Default: {STORE_VARIABLE}.",
        show_default=False,
        expose_value=False,
        callback=_remember,
    ),
]


@cache
def db_option() -> Any:
    """The option ``--db``, of every command and before it."""
    app = typer.Typer(add_completion=False)

    @app.command()
    def _command(_db: Db = None) -> None:
        """Has the option, made from its annotation."""

    return get_command(app).params[0]


class StoreCommand(TyperCommand):
    """A command whose first argument is the store. It has the option --db too."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.params.append(db_option())

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert the store before ``args`` if it is given otherwise than as an argument."""
        values, _, _ = self.make_parser(ctx).parse_args(list(args))
        given = {
            name: value for name, value in values.items() if isinstance(value, str) or value is True
        }
        store: Any = given.get("_db") or ctx.meta.get(_DB)
        if not store and self._lacks_an_argument(ctx, given):
            store = os.environ.get(STORE_VARIABLE)
        if store:
            # a path that begins with - is not an option
            args = [f"./{store}" if store.startswith("-") else store, *args]
        if ctx.resilient_parsing:  # for completion
            for parameter in self.get_params(ctx):
                leave_unconverted(parameter)
        return super().parse_args(ctx, args)

    def _lacks_an_argument(self, ctx: Any, given: dict[str, Any]) -> bool:
        first = str(given.get("store", ""))
        if ctx.resilient_parsing:  # completion: the arguments that follow are still to come
            return not (os.path.isfile(first) or "://" in first)
        return any(
            parameter.required or _REQUIRED_WITHOUT.get(parameter.name, parameter.name) not in given
            for parameter in self.get_params(ctx)
            if parameter.param_type_name == "argument"
            and parameter.name not in given
            and (parameter.required or parameter.name in _REQUIRED_WITHOUT)
        )


def check_exists(store: str) -> None:
    """Refuse a store that does not exist, without the advice to create it.

    Raises:
        StoreError: if there is no such file, or no such database on the server.
    """
    from snakestore.storage.migrate.upgrade import exists  # noqa: PLC0415 - loads SQLAlchemy
    from snakestore.storage.url import describe, parse  # noqa: PLC0415 - likewise

    if not exists(store):
        similar = _similar_files(store)
        advice = f"did you mean {similar}?" if similar else "check the name of the store"
        message = f"{describe(parse(store))} does not exist: {advice}"
        raise StoreError(message)


def check_is_not_store(store: str, path: str) -> None:
    """Refuse to write a file in place of the store.

    Raises:
        StoreError: if ``path`` names the store's file, or one that belongs to it.
    """
    from snakestore.storage.dialects import backend_of  # noqa: PLC0415 - loads SQLAlchemy
    from snakestore.storage.url import parse  # noqa: PLC0415 - likewise

    url = parse(store)
    if backend_of(url).belongs_to(url, path):
        message = f"{path} is the store itself, or its log: give another name"
        raise StoreError(message)


def _similar_files(store: str) -> str:
    """Files in the folder of a missing one that have a similar name."""
    folder, name = os.path.split(store)
    try:
        with os.scandir(folder or ".") as entries:
            names = [entry.name for entry in entries if entry.is_file()]
    except OSError:  # there is no such folder, or it is a URL
        return ""
    stores = [each for each in names if not each.endswith(_BESIDE_A_STORE)]
    similar = difflib.get_close_matches(name, stores, n=SIMILAR_FILES)
    return " or ".join(os.path.join(folder, each) for each in similar)


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
    from snakestore.storage.url import parse, read_only_url  # noqa: PLC0415 - loads SQLAlchemy

    url = read_only_url(parse(store))
    with ExitStack() as stack:
        with checking_existence(store):
            repository = snakestore.SessionRepository.open(
                store if url is None else url, migrate=False
            )
        if url is not None:
            # reading creates an empty write-ahead log, which a read-only connection cannot remove;
            # current() removes it
            stack.callback(snakestore.current, store)
        yield stack.enter_context(repository)


@contextmanager
def writing(store: str) -> Iterator[SessionRepository]:
    """The store for writing. It is neither created nor migrated."""
    with checking_existence(store):
        repository = snakestore.SessionRepository.open(store, migrate=False)
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
