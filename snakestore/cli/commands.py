"""The table of commands: in which module each is, and the short forms.

A module is imported when one of its commands runs or shows its help. So the list of commands, the
version and completion do not load the library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_group


class Place(NamedTuple):
    """Where a command or group is, and its line in the list of commands."""

    module: str
    summary: str


GROUPS = {
    "session": Place("session", "List, show, create, touch, revive and delete sessions."),
    "var": Place("var", "List, get, set, register, lock and delete variables; their history."),
    "db": Place("db", "Create, migrate and show the schema of a store."),
}
"""Groups of commands; each is the ``app`` of its module in ``snakestore.cli``."""

COMMANDS = {
    "sweep": Place("maintenance", "Delete expired sessions."),
    "stats": Place("maintenance", "Show the statistics of the store."),
    "check": Place(
        "maintenance", "Check the whole store. The exit code is 1 if there is a problem."
    ),
    "backup": Place(
        "maintenance", "Copy a SQLite store into a single file, while others use the store."
    ),
    "copy": Place("transfer", "Copy every session to another store, exactly as stored."),
    "demo": Place("demo", "Tune zlib in several processes that share a session."),
}
"""Single commands, which are in the ``app`` of their module."""

SHORT_FORMS = {
    "sessions": "session list",
    "show": "session show",
    "get": "var get",
    "set": "var set",
    "history": "var history",
}
"""Short forms of commands of groups."""


def new_app(summary: str | None = None) -> typer.Typer:
    """An app for the commands of a module; its help is plain text."""
    return typer.Typer(help=summary, no_args_is_help=True, rich_markup_mode=None)


class _LoadedOnUse(Mapping[str, Any]):
    """The commands by name; each is loaded when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        if name in SHORT_FORMS:
            group, command = SHORT_FORMS[name].split()
            return self[group].commands[command]
        if name in GROUPS:
            return _loaded(GROUPS[name].module)
        return _loaded(COMMANDS[name].module).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*GROUPS, *COMMANDS, *SHORT_FORMS])

    def __len__(self) -> int:
        return len(GROUPS) + len(COMMANDS) + len(SHORT_FORMS)


@cache
def _loaded(module: str) -> TyperGroup:
    return get_group(import_module(f"snakestore.cli.{module}").app)


class LazyGroup(TyperGroup):
    """The group of the commands in the table. Its help and completion load none of them."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = _LoadedOnUse()

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - as in the base
        """Write the lists of groups, commands and short forms."""
        for title, rows in (
            ("Groups of commands", [(name, place.summary) for name, place in GROUPS.items()]),
            ("Commands", [(name, place.summary) for name, place in COMMANDS.items()]),
            ("Short forms", list(SHORT_FORMS.items())),
        ):
            with formatter.section(title):
                formatter.write_dl(rows)
