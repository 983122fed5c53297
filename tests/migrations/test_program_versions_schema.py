"""The revision that gives programs versions, on databases with rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import URL, Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from snakestore import SessionRepository
from snakestore.storage.engine import create_engine
from snakestore.storage.migrate.upgrade import current, downgrade, upgrade

BEFORE, AFTER = "0004", "0005"
OLDER = ("sessions", "variables", "variable_versions", "logs", "log_entries")
ADDED = {"metadata", "version"}


@pytest.fixture
def engine(url: URL) -> Iterator[Engine]:
    """A store of the schema before that holds two programs."""
    upgrade(url)
    made = create_engine(url)
    repo = SessionRepository(made)
    repo.create_session("s", ttl=None)
    repo.register_variable("s", "x", "integer", 1)
    repo.update_variable("s", "x", 2)
    repo.put_program("s", "p", {"steps": [1, 2.50]})
    repo.put_program("s", "none", None)
    downgrade(made, BEFORE)
    yield made
    made.dispose()


def rows(engine: Engine, *names: str) -> dict[str, list[tuple[object, ...]]]:
    with engine.connect() as connection:
        return {
            name: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}"))]
            for name in names
        }


def programs(engine: Engine) -> dict[str, dict[str, Any]]:
    """The cells of each program by id."""
    with engine.connect() as connection:
        return {
            row["id"]: dict(row)
            for row in connection.execute(text("SELECT * FROM programs")).mappings()
        }


def test_an_upgrade_gives_each_program_version_0_and_keeps_the_rest(engine: Engine) -> None:
    before, others = programs(engine), rows(engine, *OLDER)

    upgrade(engine, AFTER)

    assert programs(engine) == {
        key: cells | {"metadata": None, "version": 0} for key, cells in before.items()
    }
    assert rows(engine, *OLDER) == others
    assert rows(engine, "program_versions") == {"program_versions": []}


def test_an_old_program_is_read_replaced_and_rolled_back_to(engine: Engine) -> None:
    upgrade(engine)
    repo = SessionRepository(engine)

    old = repo.get_program_record("s", "p")
    new = repo.put_program("s", "p", {"steps": []}, expected_version=0)
    back = repo.rollback_program("s", "p", 0)

    assert (old.version, old.metadata, old.document) == (0, {}, {"steps": [1, 2.5]})
    assert (new.version, new.metadata) == (1, {})
    assert (back.version, back.document) == (2, old.document)
    assert repo.program_history("s", "p")[-1] == old
    assert repo.check().problems == []


def test_a_downgrade_keeps_the_present_documents_alone(engine: Engine) -> None:
    before, others = programs(engine), rows(engine, *OLDER)
    upgrade(engine)
    repo = SessionRepository(engine)
    repo.put_program("s", "p", 1)
    repo.put_program("s", "p", {"steps": [1, 2.50]}, metadata={"a": 1})
    present = {
        key: {name: cell for name, cell in cells.items() if name not in ADDED}
        for key, cells in programs(engine).items()
    }

    downgrade(engine, BEFORE)

    assert programs(engine) == present
    assert {key: cells["program"] for key, cells in present.items()} == {
        key: cells["program"] for key, cells in before.items()
    }
    assert rows(engine, *OLDER[1:]) == {name: others[name] for name in OLDER[1:]}
    assert "program_versions" not in inspect(engine).get_table_names()
    assert current(engine) == BEFORE


def test_an_index_that_others_added_stays(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE INDEX mine ON programs (last_updated_at)"))

    upgrade(engine)
    downgrade(engine, BEFORE)

    assert "mine" in {index["name"] for index in inspect(engine).get_indexes("programs")}


@pytest.mark.parametrize(
    "refused",
    [
        "UPDATE programs SET version = -1",
        "UPDATE programs SET version = NULL",
        "UPDATE program_versions SET version = -1",
        "UPDATE program_versions SET program = NULL",
        "UPDATE program_versions SET program_id = 'no such program'",
    ],
)
def test_guards_refuse_what_no_program_has(engine: Engine, refused: str) -> None:
    upgrade(engine)
    SessionRepository(engine).put_program("s", "p", 1)

    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text(refused))


def test_past_programs_go_with_their_program(engine: Engine) -> None:
    upgrade(engine)
    SessionRepository(engine).put_program("s", "p", 1)

    with engine.begin() as connection:
        connection.execute(text("DELETE FROM programs WHERE id = 'p'"))

    assert rows(engine, "program_versions") == {"program_versions": []}
