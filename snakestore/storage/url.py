"""Where a store is: a path or URL, as one SQLAlchemy URL with an absolute path and a named driver.

The disk is not accessed. No message shows a URL's password.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from urllib.parse import quote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from snakestore.errors import ValidationError
from snakestore.storage.dialects import backend_of, parse_path

_QUOTES = {"'": "'", '"': '"', "`": "`", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb"}
"""The closing quote for each opening one; text that was copied may have typographic ones."""
# text, which ``re`` compiles on first use: the path of a file needs none of these patterns
_KEYWORDS = r"\s*(?:host|hostaddr|port|dbname|user|password|service)\s*="
"""The start of a connection string of libpq, ``host=... dbname=...``."""
_WITHOUT_SCHEME = r"(?!file:)(?:[\w+]+//)?[^/\\:@\s]+:[^/\\@]+@[^/\\@]+/"
"""The start of ``user:password@host/database`` and ``postgresql//user:password@host/database``."""
_FOREIGN_URL = (
    r"(?:jdbc|odbc|adbc):"
    r"|(?:sqlite3?|postgres(?:ql)?|mysql|mariadb|oracle|mssql|sqlserver|duckdb|libsql|cockroachdb"
    r"|redis|mongodb|https?|ftp|s3|gs)(?:\+\w+)?:(?!//)"
)
"""The start of a URL that SQLAlchemy does not read, such as ``jdbc:`` or ``sqlite:agent.db``."""

_SEVERAL_HOSTS = (
    r"(?P<start>[\w+]+://(?:[^:/@]*(?::[^@]*)?@)?)"
    r"(?P<hosts>[^/?@]*,[^/?@]*)(?P<path>(?:/[^?@]*)?)(?P<query>(?:\?.*)?)"
)
"""A URL of several servers as libpq reads it, which SQLAlchemy does not."""

PathOrUrl = str | os.PathLike[str] | URL


def parse(path_or_url: object) -> URL:
    """A path, SQLite URI filename or SQLAlchemy URL, as a SQLAlchemy URL.

    A str with a line break, in quotes, or with the scheme of another kind of URL is refused. One
    that contains ``://`` is a URL, one that starts with ``file:`` a SQLite URI filename,
    ``:memory:`` a database in memory, anything else a path. An ``os.PathLike`` is always a path.
    Parsing the result again changes nothing.

    Raises:
        ValidationError: it is none of these, or malformed.
        StoreError: snakestore does not run on that database or driver.
    """
    if isinstance(path_or_url, URL):
        return backend_of(path_or_url).parse_url(path_or_url)
    if isinstance(path_or_url, str):
        _refuse_no_path(path_or_url)
    if isinstance(path_or_url, str) and _is_url(path_or_url):
        return parse(_make_url(path_or_url))
    if isinstance(path_or_url, str | os.PathLike):
        return parse_path(path_or_url)
    message = (
        "a store is given as a path, a SQLAlchemy URL or a URL as text ('agent.db', 'sqlite://'),"
        f" not as {type(path_or_url).__name__}"
    )
    raise ValidationError(message)


def describe(url: URL) -> str:
    """A parsed URL as messages and logs name it: the path of a file, never a password."""
    return backend_of(url).describe(url)


def file_path(url: URL) -> str | None:
    """The path of the file of a URL; None in memory and on a server."""
    return backend_of(url).file_path(url)


def read_only_url(url: URL) -> URL | None:
    """The URL of a file for connections that cannot write; None for a server and in memory."""
    return backend_of(url).read_only_url(url)


def _refuse_no_path(text: str) -> None:
    """Refuse text that is a valid name of a file, but was certainly meant otherwise.

    The message does not show the text, which may contain a password.

    Raises:
        ValidationError: it is such text.
    """
    stripped = text.strip()
    if text.splitlines() not in ([], [text]):
        reason = "contains a line break: remove it, e.g. with .strip()"
    elif len(stripped) > 1 and _QUOTES.get(stripped[0]) == stripped[-1]:
        reason = "is in quotes: remove them"
    elif "=" in text and re.match(_KEYWORDS, text, re.IGNORECASE):
        reason = "is a connection string: write postgresql://user:password@host/database"
    elif "@" in text and re.match(_WITHOUT_SCHEME, stripped):
        reason = "is a URL without a scheme: write postgresql://user:password@host/database"
    elif ":" in text and (scheme := re.match(_FOREIGN_URL, text, re.IGNORECASE)) is not None:
        reason = (
            f"starts with {scheme[0]!r} and is not a SQLAlchemy URL: write sqlite:///agent.db for a"
            " file, postgresql://user:password@host/database for a server"
        )
    else:
        return
    message = f"the path or URL of a store {reason}. A pathlib.Path may have any name."
    raise ValidationError(message)


def _is_url(text: str) -> bool:
    return "://" in text and not text.startswith("file:")


def _make_url(text: str) -> URL:
    with suppress(ArgumentError, ValueError):
        url = make_url(_with_hosts_in_query(text))
        # an unquoted "@" in the query makes SQLAlchemy read the rest of the URL as the host
        if not ("?" in (url.password or "") and "?" in text.rpartition("@")[0]):
            return url
    # neither the text nor the parser's message is shown, also not as the context of this error:
    # they may contain a password
    message = (
        "a str with '://' is read as a SQLAlchemy URL, and this one is malformed: write"
        " dialect://user:password@host/database with '@' and '?' in a password as %40 and %3F, or"
        " give a pathlib.Path"
    )
    raise ValidationError(message)


def _with_hosts_in_query(text: str) -> str:
    """A URL of several servers with ``host=`` in its query, as SQLAlchemy reads it."""
    several = re.fullmatch(_SEVERAL_HOSTS, text, re.DOTALL) if "," in text else None
    if several is None or ("@" in several["query"] and not several["start"].endswith("@")):
        return text  # a comma of a password
    query = f"{several['query']}&" if several["query"] else "?"
    return f"{several['start']}{several['path'] or '/'}{query}host={quote(several['hosts'])}"
