"""The column type of JSON documents: text that is stored as it was written.

To SQLAlchemy, and so to reports over ``snakestore.tables``, a document is a Python object, and its
elements can be looked up. The library's own statements pass its text on.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect, Text, type_coerce
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.types import JSON, TypeEngine, UserDefinedType

from snakestore.errors import CorruptStoreError, ValidationError
from snakestore.storage.schema.column_types import DriverType, InvalidParameterError
from snakestore.types import checked_document, dumps, loads


class _Json(JSON):
    """JSON with the operators ``->`` and ``->>`` of both databases."""

    class Comparator(JSON.Comparator[Any]):
        """``column["key"]`` and ``as_string()`` of SQLAlchemy; ``op("->>")`` gives text."""

        __slots__ = ()

        def operate(self, op: Any, *other: Any, **options: Any) -> Any:
            """Give the result of ``->>`` the type of text."""
            result = super().operate(op, *other, **options)
            return type_coerce(result, Text()) if _is_operator(op, "->>") else result

    comparator_factory = Comparator


class _SearchableJson(_Json):
    """JSON whose elements are looked up in a form that no document makes fail."""

    class Comparator(_Json.Comparator):
        """Looks up elements in ``_searchable``."""

        __slots__ = ()

        def __getitem__(self, index: Any) -> Any:
            return _searchable(self.expr)[index]

        def operate(self, op: Any, *other: Any, **options: Any) -> Any:
            """Look up ``->`` and ``->>`` in the searchable form."""
            if _is_operator(op, "->", "->>"):
                return op(_searchable(self.expr), *other, **options)
            return super().operate(op, *other, **options)

    comparator_factory = Comparator


def _is_operator(op: Any, *names: str) -> bool:
    return isinstance(op, custom_op) and op.opstring in names


class JsonElement(DriverType[Any]):
    """A part of a JSON column, such as ``SessionRow.metadata_["user"]``."""

    impl = _Json
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text everywhere but on PostgreSQL."""
        del dialect
        return _JSON

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """The type of a value beside it: a document is JSON, a key or a text is not."""
        return self if isinstance(value, dict | list) else JSON().coerce_compared_value(op, value)

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """The document as JSON text.

        Raises:
            ValidationError: it is not a JSON value.
        """
        del dialect
        try:
            return dumps(checked_document(value, "a JSON document in a statement"))
        except ValidationError as problem:
            raise InvalidParameterError(str(problem), value=value, path=problem.path) from None

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """The document that a JSON text holds; None for NULL.

        Raises:
            CorruptStoreError: the text is not JSON.
        """
        del dialect
        if value is None:
            return None
        try:
            return loads(value)
        except ValueError as problem:
            message = f"a JSON column of the database is damaged: {problem}"
            raise CorruptStoreError(message) from problem

    def column_expression(self, column: Any) -> Any:
        """A column: text, also from a driver that would rather decode it."""
        return _json_out(column)


class JsonText(JsonElement):
    """JSON as the very text that was written: TEXT in SQLite, ``json`` in PostgreSQL.

    Never jsonb, which changes numbers and the order of keys, and refuses NUL.
    """

    impl = _SearchableJson
    cache_ok = True

    def bind_expression(self, bindvalue: Any) -> Any:
        """A parameter: text, which a typed server needs to have cast to JSON."""
        return _json_in(bindvalue)


class _PostgresJson(UserDefinedType[str]):
    """The column type ``json`` without the driver's decoding."""

    cache_ok = True
    _text: Any = Text()

    def get_col_spec(self, **_: Any) -> str:
        """The name of the type in DDL."""
        return "JSON"

    def literal_processor(self, dialect: Dialect) -> Any:
        """Quote a document as a text."""
        return self._text.literal_processor(dialect)


_JSON = Text().with_variant(_PostgresJson(), "postgresql")


class _json_in(FunctionElement[str]):  # noqa: N801 - an SQL function, named as one
    """A text parameter on its way into a JSON column."""

    inherit_cache = True


class _json_out(FunctionElement[Any]):  # noqa: N801 - an SQL function, named as one
    """A JSON column on its way out as text."""

    type = JsonElement()
    inherit_cache = True


class _searchable(FunctionElement[Any]):  # noqa: N801 - an SQL function, named as one
    """A JSON column to look elements up in; NULL where the database cannot."""

    type = JsonElement()
    inherit_cache = True


@compiles(_json_in)
@compiles(_json_out)
@compiles(_searchable)
def _as_it_is(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_json_in, "postgresql")
def _text_to_json(element: FunctionElement[str], compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS JSON)"


@compiles(_json_out, "postgresql")
def _json_to_text(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS TEXT)"


@compiles(_searchable, "postgresql")
def _without_nul(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    """The column, NULL where the document holds a NUL: PostgreSQL fails to search those."""
    column = compiler.process(element.clauses, **options)
    # an E string is the same whatever standard_conforming_strings is
    return f"(CASE WHEN position(E'\\\\u0000' IN CAST({column} AS TEXT)) = 0 THEN {column} END)"
