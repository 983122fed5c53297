"""Where a store is: what a user gives as a path or URL, as one absolute SQLAlchemy URL, and a SQLite URL as a file.

Nothing here looks at the disk. No message shows a URL's password.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from snakestore.errors import StoreError, ValidationError

PathOrUrl = str | os.PathLike[str] | URL
MEMORY = ":memory:"
IN_MEMORY = "the database in memory"
"""What a message calls it."""
_URI = "file:"
_URI_PARAMETERS = frozenset({"mode", "cache", "immutable", "nolock", "psow", "vfs", "modeof"})
_TRUE = frozenset({"1", "true", "yes", "on", "t", "y"})


class SQLiteAddress(NamedTuple):
    """A SQLite database: its absolute path (None: in memory) and the parameters of its SQLite URI."""

    path: str | None
    name: str
    parameters: Mapping[str, str]

    @property
    def read_only(self) -> bool:
        """Whether the URL itself forbids writing."""
        return self.parameters.get("mode") == "ro" or self.immutable

    @property
    def immutable(self) -> bool:
        """Whether the URL says that nobody changes the file."""
        return self.parameters.get("immutable", "0").lower() in _TRUE

    @property
    def creates(self) -> bool:
        """Whether a missing file may be made."""
        return (
            self.path is not None
            and not self.immutable
            and self.parameters.get("mode", "rwc") == "rwc"
        )

    def uri(self, **overriding: str) -> str:
        """The SQLite URI filename, every byte of the path safe from being read as syntax."""
        parameters = {**self.parameters, **overriding}
        base = f"{_URI}{quote(self.name)}" if self.path is None else Path(self.path).as_uri()
        return "?".join(
            [
                base,
                *(
                    ["&".join(f"{quote(key)}={quote(value)}" for key, value in parameters.items())]
                    if parameters
                    else []
                ),
            ]
        )


def parse(path_or_url: object) -> URL:
    """A path, SQLite URI filename or SQLAlchemy URL as a SQLAlchemy URL with an absolute path and a named driver.

    A str that holds ``://`` is a URL, one that starts with ``file:`` a SQLite URI filename,
    ``:memory:`` a database in memory, anything else a path; an ``os.PathLike`` is always a path.
    Parsing what this returned changes nothing.

    Raises:
        ValidationError: it is none of these, or a malformed one.
        StoreError: a database that snakestore does not run on.
    """
    if isinstance(path_or_url, URL):
        return _checked(path_or_url)
    if isinstance(path_or_url, str):
        if path_or_url == MEMORY:
            return URL.create("sqlite")
        if path_or_url.startswith(_URI):
            return _from_uri(path_or_url, {})
        if "://" in path_or_url:
            return _checked(_made(path_or_url))
        return _file(path_or_url)
    if isinstance(path_or_url, os.PathLike):
        return _file(os.fsdecode(path_or_url))
    message = (
        "a store is given as a path, a SQLAlchemy URL or a URL as text ('agent.db', 'sqlite://'),"
        f" not as {type(path_or_url).__name__}"
    )
    raise ValidationError(message)


def shown(url: URL) -> str:
    """A URL as a message may show it: the plain path of a file, never a password."""
    if url.get_backend_name() == "sqlite":
        return sqlite_address(url).path or IN_MEMORY
    return url.render_as_string(hide_password=True)


def sqlite_address(url: URL) -> SQLiteAddress:
    """The SQLite database that a URL from ``parse`` names."""
    database = url.database or MEMORY
    parameters = {
        key: value for key, value in url.query.items() if key != "uri" and isinstance(value, str)
    }
    if "uri" not in url.query:
        return SQLiteAddress(None if database == MEMORY else database, database, parameters)
    name = os.fsdecode(unquote_to_bytes(database.removeprefix(_URI)))
    return SQLiteAddress(None if _in_memory(name, parameters) else name, name, parameters)


def _made(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        # neither the text nor its parser's message is shown: they may hold a password
        message = (
            "a str with '://' is read as a SQLAlchemy URL, and this one is malformed: write"
            " dialect://user:password@host/database, or give a pathlib.Path"
        )
        raise ValidationError(message) from None


def _checked(url: URL) -> URL:
    backend, _, driver = url.drivername.partition("+")
    if backend == "sqlite":
        return _sqlite(url, driver)
    if backend == "postgresql":
        if driver not in {"", "psycopg"}:
            message = (
                f"snakestore opens PostgreSQL with psycopg 3, not {driver}: write postgresql://, or"
                " make the Engine (asyncpg: the AsyncEngine) yourself and give that to the"
                " repository"
            )
            raise StoreError(message)
        return url.set(drivername="postgresql+psycopg")
    hint = " (write postgresql://)" if backend == "postgres" else ""
    message = f"snakestore runs on SQLite and PostgreSQL; {backend!r} is out of scope{hint}"
    raise StoreError(message)


def _sqlite(url: URL, driver: str) -> URL:
    if driver not in {"", "pysqlite"}:
        message = (
            f"snakestore talks to SQLite through Python's sqlite3, not {driver}: write sqlite://"
        )
        raise StoreError(message)
    if url.host or url.username or url.password or url.port:
        message = (
            "a SQLite URL has no host: write sqlite:///relative/path, sqlite:////absolute/path or"
            " sqlite:// (memory)"
        )
        raise ValidationError(message)
    parameters = dict(url.query)
    as_uri = str(parameters.pop("uri", "")).lower() in _TRUE
    unknown = sorted(
        key
        for key, value in parameters.items()
        if key not in _URI_PARAMETERS or not isinstance(value, str)
    )
    if unknown:
        message = (
            f"unknown or repeated parameters in the SQLite URL: {', '.join(unknown)}; known are"
            f" {', '.join(sorted(_URI_PARAMETERS))} and uri"
        )
        raise ValidationError(message)
    single = {key: str(value) for key, value in parameters.items()}
    database = url.database or MEMORY
    if as_uri and database.startswith(_URI):
        return _from_uri(database, single)
    if database == MEMORY:
        return URL.create("sqlite")
    return _file(database, single)


def _from_uri(text: str, given: Mapping[str, str]) -> URL:
    """A SQLite URI filename (https://sqlite.org/uri.html), of which SQLAlchemy may have split off the parameters."""
    rest, _, query = text.removeprefix(_URI).partition("#")[0].partition("?")
    parameters = {**dict(parse_qsl(query, keep_blank_values=True)), **given}
    parameters.pop("uri", None)
    if rest.startswith("//"):
        host, slash, below = rest[2:].partition("/")
        if host not in {"", "localhost"}:
            message = (
                "a SQLite URI filename has no host: write file:relative/path?mode=ro or"
                " file:///absolute/path?mode=ro"
            )
            raise ValidationError(message)
        rest = slash + below
    name = os.fsdecode(unquote_to_bytes(rest))
    if _in_memory(name, parameters):
        return URL.create(
            "sqlite", database=_URI + quote(os.fsencode(name)), query={**parameters, "uri": "true"}
        )
    return _file(name, parameters)


def _in_memory(name: str, parameters: Mapping[str, str]) -> bool:
    return (
        name in {"", MEMORY}
        or parameters.get("mode") == "memory"
        or parameters.get("vfs") == "memdb"
    )


def _file(path: str, parameters: Mapping[str, str] | None = None) -> URL:
    if not path or "\0" in path:
        message = (
            "the path of a store is empty or holds a NUL: give the name of a file, or sqlite:// for"
            " a database in memory"
        )
        raise ValidationError(message)
    absolute = os.path.abspath(path)
    if not parameters:
        return URL.create("sqlite", database=absolute)
    return URL.create(
        "sqlite", database=_URI + quote(os.fsencode(absolute)), query={**parameters, "uri": "true"}
    )
