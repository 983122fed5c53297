"""What a value may be: the types, their constraints, and their form in the database. No database is touched here."""

from __future__ import annotations

from snakestore.types.arrays import EmbeddingType, TensorType, to_numpy
from snakestore.types.base import VariableType
from snakestore.types.choice import ChoiceType
from snakestore.types.documents import checked_document, dumps, loads, loads_each
from snakestore.types.json import JsonType
from snakestore.types.jsonable import json_ready
from snakestore.types.module import ModuleType
from snakestore.types.registry import (
    check_constraints,
    get,
    pack,
    register_type,
    supported_types,
    unpack,
    validate,
)
from snakestore.types.scalars import BooleanType, FloatType, IntegerType, StringType

__all__ = [
    "BooleanType",
    "ChoiceType",
    "EmbeddingType",
    "FloatType",
    "IntegerType",
    "JsonType",
    "ModuleType",
    "StringType",
    "TensorType",
    "VariableType",
    "check_constraints",
    "checked_document",
    "dumps",
    "get",
    "json_ready",
    "loads",
    "loads_each",
    "pack",
    "register_type",
    "supported_types",
    "to_numpy",
    "unpack",
    "validate",
]
