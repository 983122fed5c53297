"""What SQLite's plan of a query says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_SCAN = re.compile(r"SCAN (?:TABLE )?(\w+)")
_COMPUTED = re.compile(r"(?:CO-ROUTINE|MATERIALIZE) (\w+)")
_SMALL = {"member", "CONSTANT"}
"""The keys of one JSON document, and a row of constants."""


def scanned(plan: Iterable[tuple[Any, ...]]) -> set[str]:
    """The tables (or their aliases) all of whose rows are read, from EXPLAIN QUERY PLAN.

    A subquery whose rows are all read is none: what it reads is in the plan too.
    """
    details = [row[-1] for row in plan]

    def found(pattern: re.Pattern[str]) -> set[str]:
        matches = (pattern.match(detail) for detail in details)
        return {match[1] for match in matches if match is not None}

    return found(_SCAN) - found(_COMPUTED) - _SMALL
