"""Programs have versions, metadata and a history, as variables have."""

from __future__ import annotations

from datetime import timedelta

import pytest

from snakestore import (
    InvalidNameError,
    ProgramNotFoundError,
    SessionNotFoundError,
    ValidationError,
    VersionConflictError,
    VersionNotFoundError,
)

DRAFTS = ({"prompt": "a"}, {"prompt": "b"}, {"prompt": "c"})


@pytest.fixture
def drafted(repo, sid, clock):
    """A session whose program ``qa`` is at version 2; ten seconds lie between the versions."""
    for number, document in enumerate(DRAFTS):
        repo.put_program(sid, "qa", document, metadata={"score": number})
        clock.advance(10)
    return sid


def history(repo, sid):
    return [(past.version, past.document) for past in repo.program_history(sid, "qa")]


# --- versions


def test_another_document_adds_one_and_the_same_leaves_the_version(repo, sid):
    versions = [
        repo.put_program(sid, "qa", document).version
        for document in (1, 1.0, 1.0, True, {"a": 1, "b": 2}, {"b": 2, "a": 1}, None, None)
    ]

    # the order of keys is part of the stored text
    assert versions == [0, 1, 1, 2, 3, 4, 5, 5]
    assert repo.get_program_record(sid, "qa").version == 5


def test_put_program_returns_the_program_as_stored(repo, sid, clock):
    made = clock()
    first = repo.put_program(sid, "qa", {"a": [1]}, metadata={"by": "ada"})
    clock.advance(10)
    second = repo.put_program(sid, "qa", {"a": [2]})

    assert (first.id, first.document, first.version) == ("qa", {"a": [1]}, 0)
    assert (first.metadata, first.created_at, first.last_updated_at) == ({"by": "ada"}, made, made)
    assert (second.version, second.created_at, second.last_updated_at) == (1, made, clock())
    assert repo.get_program_record(sid, "qa") == second


def test_the_metadata_belongs_to_the_version_that_it_was_given_with(repo, sid):
    repo.put_program(sid, "qa", 1, metadata={"score": 1})

    assert repo.put_program(sid, "qa", 2).metadata == {}
    assert repo.put_program(sid, "qa", 3, metadata={"a": {"b": 1}}).metadata == {"a": {"b": 1}}
    assert [past.metadata for past in repo.program_history(sid, "qa")] == [{}, {"score": 1}]


def test_a_put_of_the_same_document_replaces_the_metadata_if_one_is_given(repo, drafted):
    before = repo.get_program_record(drafted, "qa")

    kept = repo.put_program(drafted, "qa", DRAFTS[-1])
    replaced = repo.put_program(drafted, "qa", DRAFTS[-1], metadata={"promoted": True})

    assert kept == before
    assert (replaced.version, replaced.metadata) == (2, {"promoted": True})
    assert replaced.last_updated_at == before.last_updated_at
    assert repo.put_program(drafted, "qa", DRAFTS[-1], metadata={}).metadata == {}
    assert repo.get_program_record(drafted, "qa").metadata == {}
    assert [version for version, _ in history(repo, drafted)] == [1, 0]


def test_a_put_of_the_same_document_is_an_access(repo, drafted, clock):
    clock.advance(1)

    repo.put_program(drafted, "qa", DRAFTS[-1])

    assert repo.list_sessions()[0].last_accessed == clock()


def test_a_put_at_the_expected_version_is_stored(repo, drafted):
    assert repo.put_program(drafted, "qa", 1, expected_version=2).version == 3
    assert repo.put_program(drafted, "qa", 1, expected_version=3).version == 3


@pytest.mark.parametrize("document", [{"prompt": "d"}, DRAFTS[-1], object()])
def test_a_stale_expected_version_is_refused(repo, drafted, unchanged, document):
    with unchanged(), pytest.raises(VersionConflictError) as refused:
        repo.put_program(drafted, "qa", document, expected_version=1, metadata={"a": 1})

    error = refused.value
    assert (error.session_id, error.identifier) == (drafted, "qa")
    assert (error.expected, error.actual) == (1, 2)
    assert "Program 'qa'" in str(error)
    assert "modify_variable" not in str(error)


@pytest.mark.parametrize("program_id", ["absent", "", "x" * 256])
def test_an_expected_version_of_a_missing_program_is_refused(repo, sid, unchanged, program_id):
    with unchanged(), pytest.raises(VersionConflictError) as refused:
        repo.put_program(sid, program_id, 1, expected_version=0)

    assert (refused.value.expected, refused.value.actual) == (0, None)
    assert "no such program" in str(refused.value)


def test_a_program_that_was_deleted_begins_anew(repo, drafted):
    repo.delete_program(drafted, "qa")

    assert repo.put_program(drafted, "qa", 1).version == 0
    assert repo.program_history(drafted, "qa") == []


# --- what is refused


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"metadata": 5}, ValidationError),
        ({"metadata": {"a": object()}}, ValidationError),
        ({"metadata": {1: 2}}, ValidationError),
        ({"expected_version": "2"}, ValidationError),
        ({"expected_version": True}, ValidationError),
        ({"expected_version": 2.0}, ValidationError),
    ],
)
def test_invalid_arguments_are_refused(repo, drafted, unchanged, arguments, error):
    with unchanged(), pytest.raises(error):
        repo.put_program(drafted, "qa", 1, **arguments)


def test_refusals_come_in_the_order_session_version_name_value(repo, drafted):
    with pytest.raises(SessionNotFoundError):
        repo.put_program("nobody", "", object(), expected_version=9, metadata=5)
    with pytest.raises(VersionConflictError):
        repo.put_program(drafted, "", object(), expected_version=9, metadata=5)
    with pytest.raises(InvalidNameError):
        repo.put_program(drafted, "", object(), metadata=5)
    with pytest.raises(ValidationError, match="program"):
        repo.put_program(drafted, "qa", object(), metadata=5)


# --- the past


def test_past_programs_come_newest_first_with_what_they_were(repo, drafted, clock):
    made = clock() - timedelta(seconds=30)
    past = repo.program_history(drafted, "qa")

    assert [(each.version, each.document) for each in past] == [(1, DRAFTS[1]), (0, DRAFTS[0])]
    assert [each.metadata for each in past] == [{"score": 1}, {"score": 0}]
    assert [each.created_at for each in past] == [made, made]
    assert [each.last_updated_at for each in past] == [made + timedelta(seconds=10), made]
    assert {each.id for each in past} == {"qa"}
    assert repo.program_history(drafted, "qa", limit=1) == past[:1]
    assert repo.program_history(drafted, "qa", limit=0) == []


def test_each_version_is_read_by_its_number(repo, drafted):
    versions = [repo.get_program_version(drafted, "qa", number) for number in (0, 1, 2)]

    assert [each.document for each in versions] == list(DRAFTS)
    assert versions[2] == repo.get_program_record(drafted, "qa")


@pytest.mark.parametrize("number", [3, -1, 2**70])
def test_a_version_that_never_was_is_not_found(repo, drafted, number):
    for call in (repo.get_program_version, repo.rollback_program):
        with pytest.raises(VersionNotFoundError) as refused:
            call(drafted, "qa", number)
        assert (refused.value.session_id, refused.value.identifier) == (drafted, "qa")
        assert refused.value.version == number
        assert "program_history()" in str(refused.value)


@pytest.mark.parametrize("number", ["1", 1.0, True, None])
def test_a_version_that_is_no_int_is_refused(repo, drafted, number):
    for call in (repo.get_program_version, repo.rollback_program):
        with pytest.raises(ValidationError):
            call(drafted, "qa", number)


def test_a_missing_program_has_no_record_no_past_and_no_way_back(repo, drafted):
    for call in (
        lambda: repo.get_program_record(drafted, "absent"),
        lambda: repo.program_history(drafted, "absent"),
        lambda: repo.get_program_version(drafted, "absent", 0),
        lambda: repo.rollback_program(drafted, "absent", 0),
        lambda: repo.rollback_program(drafted, "", "a", expected_version=9),
    ):
        with pytest.raises(ProgramNotFoundError):
            call()


@pytest.mark.parametrize("limit", [0, 1, 2, None])
def test_the_sessions_limit_says_how_many_versions_are_kept(repo, limit):
    repo.create_session("t", history=limit)
    for number in range(5):
        repo.put_program("t", "qa", number)

    kept = [4 - back for back in range(1, 5)][:limit]
    assert history(repo, "t") == [(number, number) for number in kept]
    assert repo.get_program_record("t", "qa").version == 4


def test_a_smaller_limit_prunes_at_once(repo, drafted):
    repo.update_session(drafted, history=1)

    assert history(repo, drafted) == [(1, DRAFTS[1])]


def test_programs_and_variables_of_one_id_have_separate_histories(repo, drafted):
    repo.register_variable(drafted, "qa", "integer", 7, id="qa")
    repo.update_variable(drafted, "qa", 8)

    assert [past.value for past in repo.variable_history(drafted, "qa")] == [7]
    repo.delete_variable(drafted, "qa")
    assert [version for version, _ in history(repo, drafted)] == [1, 0]


# --- back


def test_a_rollback_stores_the_old_document_as_a_new_version(repo, drafted, clock):
    back = repo.rollback_program(drafted, "qa", 0, expected_version=2, reason="worse")

    assert (back.version, back.document, back.last_updated_at) == (3, DRAFTS[0], clock())
    assert back.metadata == {
        "score": 2,
        "rolled_back_to": 0,
        "reason": "worse",
        "source": "rollback",
        "updated_at": clock().isoformat(),
    }
    assert repo.get_program_record(drafted, "qa") == back
    assert [version for version, _ in history(repo, drafted)] == [2, 1, 0]


def test_a_rollback_to_the_present_version_adds_one_too(repo, drafted):
    back = repo.rollback_program(drafted, "qa", 2)

    assert (back.version, back.document) == (3, DRAFTS[2])
    assert "reason" not in back.metadata


def test_a_stale_rollback_is_refused(repo, drafted, unchanged):
    with unchanged(), pytest.raises(VersionConflictError):
        repo.rollback_program(drafted, "qa", 0, expected_version=1)
    with unchanged(), pytest.raises(ValidationError):
        repo.rollback_program(drafted, "qa", 0, reason=object())


# --- the whole store


def test_pruning_deletes_past_programs_too(repo, drafted, clock):
    repo.register_variable(drafted, "x", "integer", 1)
    repo.update_variable(drafted, "x", 2)
    counts = []

    assert repo.store_stats().versions == 3
    assert repo.prune_history(drafted, keep=1, progress=counts.append) == 1
    assert history(repo, drafted) == [(1, DRAFTS[1])]
    assert repo.prune_history(keep=0, batch_size=1, progress=counts.append) == 2
    assert history(repo, drafted) == []
    assert counts == [0, 1, 1, 2]
    assert repo.store_stats().versions == 0


def test_pruning_by_age_keeps_what_is_newer(repo, drafted, clock):
    # written 30 and 20 seconds ago
    assert repo.prune_history(older_than=timedelta(seconds=25)) == 1
    assert history(repo, drafted) == [(1, DRAFTS[1])]


def test_a_past_program_goes_with_its_session(repo, drafted):
    repo.delete_session(drafted)

    assert repo.store_stats().versions == 0


def test_a_sweep_deletes_past_programs(repo, drafted, clock):
    clock.advance(1e6)

    assert repo.delete_expired() == 1
    assert repo.store_stats().versions == 0
    assert repo.check().ok


def test_check_counts_past_programs_and_finds_nothing(repo, drafted):
    report = repo.check()

    assert (report.problems, report.programs, report.versions) == ([], 1, 2)


def test_counts_of_the_session_do_not_count_versions(repo, drafted):
    repo.rollback_program(drafted, "qa", 0)

    stats = repo.get_stats(drafted)
    assert (stats.program_count, stats.total_variable_updates) == (1, 0)


def test_what_a_transaction_put_is_gone_after_a_rollback(repo, drafted):
    with pytest.raises(ZeroDivisionError), repo.transaction() as transaction:
        assert transaction.put_program(drafted, "qa", 1).version == 3
        raise ZeroDivisionError

    assert repo.get_program_record(drafted, "qa").version == 2
    assert [version for version, _ in history(repo, drafted)] == [1, 0]


def test_a_view_has_the_methods_of_programs(repo, drafted):
    view = repo.session(drafted)

    view.put_program("qa", 1, expected_version=2)
    back = view.rollback_program("qa", 0)

    assert back == view.get_program_record("qa")
    assert [past.version for past in view.program_history("qa", limit=2)] == [3, 2]
    assert view.get_program_version("qa", 3).document == 1
