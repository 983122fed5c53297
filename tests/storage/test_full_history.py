"""A history that has more past values than its limit, because others wrote to the file."""

from __future__ import annotations

import sqlite3

import pytest

from snakestore import SessionRepository


@pytest.mark.parametrize("length", [1, 1000], ids=["small", "large"])
@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
def test_an_update_prunes_all_that_is_beyond_the_limit(tmp_path, length, together):
    path = tmp_path / "store.db"
    with SessionRepository.open(path) as repo, sqlite3.connect(path) as other:
        repo.create_session("s", history=10)
        for name in "xy":
            repo.register_variable("s", name, "string", "0" * length)
            for number in range(1, 8):
                repo.update_variable("s", name, str(number) * length)
        other.execute("UPDATE sessions SET history_limit = 3")
        other.commit()

        if together:
            repo.update_variables("s", dict.fromkeys("xy", "new"))
        else:
            repo.update_variable("s", "x", "new")

        assert [past.version for past in repo.variable_history("s", "x")] == [7, 6, 5]
    other.close()
