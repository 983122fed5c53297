"""Arguments that are missing or out of place are a TypeError, and nothing is changed."""

from __future__ import annotations

import pytest

from snakestore import create_variable


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.get_session(),
        lambda repo: repo.touch(),
        lambda repo: repo.register_variable("s", "new", "float"),
        lambda repo: repo.update_variable("s", "x"),
        lambda repo: repo.put_variable("s"),
        lambda repo: repo.get_variable("s"),
        lambda repo: repo.modify_variable("s", "x"),
        lambda repo: repo.start_optimization("s", "x"),
        lambda repo: repo.renew_optimization("s", "x", "opt"),
        lambda repo: repo.put_program("s", "p"),
        lambda repo: repo.append_log("s", "l"),
        lambda repo: create_variable(name="x", type="float"),
    ],
    ids=[
        "get_session",
        "touch",
        "register",
        "update",
        "put",
        "get",
        "modify",
        "start",
        "renew",
        "put_program",
        "append_log",
        "create_variable",
    ],
)
def test_a_missing_argument_is_a_type_error(repo, filled, unchanged, call):
    with unchanged(), pytest.raises(TypeError):
        call(repo)


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.create_session("t", 60),
        lambda repo: repo.list_sessions("*", 1),
        lambda repo: repo.delete_expired(1, 2),
        lambda repo: repo.update_variable("s", "x", 3.0, 1),
        lambda repo: repo.create_session("t", lifetime=60),
    ],
    ids=["create_session", "list_sessions", "delete_expired", "update_variable", "unknown"],
)
def test_an_argument_out_of_place_is_a_type_error(repo, filled, unchanged, call):
    with unchanged(), pytest.raises(TypeError):
        call(repo)
