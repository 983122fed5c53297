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
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group


class Place(NamedTuple):
    """Where a command or group is, and its line in the list of commands."""

    module: str
    summary: str


GROUPS = {
    "session": Place("session", "List, show, create, change, revive and delete sessions."),
    "var": Place("var", "List, get, set, put, register, lock and delete variables; their history."),
    "program": Place("program", "List, get, put and delete programs; their history."),
    "log": Place("log", "List, show, append to, pop from, trim and delete logs."),
    "db": Place("db", "Create, migrate, check and show the schema of a store."),
}
"""Groups of commands; each is the ``app`` of its module in ``snakestore.cli``."""

COMMANDS = {
    "stats": Place("maintenance", "Show the statistics of the store."),
    "check": Place("maintenance", "Check the whole store. Exit with 1 if there is a problem."),
    "sweep": Place("maintenance", "Delete expired sessions."),
    "prune": Place("maintenance", "Delete past versions of variables and programs."),
    "compact": Place("maintenance", "Return the free space of a SQLite file to the disk."),
    "backup": Place("maintenance", "Copy a SQLite store to a file, while others use the store."),
    "copy": Place("transfer", "Copy every session to another store, exactly as stored."),
    "export": Place("transfer", "Write sessions as JSON, one record a line."),
    "import": Place("transfer", "Store the sessions of an export."),
    "completion": Place("shell", "Install completion for bash, zsh or fish."),
    "inspect": Place("inspector", "Show a SQLite store in a browser, read-only."),
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


def leave_unconverted(parameter: Any) -> None:
    """Take the value of an option as it is: converting it loads pydantic, which takes long.

    It suits text and flags, and completion.
    """

    def process(ctx: Any, value: Any) -> Any:
        """Do what click does after the conversion."""
        return value if parameter.callback is None else parameter.callback(ctx, parameter, value)

    parameter.process_value = process


class Group(TyperGroup):
    """A group of commands. Its own options are flags and text."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options before the command."""
        for parameter in self.get_params(ctx):
            leave_unconverted(parameter)
        return super().parse_args(ctx, args)


def new_app(summary: str | None = None) -> typer.Typer:
    """An app for the commands of a module; its help is plain text."""
    return typer.Typer(cls=Group, help=summary, no_args_is_help=True, rich_markup_mode=None)


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


def _placeholders() -> dict[str, TyperCommand]:
    """Commands with a name and a help, which is all that completion needs."""
    summaries = {name: place.summary for name, place in {**GROUPS, **COMMANDS}.items()}
    return {
        name: TyperCommand(name, help=summary)
        for name, summary in {**summaries, **SHORT_FORMS}.items()
    }


class LazyGroup(Group):
    """The group of the commands in the table. Its help and completion load none of them."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = _LoadedOnUse()

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """The commands and options that start with the word."""
        loaded, self.commands = self.commands, _placeholders()
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self.commands = loaded

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - as in the base
        """Write the lists of groups, commands and short forms."""
        for title, rows in (
            ("Groups of commands", [(name, place.summary) for name, place in GROUPS.items()]),
            ("Commands", [(name, place.summary) for name, place in COMMANDS.items()]),
            ("Short forms", list(SHORT_FORMS.items())),
        ):
            with formatter.section(title):
                formatter.write_dl(rows)
