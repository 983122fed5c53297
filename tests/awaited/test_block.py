"""``Block``: what an executor enters and leaves for an async ``transaction()``."""

from __future__ import annotations

import pytest

from snakestore import SessionRepository
from snakestore.aio.dispatcher import Block


class OutsideError(Exception):
    """An exception of a signal handler."""


class _InterruptedAfterEntering:
    """A transaction that was entered when the exception comes."""

    def __init__(self, transaction) -> None:
        self._transaction = transaction

    def __enter__(self):
        self._transaction.__enter__()
        raise OutsideError

    def __exit__(self, *error: object) -> None:
        self._transaction.__exit__(*error)


class _InterruptedBeforeLeaving(_InterruptedAfterEntering):
    """A transaction that has not begun to end when the exception comes."""

    _left = 0

    def __enter__(self):
        return self._transaction.__enter__()

    def __exit__(self, *error: object) -> None:
        self._left += 1
        if self._left == 1:
            raise OutsideError
        super().__exit__(*error)


class _Repository:
    """A repository with a transaction that is interrupted."""

    def __init__(self, repository: SessionRepository, kind: type) -> None:
        self._repository, self._kind = repository, kind

    def transaction(self, *, read_only: bool):
        return self._kind(self._repository.transaction(read_only=read_only))


@pytest.fixture
def repository(tmp_path):
    with SessionRepository.open(tmp_path / "store.db", busy_timeout=0) as opened:
        opened.create_session("s")
        yield opened


def test_an_exception_when_a_block_was_entered_rolls_it_back(repository):
    block = Block(read_only=False)

    with pytest.raises(OutsideError) as kept:  # as is everything that its frames refer to
        block.enter(_Repository(repository, _InterruptedAfterEntering))

    assert kept.value.__traceback__ is not None
    repository.touch("s")


@pytest.mark.parametrize("error", [None, ValueError("of the caller")])
def test_an_exception_before_a_block_ends_rolls_it_back(repository, error):
    block = Block(read_only=False)
    inside = block.enter(_Repository(repository, _InterruptedBeforeLeaving))
    inside.register_variable("s", "n", "integer", 1)

    with pytest.raises(OutsideError) as kept:
        block.leave(error)

    assert kept.value.__traceback__ is not None
    assert not repository.has_variable("s", "n")
    repository.touch("s")
