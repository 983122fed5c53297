"""``import snakestore``: every public name is there, and is imported on first use."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import subprocess
import sys
from types import ModuleType

import pytest

import snakestore

# what opening and using a store does not need
ON_USE = (
    "alembic",
    "asyncio",
    "difflib",
    "numpy",
    "rich",
    "typer",
    "snakestore.aio",
    "snakestore.cli",
    "snakestore.reports",
    "snakestore.transfer",
    "snakestore.repository.logs.sequence",
    "snakestore.repository.store.check_store",
    "snakestore.repository.store.distributed_sweep",
    "snakestore.repository.variables.held_lease",
    "snakestore.repository.view",
    "snakestore.storage.dialects.postgresql.dialect",
    "snakestore.storage.dialects.protocols",
    "snakestore.storage.dialects.sqlite.backup",
    "snakestore.storage.dialects.sqlite.definitions",
    "snakestore.storage.dialects.sqlite.log_sync",
    "snakestore.storage.execution.cache",
    "snakestore.storage.execution.caller",
    "snakestore.storage.execution.shared",
    "snakestore.storage.migrate.upgrade",
    "snakestore.types.regex",
    "snakestore.view",
)
USE_A_STORE = """
import sys
import sqlalchemy.orm
before = set(sys.modules)
import snakestore
with snakestore.SessionRepository.open(sys.argv[1]) as repo:
    repo.create_session("s", exist_ok=True)
    repo.register_variable("s", "x", "float", 1.0, exist_ok=True)
    repo.update_variable("s", "x", repo.get_value("s", "x") + 1)
print([name for name in {on_use!r} if name in set(sys.modules) - before])
"""


def run(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def names_for_type_checkers() -> list[str]:
    """The names that ``snakestore/__init__.py`` imports under ``if TYPE_CHECKING``."""
    tree = ast.parse(inspect.getsource(snakestore))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return [
        alias.name
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module != "snakestore"
        for alias in node.names
    ]


def test_import_alone_loads_no_other_module():
    code = "import sys; before = set(sys.modules); import snakestore"

    loaded = run(f"{code}; print(*sorted(set(sys.modules) - before))")

    assert loaded == "snakestore"


def test_opening_and_using_a_store_loads_only_what_it_needs(tmp_path):
    path = str(tmp_path / "a.db")
    snakestore.upgrade(path)

    loaded = run(USE_A_STORE.format(on_use=ON_USE), path)

    assert loaded == "[]"


def test_the_public_names_are_sorted_and_all_can_be_imported():
    star: dict[str, object] = {}
    exec("from snakestore import *", star)  # noqa: S102 - what a user may write

    assert snakestore.__all__ == sorted(set(snakestore.__all__))
    assert sorted(star.keys() - {"__builtins__"}) == snakestore.__all__
    assert set(snakestore.__all__) <= set(dir(snakestore))


def test_completion_offers_public_names_alone():
    import snakestore.clock  # a module that is not public, loaded

    offered = {name for name in dir(snakestore) if not name.startswith("__")}

    assert offered == {*snakestore.__all__, "aio", "errors", "tables", "types"}


def test_type_checkers_see_the_same_names():
    assert sorted(names_for_type_checkers()) == snakestore.__all__


def test_a_name_is_the_same_object_as_in_its_module():
    import snakestore.transfer
    from snakestore.errors import ValidationError

    assert snakestore.copy is snakestore.transfer.copy
    assert snakestore.ValidationError is ValidationError


@pytest.mark.parametrize("name", ["aio", "errors", "tables", "types"])
def test_a_public_module_needs_no_import_of_its_own(name):
    shown = run(f"import snakestore; print(snakestore.{name}.__name__)")

    assert shown == f"snakestore.{name}"
    assert isinstance(getattr(snakestore, name), ModuleType)


def test_the_version_is_that_of_the_installed_package():
    assert snakestore.__version__ == importlib.metadata.version("snakestore")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'SessionStore'"):
        _ = snakestore.SessionStore
