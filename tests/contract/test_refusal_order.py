"""The order of refusals (session, variable, lease, version, name, value), and bad arguments."""

from __future__ import annotations

import pytest

from snakestore import (
    InvalidNameError,
    SessionExistsError,
    SessionNotFoundError,
    Variable,
    VariableExistsError,
    VariableLockedError,
    VariableNotFoundError,
    VersionConflictError,
    VersionNotFoundError,
)


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.update_variable("nobody", "nothing", object()),
        lambda repo: repo.update_variable(
            "nobody", "", object(), expected_version=9, optimizer_id="opt"
        ),
        lambda repo: repo.register_variable("nobody", "", "nothing", object()),
        lambda repo: repo.put_variable(
            "nobody",
            Variable(
                id="v",
                name="v",
                type="nothing",
                value=1,
                created_at=repo.create_session().created_at,
            ),
        ),
        lambda repo: repo.update_variables("nobody", {"nothing": object()}),
        lambda repo: repo.start_optimization("nobody", "nothing", ""),
        lambda repo: repo.renew_optimization("nobody", "nothing", 5, lease=-1),
        lambda repo: repo.claim_variable("nobody", 5, "", lease=-1),
        lambda repo: repo.put_program("nobody", "", object()),
        lambda repo: repo.update_session("nobody", ttl=-1),
        lambda repo: repo.update_session("nobody", metadata={"a": object()}),
        lambda repo: repo.touch("nobody", worker_id=""),
        lambda repo: repo.get_variable_version("nobody", "nothing", 99),
        lambda repo: repo.update_variable("nobody", "x", 1.0, expected_version="a"),
        lambda repo: repo.update_variable("nobody", 5, 1.0, metadata=5, source=5, optimizer_id=5),
        lambda repo: repo.put_variable("nobody", 5),
        lambda repo: repo.modify_variable("nobody", "x", 3),
        lambda repo: repo.rollback_variable("nobody", "x", "a"),
        lambda repo: repo.get_variable_version("nobody", "x", "a"),
        lambda repo: repo.variable_history("nobody", "x", limit=-1),
        lambda repo: repo.get_variables("nobody", [1]),
        lambda repo: repo.get_variables("nobody", 5),
        lambda repo: repo.get_variables("nobody", [], at=5),
        lambda repo: repo.list_variables("nobody", 5, at=5),
        lambda repo: repo.update_variables("nobody", {"x": 1.0}, metadata=5),
        lambda repo: repo.update_variables("nobody", {"x": 1.0}, source=5),
        lambda repo: repo.update_variables("nobody", [1]),
        lambda repo: repo.update_variables("nobody", {"x": 1.0}, expected_versions={"y": 1}),
        lambda repo: repo.update_variables("nobody", {5: 1.0}, expected_versions=5, atomic=False),
        lambda repo: repo.start_optimization("nobody", "x", "opt", lease=-1),
        lambda repo: repo.end_optimization("nobody", "x", 5),
        lambda repo: repo.delete_variable("nobody", 5),
        lambda repo: repo.update_session("nobody", history=-1),
        lambda repo: repo.put_program("nobody", 5, 1, expected_version="a", metadata=5),
        lambda repo: repo.rollback_program("nobody", "p", "a"),
        lambda repo: repo.get_program_version("nobody", "p", "a"),
        lambda repo: repo.program_history("nobody", "p", limit=-1),
        lambda repo: repo.get_program_record("nobody", 5),
        lambda repo: repo.append_log("nobody", "", [object()], expected_length="a", keep_last=-1),
        lambda repo: repo.append_log("nobody", 5, "text"),
        lambda repo: repo.read_log("nobody", 5, after="a", last=1, limit=1),
        lambda repo: repo.trim_log("nobody", "l"),
        lambda repo: repo.pop_log("nobody", 5),
        lambda repo: repo.list_logs("nobody", 5),
        lambda repo: repo.set_value("nobody", 5, object(), type=5, expected_version="a"),
        lambda repo: repo.set_values("nobody", 5, optimizer_id=5),
        lambda repo: repo.delete_variables("nobody", 5, optimizer_id=5),
        lambda repo: repo.variable_names("nobody", 5, prefix=5, after=5, limit=-1),
        lambda repo: repo.program_ids("nobody", 5, prefix=5, after=5, limit=-1),
        lambda repo: repo.list_variables("nobody", prefix=5, limit=-1),
    ],
    ids=[
        *(
            "update",
            "update-all",
            "register",
            "put",
            "batch",
            "start",
            "renew",
            "claim",
            "program",
            "ttl",
            "metadata",
            "touch",
            "version",
        ),
        *(
            "update-version",
            "update-arguments",
            "put-nothing",
            "modify-nothing",
            "rollback-version",
            "get-version",
            "history-limit",
        ),
        *(
            "get-many-name",
            "get-many-nothing",
            "get-many-at",
            "list-arguments",
            "batch-metadata",
            "batch-source",
            "batch-nothing",
        ),
        *(
            "batch-versions",
            "batch-arguments",
            "start-lease",
            "end-name",
            "delete-name",
            "session-history",
        ),
        *(
            "program-arguments",
            "rollback-program",
            "program-version",
            "program-history",
            "program-record",
        ),
        *("append", "append-name", "read-log", "trim", "pop", "list-logs"),
        *("set", "set-several", "delete-several", "names", "program-ids", "list-bounds"),
    ],
)
def test_a_missing_session_is_refused_first(repo, call):
    with pytest.raises(SessionNotFoundError):
        call(repo)


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.update_variable("s", "nothing", object()),
        lambda repo: repo.update_variable("s", "nothing", 1.0, optimizer_id="opt"),
        lambda repo: repo.start_optimization("s", "nothing", ""),
        lambda repo: repo.renew_optimization("s", "nothing", 5, lease=-1),
        lambda repo: repo.rollback_variable("s", "nothing", 99),
        lambda repo: repo.get_variable_version("s", "nothing", 99),
    ],
    ids=["update-value", "update-lock", "start", "renew", "rollback", "version"],
)
def test_a_missing_variable_is_refused_before_what_is_wrong_with_the_call(
    repo, filled, unchanged, call
):
    with unchanged(), pytest.raises(VariableNotFoundError) as refused:
        call(repo)

    assert (refused.value.session_id, refused.value.identifier) == ("s", "nothing")


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.update_variable("s", "x", 3.0, expected_version=99),
        lambda repo: repo.update_variable("s", "x", object()),
        lambda repo: repo.put_variable(
            "s", repo.get_variable("s", "x").update_value("hot"), expected_version=99
        ),
        lambda repo: repo.put_variable(
            "s",
            Variable(
                id="x-id",
                name="note",
                type="float",
                value=1.0,
                created_at=repo.get_session("s").created_at,
            ),
        ),
        lambda repo: repo.rollback_variable("s", "x", 0, expected_version=99),
        lambda repo: repo.rollback_variable("s", "x", 99),
        lambda repo: repo.start_optimization("s", "x", "other", lease=-1),
        lambda repo: repo.start_optimization("s", "x", "other", [1], lease="long"),
        lambda repo: repo.renew_optimization("s", "x", "other", lease=-1),
        lambda repo: repo.modify_variable("s", "x", 3),
        lambda repo: repo.update_variable("s", "x", 3.0, expected_version="a"),
        lambda repo: repo.set_value("s", "x", object(), type="integer", expected_version=99),
        lambda repo: repo.delete_variable("s", "x"),
    ],
    ids=[
        *(
            "update-version",
            "update-value",
            "put-version-value",
            "put-name",
            "rollback-version",
            "rollback-to-nothing",
        ),
        *("start-lease", "start-arguments", "renew-lease", "modify-nothing", "update-no-version"),
        *("set", "delete"),
    ],
)
def test_a_lock_is_refused_before_version_name_and_value(repo, filled, unchanged, call):
    repo.start_optimization(filled, "x", "holder")

    with unchanged(), pytest.raises(VariableLockedError) as refused:
        call(repo)

    assert (refused.value.session_id, refused.value.holder, refused.value.expires_at) == (
        "s",
        "holder",
        None,
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.update_variable("s", "x", object(), expected_version=99),
        lambda repo: repo.put_variable(
            "s", repo.get_variable("s", "x").update_value("hot"), expected_version=99
        ),
        lambda repo: repo.put_variable(
            "s",
            Variable(
                id="x-id",
                name="note",
                type="float",
                value=1.0,
                created_at=repo.get_session("s").created_at,
            ),
            expected_version=99,
        ),
        lambda repo: repo.set_value("s", "x", object(), type="integer", expected_version=99),
    ],
    ids=["update-value", "put-value", "put-name", "set"],
)
def test_a_version_is_refused_before_name_and_value(repo, filled, unchanged, call):
    with unchanged(), pytest.raises(VersionConflictError) as refused:
        call(repo)

    assert (refused.value.session_id, refused.value.expected, refused.value.actual) == ("s", 99, 1)


def test_a_version_expected_of_nothing_is_refused_before_the_value(repo, filled, unchanged, clock):
    variable = Variable(id="new", name="new", type="float", value="hot", created_at=clock())

    with unchanged(), pytest.raises(VersionConflictError) as refused:
        repo.put_variable(filled, variable, expected_version=3)

    assert (refused.value.expected, refused.value.actual) == (3, None)


@pytest.mark.parametrize("log", ["l", "nothing", ""])
def test_a_length_is_refused_before_name_and_value(repo, filled, unchanged, log):
    with unchanged(), pytest.raises(VersionConflictError) as refused:
        repo.append_log(filled, log, [object()], expected_length=9, keep_last=-1)

    assert (refused.value.session_id, refused.value.identifier) == (filled, log)
    assert (refused.value.expected, refused.value.actual) == (9, 2 if log == "l" else None)


@pytest.mark.parametrize("name", ["new", "x-id", ""])
def test_what_is_expected_of_a_variable_to_be_made_is_refused_before_its_name_and_value(
    repo, filled, unchanged, name
):
    with unchanged(), pytest.raises(VariableLockedError) as locked:
        repo.set_value(filled, name, object(), expected_version=3, optimizer_id="opt")
    with unchanged(), pytest.raises(VersionConflictError) as conflict:
        repo.set_value(filled, name, object(), expected_version=3)

    assert (locked.value.identifier, locked.value.holder) == (name, None)
    assert (conflict.value.identifier, conflict.value.actual) == (name, None)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda repo: repo.register_variable("s", "x", "float", "hot"), VariableExistsError),
        (
            lambda repo: repo.register_variable("s", "x", "float", 99.0, id="new"),
            VariableExistsError,
        ),
        (lambda repo: repo.register_variable("s", "", "float", "hot"), InvalidNameError),
        (
            lambda repo: repo.put_variable(
                "s",
                Variable(
                    id="new",
                    name="x",
                    type="float",
                    value="hot",
                    created_at=repo.get_session("s").created_at,
                ),
            ),
            VariableExistsError,
        ),
        (lambda repo: repo.put_program("s", "", object()), InvalidNameError),
        (lambda repo: repo.append_log("s", "", [object()]), InvalidNameError),
        (lambda repo: repo.set_value("s", "x", "hot", type="integer"), VariableExistsError),
        (lambda repo: repo.set_value("s", "x-id", object()), VariableExistsError),
        (lambda repo: repo.set_value("s", "", object()), InvalidNameError),
    ],
    ids=[
        *("register-taken", "register-taken-id", "register-no-name", "put-taken", "program"),
        *("log", "set-type", "set-id", "set-no-name"),
    ],
)
def test_a_name_is_refused_before_the_value(repo, filled, unchanged, call, error):
    with unchanged(), pytest.raises(error):
        call(repo)


WRONG = {
    "ttl": {"ttl": -1},
    "metadata": {"metadata": 5},
    "history": {"history": -1},
    "all": {"ttl": "long", "metadata": {1: 2}, "history": 1.5},
}


every_wrong = pytest.mark.parametrize("options", WRONG.values(), ids=WRONG)


@every_wrong
def test_a_session_that_is_there_is_refused_before_what_is_wrong_with_a_new_one(
    repo, filled, unchanged, options
):
    with unchanged(), pytest.raises(SessionExistsError) as refused:
        repo.create_session(filled, **options)

    assert refused.value.session_id == filled


@every_wrong
def test_a_session_that_is_there_and_may_be_takes_no_notice_of_the_rest(repo, filled, options):
    before = repo.get_session(filled)

    assert repo.create_session(filled, exist_ok=True, **options) == before


@pytest.mark.parametrize("version", [99, 2, -1])
@pytest.mark.parametrize(
    "call",
    [
        lambda repo, version: repo.get_variable_version("s", "x", version),
        lambda repo, version: repo.rollback_variable("s", "x", version),
    ],
    ids=["get", "rollback"],
)
def test_a_version_that_never_was_is_not_found(repo, filled, unchanged, call, version):
    with unchanged(), pytest.raises(VersionNotFoundError) as refused:
        call(repo, version)

    assert (refused.value.session_id, refused.value.identifier, refused.value.version) == (
        "s",
        "x",
        version,
    )
