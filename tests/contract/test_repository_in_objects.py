"""An object that holds a repository can be copied; the copies share the repository."""

from __future__ import annotations

import copy
import pickle

import pytest

from snakestore import SessionRepository


class Agent:
    """What users write: an object with a repository and data of its own."""

    def __init__(self, repo):
        self.repo = repo
        self.notes = ["a"]


@pytest.fixture
def repo(repo):
    if not isinstance(repo, SessionRepository):
        pytest.skip("tests/awaited covers async repositories")
    return repo


def test_copies_of_an_object_share_its_repository(repo, sid):
    agent = Agent(repo)

    deep, shallow = copy.deepcopy(agent), copy.copy(agent)

    assert deep.repo is shallow.repo is copy.copy(repo) is repo
    assert deep.notes is not agent.notes
    assert deep.repo.session_exists(sid)


def test_copies_of_a_view_share_its_repository(repo, filled):
    view = repo.session(filled, strict=True)

    for again in (copy.copy(view), copy.deepcopy(view)):
        assert again.repository is repo
        assert (dict(again), again.strict) == (dict(view), True)


def test_a_copy_inside_a_transaction_is_in_the_transaction(repo, filled):
    with repo.transaction() as transaction:
        copy.deepcopy(Agent(transaction)).repo.update_variable(filled, "x", 3.0)

        assert transaction.get_value(filled, "x") == 3.0


def test_pickling_is_refused_with_the_remedy(repo, filled):
    for held in (repo, Agent(repo), repo.session(filled)):
        with pytest.raises(
            TypeError, match=r"Open one in each process with SessionRepository\.open"
        ):
            pickle.dumps(held)
