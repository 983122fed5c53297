"""Only ``storage/dialects`` branches on a database; other code uses ``Backend``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import snakestore

PACKAGE = Path(snakestore.__file__).parent
DIALECTS = PACKAGE / "storage" / "dialects"
NAMES = {"sqlite", "postgresql", "postgres", "mysql", "mariadb", "oracle", "mssql"}
DRIVERS = {"sqlite3", "pysqlite", "aiosqlite", "psycopg", "psycopg2", "asyncpg", "pg8000"}
NAME_ATTRIBUTES = {"drivername", "get_backend_name", "get_driver_name", "driver_name"}
WITHOUT_SQLALCHEMY = PACKAGE / "cli" / "file_names.py"
"""Reads names for completion, which must not wait for SQLAlchemy to be loaded."""
OPEN_MODULES = {
    f"snakestore.storage.dialects.{name}"
    for name in ("base", "protocols", "access_lag", "messages")
}


def findings(source: str) -> list[str]:
    """Where code branches on a dialect, or reaches into the folder of one."""
    return [
        f"line {getattr(node, 'lineno', '?')}: {problem}"
        for node in ast.walk(ast.parse(source))
        for problem in _problems(node)
    ]


def _problems(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from _imports(alias.name for alias in names)
        case ast.ImportFrom(module=str(module), names=names):
            yield from _imports([module])
            if module == "snakestore.storage.dialects":
                yield from _imports(
                    f"{module}.{alias.name}" for alias in names if alias.name in NAMES
                )
        case ast.Attribute(attr=attribute) if attribute in NAME_ATTRIBUTES:
            yield f"reads {attribute}"
        case ast.Attribute(value=owner, attr="name") if _is_dialect(owner):
            yield "reads a dialect's name"
        case ast.Compare() | ast.Match() | ast.Subscript():
            if _mentions_name(node):
                yield "compares with the name of a dialect or driver"
        case ast.Call(func=ast.Attribute(attr="startswith" | "endswith" | "get"), args=args) if any(
            _mentions_name(argument) for argument in args
        ):
            yield "compares with the name of a dialect or driver"
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(module)), *_],
        ):
            yield from _imports([module])
        case _:
            pass


def _imports(modules: Iterator[str] | list[str]) -> Iterator[str]:
    for module in modules:
        in_a_dialect = module.startswith(("sqlalchemy.dialects", "snakestore.storage.dialects."))
        if module.split(".")[0] in DRIVERS or (in_a_dialect and module not in OPEN_MODULES):
            yield f"imports {module}"


def _is_dialect(node: ast.AST) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in {"dialect", "backend"}
        case _:
            return False


def _mentions_name(node: ast.AST) -> bool:
    """Whether a literal in the operands of ``node`` is a dialect's or driver's name."""
    match node:
        case ast.Compare(left=left, comparators=right):
            operands: list[ast.AST] = [left, *right]
        case ast.Match(cases=cases):
            operands = [case.pattern for case in cases]
        case ast.Subscript(slice=index):
            operands = [index]
        case _:
            operands = [node]
    return any(
        isinstance(part, ast.Constant) and part.value in NAMES | DRIVERS
        for operand in operands
        for part in ast.walk(operand)
    )


@pytest.mark.parametrize(
    "path",
    sorted(
        path
        for path in PACKAGE.rglob("*.py")
        if DIALECTS not in path.parents and path != WITHOUT_SQLALCHEMY
    ),
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_no_module_outside_the_dialects_branches_on_one(path: Path) -> None:
    assert findings(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "if engine.dialect.name == kind: pass",
        "wait = dialect.name in kinds",
        "fast = backend.name == kind",
        "if url.get_backend_name() == kind: pass",
        "if url.drivername != kind: pass",
        "if name == 'sqlite': pass",
        "if 'postgresql' in names: pass",
        "if name in {'postgresql', 'mysql'}: pass",
        "if text.startswith('sqlite'): pass",
        "if text.startswith(('postgresql', 'postgres')): pass",
        "match name:\n    case 'sqlite': pass",
        "match name:\n    case 'mysql' | 'postgresql': pass",
        "statement = STATEMENTS['postgresql']",
        "psycopg = sys.modules.get('psycopg')",
        "import sqlite3",
        "def f():\n    import psycopg",
        "from sqlite3 import Connection",
        "from sqlalchemy.dialects.postgresql import JSON",
        "from sqlalchemy.dialects import postgresql",
        "from snakestore.storage.dialects.sqlite import files",
        "from snakestore.storage.dialects import sqlite",
        "import snakestore.storage.dialects.postgresql.dialect",
        "importlib.import_module('snakestore.storage.dialects.postgresql.dialect')",
        "import_module('psycopg')",
    ],
)
def test_code_that_branches_on_a_dialect_is_found(source: str) -> None:
    assert findings(source)


@pytest.mark.parametrize(
    "source",
    [
        "if backend.locks_rows: pass",
        "from snakestore.storage.dialects import Backend, backend_of",
        "from snakestore.storage.dialects.access_lag import access_is_due",
        "type_ = Text().with_variant(Text(collation='C'), 'postgresql')",
        "@compiles(server_now, 'postgresql')\ndef f(): pass",
        "compiled = cache.get(dialect.driver)",
        "if variable.name == 'alpha': pass",
    ],
)
def test_code_that_leaves_it_to_the_dialect_is_not(source: str) -> None:
    assert findings(source) == []
