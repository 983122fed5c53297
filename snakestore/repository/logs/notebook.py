"""What a notebook shows of a log. Showing counts as no access."""

from __future__ import annotations

from snakestore.notebook import MAX_ROWS, brief, note, or_reason, table
from snakestore.repository.logs.reads import Page, read_length, read_page
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.runner import Runner


def log_html(runner: Runner, session_id: str, name: str) -> str:
    """The newest entries of a log."""
    title = f"Log {name} of session {session_id}"
    return or_reason(title, lambda: runner.read(_log, session_id, name, title))


def _log(tx: TransactionContext, session_id: str, name: str, title: str) -> str:
    length = read_length(tx, session_id, name) or 0
    entries = read_page(tx, session_id, name, Page(limit=MAX_ROWS, newest=True)) or []
    tx.access_due = None
    rows = [(entry.position, brief(entry.value), entry.created_at) for entry in entries]
    shown = f"{length:,} entries"
    if length > len(rows):
        shown = f"the newest {len(rows)} of {shown}"
    return table(title, ("position", "value", "written (UTC)"), rows) + note(shown)
