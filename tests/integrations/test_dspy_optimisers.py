"""DSPy's optimisers fill a TrialLog, and resume after a kill without paying twice."""

from __future__ import annotations

import multiprocessing
import signal

import pytest

from snakestore import SessionRepository

dspy = pytest.importorskip("dspy", reason="needs the extra dspy")
pytest.importorskip("optuna", reason="MIPROv2 needs optuna")
pytest.importorskip("gepa", reason="GEPA needs gepa")

from snakestore.integrations.dspy import TrialLog, load_module  # noqa: E402 - after the skips
from tests.integrations import dspy_optimisers as runs  # noqa: E402

# MIPROv2 uses a feature of Optuna that is experimental
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["snakestore.integrations.dspy"])  # importing DSPy takes seconds
OPTIMISERS = [runs.random_search, runs.mipro, runs.gepa]


@pytest.fixture
def repo(store_url):
    with SessionRepository.open(store_url, migrate=True) as repo:
        repo.create_session("s")
        yield repo


def results_of(repo, make):
    log = TrialLog(repo, "s", "run", **runs.study_of(make))
    return [(each.trial, each.score, each.partial) for each in log.results()], log.best()


def result_of(repo):
    module = dspy.ChainOfThought("question -> answer")
    load_module(repo, "s", "result", module)
    return module.dump_state()


def run_until_done(make, url, path, kills):
    """Optimise in processes that are killed after so many payments, and in a last one."""
    for kill_at in (*kills, None):
        process = FORKED.Process(target=runs.optimise, args=(make, url, path, kill_at))
        process.start()
        process.join(300)
        assert process.exitcode == (0 if kill_at is None else -signal.SIGKILL)


@pytest.mark.parametrize("make", OPTIMISERS)
def test_each_evaluation_becomes_a_trial(repo, store_url, tmp_path, make):
    runs.optimise(make, store_url, str(tmp_path / "till"))

    results, best = results_of(repo, make)

    assert [trial for trial, *_ in results] == list(range(len(results)))
    assert best.score == max(score for _, score, partial in results if not partial)
    load_module(repo, "s", best.program_id, dspy.ChainOfThought("question -> answer"))
    assert repo.variable_names("s", prefix="run/evaluation/") == []


def test_a_run_that_is_done_again_pays_nothing_and_records_nothing(repo, store_url, tmp_path):
    path = str(tmp_path / "till")
    runs.optimise(runs.random_search, store_url, path)
    before = results_of(repo, runs.random_search), runs.Till(path).paid()

    runs.optimise(runs.random_search, store_url, path)

    assert (results_of(repo, runs.random_search), runs.Till(path).paid()) == before


@pytest.mark.slow
@pytest.mark.parametrize("make", OPTIMISERS)
def test_a_run_that_was_killed_pays_for_nothing_twice_and_ends_as_one_that_was_not(
    repo, store_url, tmp_path, make
):
    killed, whole = str(tmp_path / "killed"), str(tmp_path / "whole")
    run_until_done(make, store_url, killed, [23, 11, 4])
    ended, trials = result_of(repo), results_of(repo, make)[0]

    repo.delete_session("s")
    repo.create_session("s")
    run_until_done(make, store_url, whole, [])

    assert max(runs.Till(killed).paid().values()) == 1
    assert runs.Till(killed).paid() == runs.Till(whole).paid()
    assert (ended, trials) == (result_of(repo), results_of(repo, make)[0])
