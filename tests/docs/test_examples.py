"""Each example runs as it is, twice in the same folder, since a store outlives the program."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL

from snakestore import SessionRepository
from tests.servers import emptied

ROOT = Path(__file__).parents[2]
OF_SEVERAL_PROCESSES = {"share_work", "shared_counter"}
LONG = ["agent_service", "prompt_optimiser", "resumable_run"]
"""They take a path or URL, and check what they did."""
EXAMPLES = [
    pytest.param(
        path,
        id=path.stem,
        marks=[pytest.mark.slow] if path.stem in OF_SEVERAL_PROCESSES else [],
    )
    for path in sorted((ROOT / "examples").glob("*.py"))
    if path.stem not in LONG
]


def run(example: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an example in a folder; a warning is an error."""
    return subprocess.run(
        [sys.executable, str(example), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs_and_runs_again(example: Path, tmp_path: Path) -> None:
    runs = [run(example, tmp_path) for _ in range(2)]

    assert [(each.returncode, each.stderr) for each in runs] == [(0, ""), (0, "")]
    assert all(each.stdout for each in runs)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_a_long_example_finds_nothing_wrong_on_a_file(name: str, tmp_path: Path) -> None:
    ended = run(ROOT / "examples" / f"{name}.py", tmp_path, "store.db")

    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_a_long_example_finds_nothing_wrong_on_a_server(
    name: str, tmp_path: Path, postgresql_database: URL
) -> None:
    emptied(postgresql_database)
    url = postgresql_database.render_as_string(hide_password=False)

    ended = run(ROOT / "examples" / f"{name}.py", tmp_path, url)

    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout


def test_there_are_examples() -> None:
    assert EXAMPLES


def test_a_trial_that_another_worker_finished_is_not_stored_again(tmp_path: Path) -> None:
    example = runpy.run_path(str(ROOT / "examples" / "share_work.py"))
    with SessionRepository.open(tmp_path / "store.db") as repo:
        repo.create_session(example["SESSION"])
        repo.register_variable(example["SESSION"], "best", "json", None)
        trial = repo.register_variable(example["SESSION"], "todo/01", "json", {"temperature": 1})
        repo.delete_variable(example["SESSION"], trial.id)

        example["store"](repo, trial, "late", {"trial": "todo/01", "score": 1.0})

        assert repo.get_value(example["SESSION"], "best") is None
        assert repo.variable_names(example["SESSION"]) == ["best"]
