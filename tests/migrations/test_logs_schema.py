"""The revision that adds logs, on databases with rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from snakestore import SessionRepository
from snakestore.clock import utc_now
from snakestore.storage.engine import create_engine
from snakestore.storage.migrate.upgrade import current, downgrade, upgrade
from snakestore.storage.schema.tables import Base, LogEntryRow, LogRow, SessionRow

BEFORE, AFTER = "0003", "0004"
OLDER = ("sessions", "variables", "variable_versions", "programs")
LOG = {"session_id": "s", "name": "chat", "length": 2, "next_position": 5}
ENTRY = {"session_id": "s", "log_name": "chat", "position": 4, "entry": {"role": "user"}}


@pytest.fixture
def engine(url) -> Iterator[Engine]:
    """A store of today's schema that holds a session with everything but logs."""
    upgrade(url)
    made = create_engine(url)
    repo = SessionRepository(made)
    repo.create_session("s", ttl=None)
    repo.register_variable("s", "x", "integer", 1)
    repo.update_variable("s", "x", 2)
    repo.put_program("s", "p", {"steps": [1]})
    yield made
    made.dispose()


def rows(engine: Engine, *names: str) -> dict[str, list[tuple[object, ...]]]:
    with engine.connect() as connection:
        return {
            name: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}"))]
            for name in names
        }


def add_log(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            insert(LogRow).values(LOG | {"created_at": utc_now(), "last_updated_at": utc_now()})
        )
        connection.execute(insert(LogEntryRow).values(ENTRY | {"created_at": utc_now()}))


def test_an_upgrade_adds_two_empty_tables_and_changes_no_row(engine: Engine) -> None:
    downgrade(engine, BEFORE)
    before = rows(engine, *OLDER)

    upgrade(engine, AFTER)

    assert rows(engine, *OLDER) == before
    assert all(before.values())
    assert rows(engine, "logs", "log_entries") == {"logs": [], "log_entries": []}


def test_a_downgrade_drops_the_logs_alone(engine: Engine) -> None:
    add_log(engine)
    downgrade(engine, AFTER)
    before = rows(engine, *OLDER)

    downgrade(engine, BEFORE)

    assert rows(engine, *OLDER) == before
    assert not {"logs", "log_entries"} & set(inspect(engine).get_table_names())
    assert current(engine) == BEFORE


def test_logs_go_with_their_session(engine: Engine) -> None:
    add_log(engine)

    with engine.begin() as connection:
        connection.execute(text("DELETE FROM sessions"))

    assert rows(engine, *Base.metadata.tables) == {name: [] for name in Base.metadata.tables}


@pytest.mark.parametrize(
    "refused",
    [
        "UPDATE logs SET length = -1",
        "UPDATE logs SET next_position = 1",
        "UPDATE logs SET name = ''",
        "UPDATE log_entries SET position = -1",
        "UPDATE log_entries SET entry = NULL",
        "UPDATE log_entries SET log_name = 'no such log'",
    ],
)
def test_guards_refuse_what_no_log_has(engine: Engine, refused: str) -> None:
    add_log(engine)

    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text(refused))


def test_reports_read_logs_by_their_classes(engine: Engine) -> None:
    from sqlalchemy.orm import Session

    add_log(engine)

    with Session(engine) as session:
        (log,) = session.scalars(select(SessionRow)).one().logs
        (entry,) = log.entries
        assert (log.length, log.next_position, entry.position) == (2, 5, 4)
        assert (entry.entry, entry.log.name) == ({"role": "user"}, "chat")
