"""What messages of the library advise, in the words of the command line."""

from __future__ import annotations

import re

from snakestore.cli.console import print_line

COMMANDS_OF_METHODS = {
    "append_log": "log append",
    "backup": "backup",
    "check": "check",
    "claim_variable": "var claim",
    "compact": "compact",
    "copy": "copy",
    "create_session": "session create",
    "delete_expired": "sweep",
    "delete_log": "log delete",
    "delete_program": "program delete",
    "delete_session": "session delete",
    "delete_variable": "var delete",
    "delete_variables": "var delete",
    "end_optimization": "var unlock",
    "export_sessions": "export",
    "get_program": "program get",
    "get_program_record": "program get",
    "get_program_version": "program get",
    "get_programs": "program list",
    "get_session": "session show",
    "get_stats": "session show",
    "get_value": "var get",
    "get_variable": "var get",
    "get_variable_version": "var get",
    "get_variables": "var list",
    "import_sessions": "import",
    "list_expired": "session list --expired",
    "list_logs": "log list",
    "list_programs": "program list",
    "list_sessions": "session list",
    "list_variables": "var list",
    "log_length": "log list",
    "pop_log": "log pop",
    "program_history": "program history",
    "program_ids": "program list",
    "prune_history": "prune",
    "put_program": "program put",
    "put_variable": "var put",
    "read_log": "log show",
    "register_variable": "var register",
    "renew_optimization": "var lock",
    "revive_session": "session revive",
    "rollback_program": "program rollback",
    "rollback_variable": "var rollback",
    "set_value": "var set",
    "start_optimization": "var lock",
    "store_stats": "stats",
    "touch": "session touch",
    "trim_log": "log trim",
    "update_constraints": "var constrain",
    "update_session": "session update",
    "update_variable": "var set",
    "variable_history": "var history",
    "variable_names": "var list",
}
"""The command that does what a method of the library does."""
_OPTIONS = {
    "exist_ok": "--exist-ok",
    "expected_version": "--expected-version",
    "history_limit": "--history",
    "keep_last": "--keep-last",
    "older_than": "--older-than",
    "overwrite": "--overwrite",
    "repair": "--repair",
}
_NOT_WORDS = [option for option in _OPTIONS if "_" in option]
"""Arguments that are no words of a sentence."""
_MIGRATE = re.compile(r"open it with migrate=True(?: where it is writable, or run `[^`]+`)?")
_MODIFY = ", or use modify_variable()"
"""A method that takes a function, which no command can."""
_UNQUOTED = r"(?<![\w.'\"-])"
"""Not within a name of the store, which messages quote."""
_METHOD = re.compile(
    rf"{_UNQUOTED}(?P<method>{'|'.join(COMMANDS_OF_METHODS)})"
    rf"\((?:(?P<option>{'|'.join(_OPTIONS)})=True)?\)"
)
_OPTION = re.compile(
    rf"{_UNQUOTED}(?:(?P<flag>{'|'.join(_OPTIONS)})=True|(?P<name>{'|'.join(_NOT_WORDS)}))"
    r"(?![\w'\"])"
)
_LINE_BREAK = re.compile(r"\s*\n\s*")
"""In messages of drivers."""


def print_message(message: str) -> None:
    """Print an error or a warning on one line of stderr."""
    print_line(f"snakestore: {in_commands(_LINE_BREAK.sub(' ', message))}", err=True)


def in_commands(message: str) -> str:
    """``message`` with commands for methods, and options for arguments."""
    message = _MIGRATE.sub("run `snakestore db upgrade`", message.replace(_MODIFY, ""))
    return _OPTION.sub(
        lambda found: _OPTIONS[found["flag"] or found["name"]], _METHOD.sub(_command, message)
    )


def _command(found: re.Match[str]) -> str:
    option = f" {_OPTIONS[found['option']]}" if found["option"] else ""
    return f"`snakestore {COMMANDS_OF_METHODS[found['method']]}{option}`"
