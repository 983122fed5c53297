"""Each example runs as it is, twice in the same folder, since a store outlives the program."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from snakestore import SessionRepository

ROOT = Path(__file__).parents[2]
OF_SEVERAL_PROCESSES = {"share_work", "shared_counter"}
EXAMPLES = [
    pytest.param(
        path,
        id=path.stem,
        marks=[pytest.mark.slow] if path.stem in OF_SEVERAL_PROCESSES else [],
    )
    for path in sorted((ROOT / "examples").glob("*.py"))
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs_and_runs_again(example: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    runs = [
        subprocess.run(
            [sys.executable, str(example)],
            cwd=tmp_path,
            env=environment,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )
        for _ in range(2)
    ]

    assert [(run.returncode, run.stderr) for run in runs] == [(0, ""), (0, "")]
    assert all(run.stdout for run in runs)


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
