"""Variable types: they normalise, check and encode values. No database is involved.

Read ``base`` first (``VariableType``), then ``registry``, which other packages call. The types are
in ``scalars`` (float, integer, string, boolean), ``choice``, ``module``, ``json``, ``bytes`` and
``arrays`` (embedding, tensor). Helpers: ``documents`` (the rule of JSON), ``json_text`` (JSON as
text), ``digits``, ``bounds`` (constraints that types share), ``regex``, ``regex_translation`` and
``characters`` (patterns in linear time), ``binary``, ``shapes`` and ``numpy_support`` (arrays),
``hints`` (for error messages), ``unchanged`` (the default ``UNCHANGED``), ``jsonable`` (values as
JSON data), ``inference`` (the type of a new variable).
"""

from __future__ import annotations

from snakestore.types.arrays import EmbeddingType, TensorType
from snakestore.types.base import VariableType
from snakestore.types.bytes import BytesType
from snakestore.types.choice import ChoiceType
from snakestore.types.documents import checked_document
from snakestore.types.inference import inferred_type
from snakestore.types.json import JsonType
from snakestore.types.json_text import dumps, loads, loads_each
from snakestore.types.jsonable import from_jsonable, to_jsonable
from snakestore.types.module import ModuleType
from snakestore.types.numpy_support import to_numpy
from snakestore.types.registry import (
    check_constraints,
    checkable,
    decode_value,
    encode_value,
    get,
    register_type,
    supported_types,
    type_text,
    validate,
)
from snakestore.types.scalars import BooleanType, FloatType, IntegerType, StringType
from snakestore.types.unchanged import UNCHANGED, Unchanged

__all__ = [
    "UNCHANGED",
    "BooleanType",
    "BytesType",
    "ChoiceType",
    "EmbeddingType",
    "FloatType",
    "IntegerType",
    "JsonType",
    "ModuleType",
    "StringType",
    "TensorType",
    "Unchanged",
    "VariableType",
    "check_constraints",
    "checkable",
    "checked_document",
    "decode_value",
    "dumps",
    "encode_value",
    "from_jsonable",
    "get",
    "inferred_type",
    "loads",
    "loads_each",
    "register_type",
    "supported_types",
    "to_jsonable",
    "to_numpy",
    "type_text",
    "validate",
]
