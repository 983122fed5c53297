"""What the studies of the tests have in common, and how their processes start."""

from __future__ import annotations

import multiprocessing

import pytest

pytest.importorskip("optuna", reason="needs the extra snakestore[optuna]")

from optuna.study import StudyDirection

MINIMIZE = [StudyDirection.MINIMIZE]
# a server that has imported Optuna forks the processes: an import takes seconds
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["snakestore.integrations.optuna"])


def square(trial):
    return trial.suggest_float("x", -10, 10) ** 2
