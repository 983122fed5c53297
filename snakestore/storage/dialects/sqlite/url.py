"""A SQLite database by path, URI filename or URL, as one absolute URL. The disk is not accessed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from sqlalchemy import URL

from snakestore.errors import StoreError, ValidationError

MEMORY = ":memory:"
_URI = "file:"
_URI_PARAMETERS = frozenset({"mode", "cache", "immutable", "nolock", "psow", "vfs", "modeof"})
_TRUE = frozenset({"1", "true", "yes", "on", "t", "y"})


class SQLiteAddress(NamedTuple):
    """A SQLite database: its absolute path (None: in memory) and the parameters of its URI."""

    path: str | None
    name: str
    parameters: Mapping[str, str]

    @property
    def read_only(self) -> bool:
        """Whether the URL itself forbids writing."""
        return self.parameters.get("mode") == "ro" or self.immutable

    @property
    def immutable(self) -> bool:
        """Whether the URL says that nothing changes the file."""
        return self.parameters.get("immutable", "0").lower() in _TRUE

    @property
    def creates(self) -> bool:
        """Whether a missing file is created."""
        return (
            self.path is not None
            and not self.immutable
            and self.parameters.get("mode", "rwc") == "rwc"
        )

    def uri(self, **overriding: str) -> str:
        """The SQLite URI filename, with every byte of the path quoted that SQLite would parse."""
        parameters = {**self.parameters, **overriding}
        if self.path is None:
            base = f"{_URI}{quote(self.name)}"
        else:
            base = f"{_URI}//{quote(os.fsencode(self.path))}"
        query = "&".join(f"{quote(key)}={quote(value)}" for key, value in parameters.items())
        return f"{base}?{query}" if query else base


def address_of(url: URL) -> SQLiteAddress:
    """The SQLite database that a parsed URL names."""
    database = url.database or MEMORY
    parameters = {
        key: value for key, value in url.query.items() if key != "uri" and isinstance(value, str)
    }
    if "uri" not in url.query:
        return SQLiteAddress(None if database == MEMORY else database, database, parameters)
    name = os.fsdecode(unquote_to_bytes(database.removeprefix(_URI)))
    return SQLiteAddress(None if _in_memory(name, parameters) else name, name, parameters)


def parse_path(path: str | os.PathLike[str]) -> URL:
    """The URL of a path; of a str also ``:memory:`` and SQLite's URI filename (``file:...``).

    Raises:
        ValidationError: it is empty or malformed.
    """
    if not isinstance(path, str):
        return _of_file(os.fsdecode(path))
    if path == MEMORY:
        return URL.create("sqlite")
    return _of_uri(path, {}) if path.startswith(_URI) else _of_file(path)


def parse_url(url: URL) -> URL:
    """The URL with an absolute path and known parameters.

    Raises:
        ValidationError: it has a host or unknown parameters.
        StoreError: it names another driver.
    """
    _, _, driver = url.drivername.partition("+")
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
        return _of_uri(database, single)
    if database == MEMORY:
        return URL.create("sqlite")
    return _of_file(database, single)


def read_only_url(url: URL) -> URL | None:
    """The URL with ``mode=ro``; None for a database in memory."""
    path, _, parameters = address_of(url)
    return None if path is None else _of_file(path, {**parameters, "mode": "ro"})


def _of_uri(text: str, given: Mapping[str, str]) -> URL:
    """The URL of a SQLite URI filename (https://sqlite.org/uri.html).

    ``given`` are parameters that SQLAlchemy has split off.
    """
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
    return (
        _with_parameters(name, parameters)
        if _in_memory(name, parameters)
        else (_of_file(name, parameters))
    )


def _of_file(path: str, parameters: Mapping[str, str] | None = None) -> URL:
    if not path or "\0" in path:
        message = (
            "the path of a store is empty or contains a NUL: give the name of a file, or"
            " sqlite:// for a database in memory"
        )
        raise ValidationError(message)
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        message = f"the path of a store contains a lone surrogate at position {error.start}"
        raise ValidationError(message, value=path) from error
    absolute = os.path.abspath(path)
    if not parameters:
        return URL.create("sqlite", database=absolute)
    return _with_parameters(absolute, parameters)


def _with_parameters(name: str, parameters: Mapping[str, str]) -> URL:
    return URL.create(
        "sqlite", database=_URI + quote(os.fsencode(name)), query={**parameters, "uri": "true"}
    )


def _in_memory(name: str, parameters: Mapping[str, str]) -> bool:
    return (
        name in {"", MEMORY}
        or parameters.get("mode") == "memory"
        or parameters.get("vfs") == "memdb"
    )
