"""What a wheel takes along."""

from __future__ import annotations

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
