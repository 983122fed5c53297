"""Reports of a user's own over ``snakestore.tables``, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, Table, func, inspect, orm, select, text
from sqlalchemy.exc import StatementError

import snakestore
from snakestore import SessionRepository, StoreError, StoreReadOnlyError, ValidationError, tables
from snakestore.storage.schema.tables import Base
from snakestore.storage.schema.views import VIEW_NAMES, create_views
from snakestore.tables import (
    ProgramRow,
    SessionOverview,
    SessionRow,
    VariableHistoryOverview,
    VariableOverview,
    VariableRow,
    VariableVersionRow,
)

TOKYO = timezone(timedelta(hours=9))
CREATED = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)  # half past midnight of March 2 in Tokyo


@pytest.fixture
def store(engine: Engine) -> Engine:
    """A store with two sessions."""
    repo = SessionRepository(engine, clock=lambda: CREATED, default_ttl=None)
    repo.create_session("chat-1", metadata={"user": "ada", "score": 0.5, "tags": ["a", "b"]})
    repo.create_session("chat-2", metadata={"user": "nul\0", "note": "räksmörgås 🐍"})
    repo.register_variable("chat-1", "temperature", "float", 0.7, id="t", constraints={"max": 2})
    repo.update_variable("chat-1", "temperature", 0.9, source="search")
    repo.register_variable("chat-1", "prompt", "string", "Be brief.", id="p")
    repo.put_program("chat-1", "qa", {"demos": [None, 1]})
    return engine


@pytest.fixture
def session(store: Engine):
    with orm.Session(store) as session:
        yield session


# --- times


@pytest.mark.parametrize(
    ("bound", "found"),
    [
        (datetime(2026, 3, 2, tzinfo=TOKYO), []),
        (datetime(2026, 3, 2, 1, tzinfo=TOKYO), ["chat-1", "chat-2"]),
        (CREATED.astimezone(TOKYO), []),
    ],
)
def test_a_time_of_another_zone_is_compared_as_the_instant_that_it_is(session, bound, found):
    before = select(SessionRow.id).where(SessionRow.created_at < bound).order_by(SessionRow.id)

    assert session.scalars(before).all() == found


def test_a_naive_time_is_refused_with_our_own_error(session):
    naive = datetime(2026, 3, 2)  # noqa: DTZ001 - what is refused

    with pytest.raises(ValidationError, match="is naive") as refused:
        session.scalars(select(SessionRow).where(SessionRow.created_at < naive)).all()

    assert not isinstance(refused.value, StatementError)


def test_times_are_read_as_aware_datetimes_in_utc(session):
    created, newest = session.execute(
        select(SessionRow.created_at, func.max(SessionRow.last_accessed)).group_by(
            SessionRow.created_at
        )
    ).one()

    assert (created, newest) == (CREATED, CREATED)
    assert created.tzinfo is newest.tzinfo is UTC


# --- JSON


def test_json_columns_are_objects(session):
    row = session.get_one(SessionRow, "chat-1")
    variable = session.get_one(VariableRow, ("chat-1", "t"))

    assert row.metadata_ == {"user": "ada", "score": 0.5, "tags": ["a", "b"]}
    assert (variable.constraints, variable.access_rules) == ({"max": 2}, [])
    assert variable.metadata_["source"] == "search"
    assert session.scalars(select(ProgramRow.program)).all() == [{"demos": [None, 1]}]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (SessionRow.metadata_["user"].as_string() == "ada", ["chat-1"]),
        (SessionRow.metadata_["user"].as_string() != "ada", []),  # a NUL: not to be searched
        (SessionRow.metadata_["score"].as_float() >= 0.5, ["chat-1"]),
        (SessionRow.metadata_["tags"][1].as_string() == "b", ["chat-1"]),
        (SessionRow.metadata_["tags", 0].as_string() == "a", ["chat-1"]),
        (SessionRow.metadata_["missing"].as_string().is_(None), ["chat-1", "chat-2"]),
        (SessionRow.metadata_.op("->>")("user") == "ada", ["chat-1"]),
        (SessionRow.metadata_.op("->")("tags").op("->>")(0) == "a", ["chat-1"]),
    ],
)
def test_keys_of_json_columns_can_be_searched(session, condition, found):
    matching = set(session.scalars(select(SessionRow.id).where(condition)))

    # a document with a NUL is NULL to PostgreSQL, while SQLite searches it
    assert matching - {"chat-2"} == set(found) - {"chat-2"}


def test_keys_of_json_columns_can_be_selected_and_grouped(session):
    user = SessionRow.metadata_["user"].as_string()
    report = select(user, func.count()).where(user == "ada").group_by(user)

    assert session.execute(report).all() == [("ada", 1)]
    assert session.execute(
        select(
            SessionRow.metadata_["tags"],
            SessionRow.metadata_["score"],
            SessionRow.metadata_["none"],
            SessionRow.metadata_.op("->>")("user"),
        ).where(SessionRow.id == "chat-1")
    ).one() == (["a", "b"], 0.5, None, "ada")


def test_an_outer_join_without_a_match_has_none(session):
    joined = (
        select(SessionRow.id, VariableRow.metadata_)
        .outerjoin(VariableRow, VariableRow.session_id == SessionRow.id)
        .where(SessionRow.id == "chat-2")
    )

    assert session.execute(joined).all() == [("chat-2", None)]


def test_a_statement_with_literal_binds_runs(session):
    report = select(SessionRow.id).where(
        SessionRow.created_at < datetime(2026, 3, 2, 1, tzinfo=TOKYO),
        SessionRow.metadata_["user"].as_string() == "ada",
    )
    dialect = session.get_bind().dialect
    sql = str(report.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))

    assert session.connection().exec_driver_sql(sql).scalars().all() == ["chat-1"]


# --- relationships


def test_relationships_lead_from_a_session_to_what_it_has_and_back(session):
    row = session.get_one(SessionRow, "chat-1")

    assert [each.name for each in row.variables] == ["prompt", "temperature"]
    assert [each.id for each in row.programs] == ["qa"]
    assert row.programs[0].session is row.variables[0].session is row
    (past,) = row.variables[1].versions
    assert (past.value, past.version, past.variable) == ("0.7", 0, row.variables[1])


def test_relationships_join(session):
    report = select(SessionRow.id, func.count()).join(SessionRow.variables).group_by(SessionRow.id)

    assert session.execute(report).all() == [("chat-1", 2)]


def test_every_relationship_is_for_reading_only():
    relationships = [each for mapper in Base.registry.mappers for each in mapper.relationships]

    assert len(relationships) >= 6
    assert all(each.viewonly for each in relationships)


# --- how rows show themselves


def test_a_row_shows_its_key_and_not_its_content(session):
    variable = session.get_one(VariableRow, ("chat-1", "t"))

    assert repr(variable.session) == "SessionRow(id='chat-1')"
    assert repr(variable) == (
        "VariableRow(session_id='chat-1', id='t', name='temperature', type='float', version=1)"
    )
    assert repr(variable.versions[0]) == (
        "VariableVersionRow(session_id='chat-1', variable_id='t', version=0, type='float')"
    )


def test_a_row_that_was_not_loaded_shows_that_and_loads_nothing(session):
    row = session.get_one(SessionRow, "chat-1")
    session.expire_all()
    session.close()

    assert repr(row) == "SessionRow(id=<not loaded>)"


# --- views


def test_the_views_are_mapped(session):
    live = session.get_one(SessionOverview, "chat-1")
    variable = session.get_one(VariableOverview, ("chat-1", "t"))
    history = session.scalars(
        select(VariableHistoryOverview)
        .where(VariableHistoryOverview.name == "temperature")
        .order_by(VariableHistoryOverview.version)
    ).all()

    assert (live.state, live.variable_count, live.created_at) == ("live", 2, CREATED)
    assert isinstance(live.idle_seconds, float)
    assert (variable.value, variable.optimizing) == ("0.9", "no")
    assert [(each.value, each.source, each.is_current) for each in history] == [
        ("0.7", None, "no"),
        ("0.9", "search", "yes"),
    ]


def test_every_view_is_mapped_as_it_is_defined(store):
    mapped = {table.name: table for table in tables.Overview.metadata.sorted_tables}
    defined = {
        view.table.name: view.table for view in create_views(f"snakestore {snakestore.__version__}")
    }

    def columns(table: Table) -> list[tuple[str, type]]:
        return [(column.name, column.type.python_type) for column in table.columns]

    assert sorted(mapped) == sorted(defined) == sorted(VIEW_NAMES)
    assert {name: columns(table) for name, table in mapped.items()} == {
        name: columns(table) for name, table in defined.items()
    }
    assert {
        name: [column["name"] for column in inspect(store).get_columns(name)] for name in mapped
    } == {name: [column.name for column in table.columns] for name, table in mapped.items()}


@pytest.mark.parametrize("change", ["insert", "update", "delete"])
@pytest.mark.parametrize("mapped", [SessionOverview, SessionRow])
def test_no_row_is_written(session, mapped, change):
    row = session.get_one(mapped, "chat-1")
    if change == "insert":
        session.add(mapped(id="chat-3"))
    elif change == "update":
        row.ttl = 3
    else:
        session.delete(row)

    with pytest.raises(
        StoreReadOnlyError, match=rf"rows of {mapped.__tablename__} are for reports"
    ):
        session.flush()
    session.rollback()
    assert session.get_one(mapped, "chat-1").ttl is None


def test_a_reference_of_others_that_does_not_cascade_is_named_as_the_cause(store):
    with store.begin() as connection:
        connection.execute(
            text("CREATE TABLE theirs (id int PRIMARY KEY, session text REFERENCES sessions (id))")
        )
        connection.execute(text("INSERT INTO theirs VALUES (1, 'chat-1')"))
    repo = SessionRepository(store)

    with pytest.raises(StoreError, match=r"ON DELETE CASCADE"):
        repo.delete_session("chat-1")
    assert repo.session_exists("chat-1")
    with store.begin() as connection:
        connection.execute(text("DROP TABLE theirs"))


def test_rows_may_belong_to_objects_of_others(session):
    class Own(orm.DeclarativeBase):
        pass

    class Theirs(Own):
        __tablename__ = "theirs"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
        session_id: orm.Mapped[str]
        session = orm.relationship(
            SessionRow,
            primaryjoin=lambda: orm.foreign(Theirs.session_id) == SessionRow.id,
        )

    Own.metadata.create_all(session.connection())
    row = session.get_one(SessionRow, "chat-1")
    row.ttl = row.ttl  # a row that is not changed, and yet flushed
    session.add(Theirs(id=1, session=row))
    session.flush()

    assert session.get_one(Theirs, 1).session_id == "chat-1"


# --- the module


def test_every_table_and_view_has_a_class():
    classes = {
        each.__tablename__: each
        for each in (getattr(tables, name) for name in tables.__all__)
        if hasattr(each, "__tablename__")
    }

    assert set(classes) == {*tables.metadata.tables, *VIEW_NAMES}
    assert {ProgramRow, SessionRow, VariableRow, VariableVersionRow} <= set(classes.values())


def test_a_report_sees_what_a_repository_wrote(session):
    counts = session.execute(
        select(VariableRow.session_id, func.count()).group_by(VariableRow.session_id)
    )

    assert counts.all() == [("chat-1", 2)]
    assert snakestore.current(session.get_bind()) is not None
