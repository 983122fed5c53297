"""What is missing on this machine is named, with the remedy: extras, and parts of the platform."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from snakestore import SessionRepository

ROOT = Path(__file__).parents[2]
ADVICE = "pip install 'snakestore[patterns]'"


def without(*packages: str) -> str:
    """Code after which these packages cannot be imported."""
    return f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
for name in [name for name in sys.modules if name.partition(".")[0] in {packages!r}]:
    del sys.modules[name]  # coverage has loaded greenlet
"""


WITHOUT_RE2 = without("re2", "_re2")
USE = """
import snakestore
def refused(call):
    try:
        call()
    except snakestore.ConstraintError as error:
        assert error.constraint == "pattern", error.constraint
        print(error)
    else:
        print("not refused")
with snakestore.SessionRepository.open(sys.argv[1]) as repo:
    print(repo.get_value("s", "code"), repo.get_variable("s", "code").constraints)
    report = repo.check()
    print(report.ok, len(report.notes), report.notes[0].kind, report.notes[0].message)
    refused(lambda: repo.register_variable("s", "b", "string", "x", constraints={"pattern": "x"}))
    refused(lambda: repo.update_variable("s", "code", "ab-2"))
    refused(lambda: repo.modify_variable("s", "code", str.lower))
    refused(lambda: repo.rollback_variable("s", "code", 0))
    refused(lambda: repo.put_variable("s", repo.get_variable("s", "code")))
    refused(lambda: snakestore.validate("x", "string", {"pattern": "x"}))
    print(repo.update_constraints("s", "code", {"max_length": 9}).constraints)
    print(repo.update_variable("s", "code", "free").value)
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a pattern, written where RE2 was installed."""
    path = tmp_path / "s.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "code", "string", "AB-0", constraints={"pattern": "^AB-"})
        repo.update_variable("s", "code", "AB-1")
    return path


def run(program: str, *arguments: object, python: str = sys.executable) -> str:
    done = subprocess.run(
        [python, "-P", "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_refused_only_where_a_pattern_is_needed(output: str) -> None:
    read, checked, *refused, changed, written = output.splitlines()
    assert read == "AB-1 {'pattern': '^AB-'}"
    assert checked.startswith("True 1 pattern a constraint was not checked")
    assert [ADVICE in line for line in (checked, *refused)] == [True] * 7
    assert changed == "{'max_length': 9}"
    assert written == "free"


def test_without_re2_patterns_are_refused_and_stored_ones_are_reported(store: Path) -> None:
    output = run(WITHOUT_RE2 + USE, store)

    assert_refused_only_where_a_pattern_is_needed(output)


def test_without_re2_the_other_constraints_are_checked(store: Path) -> None:
    with SessionRepository.open(store) as repo:
        repo.update_constraints("s", "code", {"pattern": "^AB-", "max_length": 4})
    damage = """
import sqlite3
connection = sqlite3.connect(sys.argv[1])
connection.execute("UPDATE variables SET value = '\\"much too long\\"'")
connection.commit()
import snakestore
with snakestore.SessionRepository.open(sys.argv[1]) as repo:
    report = repo.check()
    print(*[each.kind for each in (*report.problems, *report.notes)])
"""

    assert run(WITHOUT_RE2 + damage, store) == "constraint pattern\n"


def test_with_re2_a_stored_pattern_is_checked_and_nothing_is_noted(store: Path) -> None:
    with SessionRepository.open(store) as repo:
        report = repo.check()

    assert (report.problems, report.notes) == ([], [])


def test_an_engine_that_cannot_be_loaded_is_named_with_the_reason() -> None:
    broken = WITHOUT_RE2.replace("No module named {name!r}", "libre2.so.11: no such file")

    output = run(
        broken + "import snakestore\ntry:\n    snakestore.validate('x', 'string',"
        " {'pattern': 'x'})\nexcept snakestore.ConstraintError as error:\n"
        "    print(error)"
    )

    assert "libre2.so.11" in output
    assert ADVICE in output


@pytest.mark.parametrize(
    "call", ["snakestore.SessionRepository.open(url)", "snakestore.copy(url, 'sqlite://')"]
)
def test_without_psycopg_a_server_is_refused_and_the_extra_is_named(call: str) -> None:
    output = run(
        without("psycopg") + "import snakestore\nurl = 'postgresql://ada:secret@127.0.0.1:1/x'\n"
        f"try:\n    {call}\nexcept snakestore.StoreError as error:\n    print(error)"
    )

    assert output == (
        "PostgreSQL needs the driver psycopg 3: pip install 'snakestore[postgresql]'\n"
    )


def test_without_psycopg_the_command_line_names_the_extra() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            without("psycopg") + "from snakestore.cli import main\n"
            "sys.argv = ['snakestore', 'sessions', 'postgresql://127.0.0.1:1/x']\nmain()",
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "snakestore: PostgreSQL needs the driver psycopg 3: pip install 'snakestore[postgresql]'\n"
    )


def test_without_psycopg_an_engine_of_another_driver_is_used() -> None:
    output = run(
        without("psycopg") + "import snakestore, sqlalchemy\n"
        "engine = sqlalchemy.create_engine('postgresql+psycopg2://ada@127.0.0.1:1/x')\n"
        "try:\n    snakestore.SessionRepository(engine, busy_timeout=0).session_exists('s')\n"
        "except snakestore.StoreError as error:\n    print(type(error.__cause__.orig).__module__)"
    )

    assert output == "psycopg2\n"


USE_ASYNCIO = """
import asyncio, typing
from snakestore import *
async def main(path):
    async with AsyncSessionRepository.open(path) as repo:
        await repo.create_session("s")
        await repo.register_variable("s", "x", "integer", 0)
        await asyncio.gather(*[repo.modify_variable("s", "x", lambda x: x + 1) for _ in range(9)])
        async with repo.transaction() as transaction:
            await transaction.append_log("s", "log", [1, 2])
            await transaction.delete_log("s", "log")
        async with repo.lease("s", "x") as lease:
            print((await lease.update(lease.variable.value + 1)).value)
        print((await repo.check()).ok, await repo.delete_session("s"))
asyncio.run(main(sys.argv[1]))
typing.get_type_hints(AsyncSessionRepository.__init__)
try:
    AsyncSessionRepository(object())
except StoreError as error:
    print(error)
"""


def test_without_greenlet_async_repositories_are_opened_and_only_async_engines_refused(
    tmp_path: Path,
) -> None:
    used, checked, refused = run(without("greenlet") + USE_ASYNCIO, tmp_path / "s.db").splitlines()

    assert (used, checked) == ("10", "True True")
    assert "AsyncEngine" in refused
    assert "pip install 'snakestore[asyncio]'" in refused


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of an environment in which a wheel was installed without extras."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder / "venv", with_pip=True)
    python = str(folder / "venv" / "bin" / "python")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    source = folder / "source"  # building leaves files behind
    for name in ("snakestore", "migrations"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    wheel = [*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(source)]
    subprocess.run(wheel, check=True, capture_output=True, text=True)
    (built,) = folder.glob("snakestore-*.whl")
    installed = subprocess.run(
        [*pip, "install", str(built)], check=False, capture_output=True, text=True
    )
    assert installed.returncode == 0, installed.stderr
    return python


@pytest.mark.slow
def test_a_wheel_without_extras_works_without_re2(store: Path, bare_python: str) -> None:
    try_import = "try:\n    import re2\nexcept ImportError:\n    print('absent')"

    assert run(try_import, python=bare_python) == "absent\n"
    output = run("import sys\n" + USE, store, python=bare_python)
    assert_refused_only_where_a_pattern_is_needed(output)


@pytest.mark.parametrize("platform", ["win32", "emscripten"])
def test_a_platform_without_forks_is_refused_on_import(platform: str) -> None:
    program = f"""
import os, sys
sys.platform = {platform!r}
del os.register_at_fork
try:
    import snakestore
except ImportError as error:
    print(error)
"""

    output = run(program)

    assert "Linux and macOS" in output
    assert platform in output
    assert "WSL" in output


def test_nothing_that_only_some_systems_have_is_imported() -> None:
    program = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "resource", "termios", "pwd", "grp"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
for name in ("fcntl", "resource", "termios", "pwd", "grp"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Absent())
import snakestore
with snakestore.SessionRepository.open(sys.argv[1]) as repo:
    repo.create_session("s")
    repo.register_variable("s", "x", "integer", 1)
    print(repo.get_value("s", "x"), repo.check().ok)
"""

    assert run(program, "sqlite://") == "1 True\n"
