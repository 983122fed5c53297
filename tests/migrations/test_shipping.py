"""What a wheel takes along."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_package_is_listed_to_be_shipped() -> None:
    listed = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
            "packages"
        ]
    )
    folders = [folder.parent for folder in ROOT.glob("snakestore/**/__init__.py")]
    there = {".".join(folder.relative_to(ROOT).parts) for folder in folders}

    assert listed == there | {"snakestore.migrations", "snakestore.migrations.versions"}


def test_the_migrations_are_found_inside_the_package() -> None:
    shipped = files("snakestore.migrations")

    assert shipped.joinpath("env.py").is_file()
    assert shipped.joinpath("script.py.mako").is_file()
    assert shipped.joinpath("versions", "0001_sessions_variables_programs.py").is_file()


def test_a_script_in_the_folder_of_a_clone_creates_a_store(tmp_path: Path) -> None:
    for folder in ("snakestore", "migrations"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    script = tmp_path / "chat.py"
    script.write_text(
        "import snakestore\n"
        "snakestore.SessionRepository.open('chat.db').close()\n"
        "print(snakestore.__file__)\n"
    )
    installed = os.pathsep.join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})

    # -S, for the hook of an editable install would find the migrations
    result = subprocess.run(
        [sys.executable, "-S", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": installed},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.stderr == ""
    assert result.stdout.strip() == str(tmp_path / "snakestore" / "__init__.py")
