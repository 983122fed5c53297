"""The table that the long examples print: what was checked, what was seen, and whether it holds."""

from __future__ import annotations

from typing import Any


class Verdict:
    """Collects checks. ``end`` prints them and returns the exit code."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._rows: list[tuple[str, str, str]] = []
        self._failed = False

    def equal(self, what: str, seen: Any, expected: Any) -> None:
        """Require that ``seen`` equals ``expected``."""
        self._add(what, f"{seen}", f"not {expected}", holds=seen == expected)

    def true(self, what: str, *, holds: bool) -> None:
        """Require that something holds."""
        self._add(what, str(holds), "not True", holds=holds)

    def less(self, what: str, seen: float, limit: float) -> None:
        """Require that ``seen`` is less than ``limit``."""
        self._add(what, f"{seen:.2f}", f"not less than {limit:g}", holds=seen < limit)

    def end(self) -> int:
        """Print the table; 0 if everything holds, else 1."""
        wide = max(len(what) for what, _, _ in self._rows)
        print(self._title)
        for what, seen, result in self._rows:
            print(f"  {what:<{wide}}  {seen:>10}  {result}")
        return 1 if self._failed else 0

    def _add(self, what: str, seen: str, wrong: str, *, holds: bool) -> None:
        self._failed = self._failed or not holds
        self._rows.append((what, seen, "ok" if holds else f"WRONG: {wrong}"))
