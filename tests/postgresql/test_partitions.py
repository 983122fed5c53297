"""Tables partitioned by hash of the session; each method reads one partition."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect, text

import snakestore
from snakestore import SessionRepository, StoreError, ValidationError
from snakestore.storage.queries import history, logs, programs, sessions, variables
from snakestore.storage.schema.revisions import HEAD
from snakestore.storage.schema.tables import Base
from tests.servers import emptied, new_database


@pytest.fixture
def partitioned(postgresql_partitioned):
    engine = snakestore.create_engine(postgresql_partitioned)
    emptied(postgresql_partitioned)
    yield engine
    engine.dispose()


@pytest.fixture
def plain(url):
    engine = snakestore.create_engine(url)
    yield engine
    engine.dispose()


def definitions(engine):
    inspector, ours = inspect(engine), Base.metadata.tables
    return {
        name: (
            [
                (column["name"], str(column["type"]), column["nullable"])
                for column in inspector.get_columns(name)
            ],
            inspector.get_pk_constraint(name)["name"],
            sorted(each["name"] for each in inspector.get_unique_constraints(name)),
            sorted(
                (each["name"], each["sqltext"]) for each in inspector.get_check_constraints(name)
            ),
            # a foreign key to a partitioned table has one to each partition below it
            {
                (each["referred_table"], *each["options"].items())
                for each in inspector.get_foreign_keys(name)
                if each["referred_table"] in ours
            },
            sorted(each["name"] for each in inspector.get_indexes(name)),
        )
        for name in ours
    } | {"views": sorted(inspector.get_view_names())}


def test_partitioned_tables_have_the_definitions_of_plain_ones(plain, partitioned):
    assert definitions(partitioned) == definitions(plain)


def test_each_table_has_the_given_number_of_partitions_and_sessions_have_room_on_each_page(
    partitioned,
):
    with partitioned.connect() as connection:
        counts = connection.execute(
            text(
                "SELECT inhparent::regclass::text, count(*) FROM pg_inherits WHERE"
                " inhparent::regclass::text = ANY (:names) GROUP BY 1"
            ),
            {"names": list(Base.metadata.tables)},
        ).all()
        options = connection.execute(
            text("SELECT reloptions FROM pg_class WHERE relname = 'sessions_3'")
        ).scalar_one()

    assert dict(map(tuple, counts)) == dict.fromkeys(Base.metadata.tables, 4)
    assert options == ["fillfactor=70"]


@pytest.mark.parametrize(
    "statement",
    [
        sessions.SELECT_SESSION_STATE_FOR_UPDATE,
        sessions.RECORD[True, True, True, True],
        variables.SELECT_VALUE,
        variables.SELECT_BY_IDENTIFIER,
        variables.UPDATE,
        variables.SELECT_NAMES.statement(["lower"]),
        programs.SELECT_DOCUMENT,
        programs.SELECT_FOR_PUT,
        programs.UPDATE,
        history.OF_PROGRAMS.archive,
        history.OF_PROGRAMS.select,
        history.OF_VARIABLES.select,
        logs.SELECT_FOR_UPDATE,
        logs.UPDATE,
        logs.SELECT_NEWEST,
        logs.DELETE_OLDEST,
    ],
)
def test_what_a_verb_runs_looks_into_one_partition(partitioned, statement):
    with partitioned.connect() as connection:
        sql = str(
            statement.expression().compile(
                dialect=partitioned.dialect, compile_kwargs={"render_postcompile": True}
            )
        )
        names = dict.fromkeys(statement.expression().compile(dialect=partitioned.dialect).params)
        values = {name: "s" if name == "sid" else None for name in names}
        values |= dict.fromkeys(("identifier", "vid", "pid", "log"), "x") | {"lower": ""}
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {sql}", values).scalars())

    scanned = {
        word
        for word in plan.replace('"', " ").split()
        if word.rstrip("0123456789").rstrip("_") in Base.metadata.tables and word[-1].isdigit()
    }
    assert 1 <= len(scanned) <= 2, plan


def test_the_size_counts_the_partitions(partitioned):
    repo = SessionRepository(partitioned)
    repo.create_session("s")

    assert repo.store_stats().size_bytes > 4 * 8192


def test_partitioning_again_changes_nothing(partitioned):
    SessionRepository(partitioned).create_session("s")

    snakestore.upgrade(partitioned, partitions=8)

    assert SessionRepository(partitioned).session_exists("s")


def test_tables_with_rows_are_not_partitioned(plain):
    SessionRepository(plain).create_session("s")

    with pytest.raises(StoreError, match=r"snakestore\.copy"):
        snakestore.upgrade(plain, partitions=4)

    assert SessionRepository(plain).session_exists("s")


def test_partitioned_tables_are_dropped_and_made_again(postgresql_server):
    with new_database(postgresql_server) as url:
        snakestore.upgrade(url, partitions=2)
        snakestore.downgrade(url, "base")
        snakestore.upgrade(url)

        assert snakestore.current(url) == HEAD


def test_a_later_migration_partitions_what_it_creates(postgresql_server, plain):
    with new_database(postgresql_server) as url:
        snakestore.upgrade(url, "0001", partitions=2)
        engine = snakestore.create_engine(url)
        snakestore.upgrade(url)
        with engine.connect() as connection:
            partitioned = set(
                connection.exec_driver_sql("SELECT relname FROM pg_class WHERE relkind = 'p'")
                .scalars()
                .all()
            )

        assert partitioned == set(Base.metadata.tables)
        assert definitions(engine) == definitions(plain)
        engine.dispose()


@pytest.mark.parametrize("partitions", [0, 1, -4, 1025, True, 4.0, "4"])
def test_a_number_of_partitions_that_may_not_be_is_refused(plain, partitions):
    with pytest.raises(ValidationError):
        snakestore.upgrade(plain, partitions=partitions)


def test_sqlite_has_no_partitions(tmp_path):
    with pytest.raises(ValidationError, match="PostgreSQL"):
        snakestore.upgrade(tmp_path / "store.db", partitions=4)
