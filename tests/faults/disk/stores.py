"""A store to fill, and the user who may not write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snakestore import SessionRepository, StoreError

NOBODY = 65534


LARGE = "x" * 300_000


def fill(path: Path, **options: Any) -> SessionRepository:
    repo = SessionRepository.open(path, **options)
    repo.create_session("s", ttl=None)
    repo.register_variable("s", "v", "integer", 1)
    return repo


def write_until_refused(repo: SessionRepository) -> tuple[int, StoreError]:
    """Write programs until the store will not have another; how many it had, and its error."""
    for number in range(1000):
        try:
            repo.put_program("s", f"p{number}", LARGE + str(number))
        except StoreError as error:
            return number, error
    message = "no end of the disk was met"
    raise AssertionError(message)
