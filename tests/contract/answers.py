"""What a call answers to each entry of a table of bad input, in one look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from snakestore import SnakeStoreError


def answers(
    call: Callable[[Any], Any], table: Mapping[str, Any]
) -> dict[str, type[SnakeStoreError] | None]:
    """What ``call`` answers to each entry of a table: the kind of the refusal, or None."""
    refused: dict[str, type[SnakeStoreError] | None] = {}
    for name, entry in table.items():
        try:
            call(entry)
        except SnakeStoreError as refusal:
            refused[name] = type(refusal)
        else:
            refused[name] = None
    return refused


def all_of(
    table: Mapping[str, Any], kind: type[SnakeStoreError]
) -> dict[str, type[SnakeStoreError]]:
    """The answers where every entry of a table gets the same."""
    return dict.fromkeys(table, kind)
