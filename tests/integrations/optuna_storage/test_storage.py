"""What the storage for Optuna promises beyond Optuna's own suite."""

from __future__ import annotations

import copy
import math
import pickle
import time

import pytest

pytest.importorskip("optuna", reason="needs the extra snakestore[optuna]")

import optuna
import sqlalchemy
from optuna.study import StudyDirection

from snakestore import SessionRepository
from snakestore.errors import StoreError
from snakestore.integrations.optuna import SnakestoreStorage
from tests.integrations.optuna_storage.studies import MINIMIZE, square

pytestmark = [
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # the older name of a callback
]

# --- what is read


@pytest.mark.slow
def test_a_trial_takes_no_longer_than_with_optunas_own_storage(tmp_path):
    own = optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/own.db")
    sqlalchemy.event.listen(
        own.engine,
        "connect",
        lambda connection, _: connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"  # as snakestore's
        ),
    )
    own.engine.dispose()

    def seconds(storage):
        study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler())
        start = time.perf_counter()
        study.optimize(square, n_trials=20)
        return time.perf_counter() - start

    with SnakestoreStorage(tmp_path / "s.db") as storage:
        ours = min(seconds(storage) for _ in range(3))
    theirs = min(seconds(own) for _ in range(3))
    own.engine.dispose()

    assert ours <= theirs


def test_a_sampler_reads_only_what_is_new(storage, other, monkeypatch):
    study = optuna.create_study(storage=storage, study_name="s")
    study.optimize(square, n_trials=10)
    other.get_all_trials(study._study_id)
    read = []
    original = SessionRepository.read_log

    def counted(*arguments, **options):
        found = original(*arguments, **options)
        read.extend(found)
        return found

    monkeypatch.setattr(SessionRepository, "read_log", counted)

    study.optimize(square, n_trials=1)  # its own entries are not read
    assert read == []
    assert len(other.get_all_trials(study._study_id)) == 11
    assert {entry.value.get("trial", 10) for entry in read} == {10}


def test_listing_studies_reads_no_trial(storage, monkeypatch):
    study = optuna.create_study(storage=storage, study_name="s", directions=["maximize"] * 2)
    study.set_user_attr("a", math.inf)
    study.enqueue_trial({"x": 1.0})
    monkeypatch.setattr(SessionRepository, "read_log", None)

    (found,) = storage.get_all_studies()

    assert found.study_name == "s"
    assert found.directions == [StudyDirection.MAXIMIZE] * 2
    assert found.user_attrs == {"a": math.inf}


def test_a_log_of_more_than_one_page_is_read_whole(storage, other, monkeypatch):
    monkeypatch.setattr("snakestore.integrations.optuna.studies.PAGE", 7)
    study = optuna.create_study(storage=storage)
    study.optimize(square, n_trials=7)

    assert other.get_all_trials(study._study_id) == study.trials


# --- values and names


def test_attributes_are_kept_as_json_keeps_them(storage, other):
    study = optuna.create_study(storage=storage, study_name="s")
    value = {"nan": [math.nan, math.inf], "tuple": (1, 2), "big": 2**90, "deep": {"é": None}}
    trial = study.ask()
    trial.set_user_attr("", value)
    study.set_user_attr("k" * 400 + "\0", value)

    got = other.get_trial(trial._trial_id).user_attrs[""]
    (of_study,) = other.get_study_user_attrs(study._study_id).values()

    assert repr(got) == repr({**value, "tuple": [1, 2]})
    assert repr(of_study) == repr(got)


def test_a_large_attribute_is_not_written_again_by_later_changes(storage):
    study = optuna.create_study(storage=storage)
    trial = study.ask()
    trial.set_user_attr("large", "x" * 2_000_000)
    trial.report(1.0, 0)
    study.tell(trial, 1.0)

    entries = storage.repository.read_log("optuna:1", "trials")

    assert [len(str(entry.value)) > 2_000_000 for entry in entries] == [False, True, False, False]
    assert len(study.trials[0].user_attrs["large"]) == 2_000_000


def test_a_study_may_have_any_name(storage, other):
    names = ["", "a" * 600, "日本/*%", "x\0y"]
    ids = [storage.create_new_study(MINIMIZE, name) for name in names]

    assert [other.get_study_id_from_name(name) for name in names] == ids
    assert [study.study_name for study in other.get_all_studies()] == names
    with pytest.raises(optuna.exceptions.DuplicatedStudyError, match="load_if_exists"):
        other.create_new_study(MINIMIZE, names[1])


def test_an_id_is_not_given_twice_after_a_study_was_deleted(storage):
    first = storage.create_new_study(MINIMIZE, "s")
    storage.delete_study(first)

    assert storage.create_new_study(MINIMIZE, "s") == first + 1


def test_an_entry_of_a_newer_version_is_refused(storage, other):
    study_id = storage.create_new_study(MINIMIZE)
    storage.repository.append_log(f"optuna:{study_id}", "trials", [{"op": "merge"}])

    with pytest.raises(StoreError, match="'merge', which this snakestore does not know"):
        other.get_all_trials(study_id)


# --- opening


def test_a_change_of_a_returned_trial_changes_no_other_reading(storage):
    trial = storage.create_new_trial(storage.create_new_study(MINIMIZE))
    storage.set_trial_user_attr(trial, "k", 1)

    storage.get_trial(trial).user_attrs["k"] = 2

    assert storage.get_trial(trial).user_attrs == {"k": 1}


def test_copies_of_a_study_share_its_storage(storage):
    study = optuna.create_study(storage=storage, study_name="s")

    copied = copy.deepcopy(study)
    copied.optimize(square, n_trials=1)

    assert copied._storage is study._storage
    assert len(study.trials) == 1


def test_a_storage_of_a_repository_leaves_it_open_and_cannot_be_pickled(tmp_path):
    with SessionRepository.open(tmp_path / "s.db") as repo:
        with SnakestoreStorage(repo) as storage:
            study_id = storage.create_new_study(MINIMIZE)
        with pytest.raises(TypeError, match="path or URL"):
            pickle.dumps(storage)

        assert repo.session_exists(f"optuna:{study_id}")
