"""Each position has the name of its column, and nothing but the mapping looks into rows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import snakestore
from snakestore.storage.queries import columns

TUPLES = {
    name.removesuffix("_COLUMNS"): selected
    for name, selected in vars(columns).items()
    if name.endswith("_COLUMNS")
}
PACKAGE = Path(snakestore.__file__).parent
NUMBERED = re.compile(r"\b\w*(?:row|found|columns|target)\w*\[(?:\d+|\d*:\d*)\]")
"""A row that is indexed or sliced by numbers."""


def positions(prefix: str) -> dict[int, str]:
    """The names of the positions in a tuple of columns."""
    return {
        position: name.removeprefix(f"{prefix}_").lower()
        for name, position in vars(columns).items()
        if name.startswith(f"{prefix}_") and isinstance(position, int)
    }


def test_every_tuple_of_columns_is_here():
    assert {"ACCESS", "STATE", "SESSION", "VARIABLE", "VALUE", "VERSION", "PROGRAM"} <= set(TUPLES)


@pytest.mark.parametrize("prefix", TUPLES)
def test_each_position_has_the_name_of_its_column(prefix):
    assert positions(prefix) == {
        position: column.name for position, column in enumerate(TUPLES[prefix])
    }


@pytest.mark.parametrize("prefix", ["STATE", "SESSION"])
def test_a_session_begins_with_what_every_method_reads_of_it(prefix):
    assert TUPLES[prefix][: len(columns.ACCESS_COLUMNS)] == columns.ACCESS_COLUMNS


def test_no_row_is_read_by_number_outside_the_mapping():
    numbered = {
        f"{path.relative_to(PACKAGE)}: {found.group()}"
        for path in PACKAGE.rglob("*.py")
        if path.parent.name != "mapping"
        for found in NUMBERED.finditer(path.read_text("utf-8"))
    }

    assert numbered == set()
