"""The search of the demo: proposals, ranking, and the count of lost updates."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from snakestore.demo.run import read_corpus
from snakestore.demo.search import (
    BY_SIZE_NAME,
    MAX_RESULTS,
    SPACE,
    ZLIB_DEFAULT,
    Settings,
    compressed_size,
    distance,
    lost_updates,
    propose,
    ranking,
    share,
    with_result,
)

SETTINGS = st.sampled_from(SPACE)
TEXT = b"to be, or not to be, that is the question: " * 200 + bytes(range(256)) * 20


def test_zlib_accepts_every_setting() -> None:
    for settings in random.Random(1).sample(SPACE, 200):
        assert compressed_size([b"a small text"], settings) > 0


def test_the_size_is_the_sum_of_the_compressed_files() -> None:
    assert compressed_size([TEXT, b"", b"x"], ZLIB_DEFAULT) == sum(
        len(zlib.compress(data)) for data in (TEXT, b"", b"x")
    )


def test_what_is_compressed_decompresses_to_the_same() -> None:
    settings = Settings(9, 9, 1, "fixed")
    compressor = zlib.compressobj(
        settings.level, zlib.DEFLATED, settings.wbits, settings.mem_level, zlib.Z_FIXED
    )
    compressed = compressor.compress(TEXT) + compressor.flush()

    assert zlib.decompress(compressed) == TEXT
    assert compressed_size([TEXT], settings) == len(compressed)


def test_settings_have_unique_names() -> None:
    assert len(BY_SIZE_NAME) == len(SPACE) == 10 * 7 * 9 * 5
    assert ZLIB_DEFAULT.size_name == "size/level=6,wbits=15,memLevel=8,strategy=default"


@given(SETTINGS)
def test_settings_survive_as_a_document(settings: Settings) -> None:
    assert Settings.from_dict(settings.to_dict()) == settings


@given(SETTINGS, SETTINGS)
def test_distance_is_zero_to_itself_and_symmetric(one: Settings, other: Settings) -> None:
    assert distance(one, one) == 0
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)


@given(st.integers(1, 64))
def test_the_shares_of_the_workers_partition_the_settings(workers: int) -> None:
    shares = [settings for worker in range(workers) for settings in share(worker, workers)]

    assert sorted(shares) == sorted(SPACE)


@given(SETTINGS, st.lists(SETTINGS, max_size=20), st.randoms(use_true_random=False))
def test_a_proposal_is_untried(
    best: Settings, untried: list[Settings], chance: random.Random
) -> None:
    proposed = propose(best, untried, chance)

    assert (proposed in untried) if untried else (proposed is None)


def test_most_proposals_are_neighbours_of_the_best() -> None:
    chance = random.Random(7)
    proposals = [propose(ZLIB_DEFAULT, SPACE, chance) for _ in range(200)]

    near = [
        settings
        for settings in proposals
        if settings is not None and distance(ZLIB_DEFAULT, settings) <= 1
    ]
    assert 100 < len(near) < 200


@given(
    st.lists(
        st.tuples(SETTINGS, st.integers(1, 50)), max_size=40, unique_by=lambda result: result[0]
    )
)
def test_best_has_the_smallest_results_in_order(
    results: list[tuple[Settings, int]],
) -> None:
    best = None
    for settings, size in results:
        best = with_result(best, settings, size, "worker-1") or best

    kept = [(result["size"], Settings.from_dict(result["settings"])) for result in ranking(best)]
    assert (
        kept
        == sorted(
            ((size, settings) for settings, size in results),
            key=lambda result: (result[0], result[1].memory, result[1]),
        )[:MAX_RESULTS]
    )


def test_a_result_that_is_no_better_changes_nothing() -> None:
    best = None
    for settings in SPACE[:MAX_RESULTS]:
        best = with_result(best, settings, 10, "worker-1")

    assert with_result(best, SPACE[-1], 10, "worker-2") is None  # as small, and takes more memory
    assert with_result(best, SPACE[0], 11, "worker-2") is None


def test_updates_lost_counts_each_kind_of_loss() -> None:
    stored = {"a": 1, "b": 2, "c": 3}

    assert lost_updates({"a": 1, "b": 2}, stored, 3) == 0
    assert lost_updates({"a": 1, "d": 4}, stored, 3) == 1  # acknowledged and not there
    assert lost_updates({"a": 9}, stored, 3) == 1  # acknowledged and there with another value
    assert lost_updates({"a": 1}, stored, 2) == 1  # stored, and the increment is missing


def test_the_files_are_read_without_the_store_and_within_bounds(tmp_path: Path) -> None:
    store = tmp_path / "demo.db"
    for name, data in {
        "a.txt": b"aa",
        "b/c.txt": b"c",
        "empty": b"",
        "demo.db": b"s",
        "demo.db-wal": b"w",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(9 * 2**20)

    corpus = read_corpus([tmp_path], "a folder", exclude=store)

    assert (sorted(corpus.files), corpus.size, corpus.skipped) == ([b"aa", b"c"], 3, 1)


def test_other_content_is_another_session(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    before = read_corpus([tmp_path / "a"], "a", exclude=tmp_path / "x.db")
    same = read_corpus([tmp_path], "named otherwise", exclude=tmp_path / "x.db")
    (tmp_path / "a").write_bytes(b"2")

    assert same.session_id == before.session_id
    assert (
        read_corpus([tmp_path / "a"], "a", exclude=tmp_path / "x.db").session_id
        != before.session_id
    )
