"""The mapped classes that imports are compared with equal snakestore's."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table

from benchmarks import mapped
from snakestore import tables


def shape(table: Table) -> dict[str, Any]:
    """The columns of a table, its keys and checks, and its indexes."""
    return {
        "columns": {each.name: (each.nullable, each.primary_key) for each in table.columns},
        "constraints": {str(each.name) for each in table.constraints},
        "indexes": {str(each.name) for each in table.indexes},
    }


def relationships(base: Any) -> set[str]:
    """The relationships of all mapped classes, each with what it leads to."""
    return {
        f"{mapper.class_.__name__}.{key}: {each.mapper.class_.__name__}"
        for mapper in base.registry.mappers
        for key, each in mapper.relationships.items()
    }


def test_they_have_the_same_columns_constraints_and_indexes():
    found = {name: shape(table) for name, table in mapped.Base.metadata.tables.items()}

    assert found == {name: shape(table) for name, table in tables.metadata.tables.items()}


def test_they_have_the_same_relationships():
    assert relationships(mapped.Base) == relationships(tables.SessionRow)
