"""Tables of a server that others altered are refused by name, and nothing is changed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from statistics import median
from time import perf_counter

import pytest
import sqlalchemy
from sqlalchemy import URL, Connection, event

import snakestore
from snakestore import SchemaError, SessionRepository
from snakestore.storage.dialects.postgresql.catalogs import FoundDefinition
from snakestore.storage.dialects.postgresql.definitions import alterations_of
from snakestore.storage.schema.revisions import HEAD, REVISIONS, VIEW_NAMES
from tests.servers import new_database

PARTITIONS = {"plain": None, "partitioned": 2}


@pytest.fixture(scope="module", params=PARTITIONS)
def template(postgresql_server: URL, request: pytest.FixtureRequest) -> Iterator[URL]:
    with new_database(postgresql_server) as url:
        snakestore.upgrade(url, partitions=PARTITIONS[request.param])
        yield url


@pytest.fixture
def database(postgresql_server: URL, template: URL) -> Iterator[URL]:
    """A database of this test with snakestore's tables."""
    with new_database(postgresql_server, template.database) as url:
        yield url


@pytest.fixture
def outside(database: URL) -> Iterator[Connection]:
    engine = sqlalchemy.create_engine(database, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def execute(outside: Connection, *statements: str) -> None:
    for statement in statements:
        outside.exec_driver_sql(statement)


NOTHING = "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
ALTERED = {
    "a type": (
        ["ALTER TABLE variables ALTER value TYPE varchar(5)"],
        r"table variables was altered \(the column value is defined as character varying",
    ),
    "a collation": (
        [
            'ALTER TABLE variables ALTER name TYPE text COLLATE "default"',
        ],
        r"table variables was altered \(the column name is defined as text not null",
    ),
    "a collation of a name": (
        ['ALTER TABLE programs ALTER program TYPE text COLLATE "C"'],
        r"table programs was altered \(the column program is defined as text collate",
    ),
    "a column that may be null": (
        ["ALTER TABLE sessions ALTER metadata DROP NOT NULL"],
        r"table sessions was altered \(the column metadata is defined as json\)",
    ),
    "a column that must not be null": (
        ["ALTER TABLE sessions ALTER ttl SET NOT NULL"],
        r"table sessions was altered \(the column ttl is defined as double precision not null",
    ),
    "a default": (
        ["ALTER TABLE sessions ALTER ttl SET DEFAULT 5"],
        r"table sessions .*the column ttl is defined as double precision default 5",
    ),
    "a generated column": (
        ["ALTER TABLE programs ADD twice text GENERATED ALWAYS AS (id || id) STORED"],
        r"table programs .*the column twice is not snakestore's",
    ),
    "an identity": (
        ["ALTER TABLE variables ALTER version ADD GENERATED ALWAYS AS IDENTITY"],
        r"table variables .*the column version is defined as bigint .*identity",
    ),
    "an added column": (
        ["ALTER TABLE programs ADD theirs text"],
        r"table programs .*the column theirs is not snakestore's",
    ),
    "a removed column": (
        ["ALTER TABLE sessions DROP history_limit"],
        r"table sessions .*the column history_limit is missing",
    ),
    "a removed check": (
        ["ALTER TABLE sessions DROP CONSTRAINT ck_sessions_ttl_positive"],
        r"constraint ck_sessions_ttl_positive check is missing",
    ),
    "an added check": (
        ["ALTER TABLE sessions ADD CONSTRAINT theirs CHECK (id <> 'b')"],
        r"constraint theirs check is not snakestore's",
    ),
    "an added key": (
        ["ALTER TABLE variables ADD CONSTRAINT theirs UNIQUE (session_id, type)"],
        r"constraint theirs unique \( session_id , type \) is not snakestore's",
    ),
    "another reference": (
        [
            "ALTER TABLE programs DROP CONSTRAINT fk_programs_sessions",
            ("ALTER TABLE programs ADD CONSTRAINT fk_programs_sessions FOREIGN KEY (session_id)"
            " REFERENCES sessions (id)"),
        ],
        r"fk_programs_sessions .* is missing",
    ),
    "a unique index": (
        ["CREATE UNIQUE INDEX planted ON variables (session_id, type)"],
        r"index planted on variables is unique, .*DROP INDEX planted",
    ),
    "an index over an expression": (
        ["CREATE INDEX planted ON variables (session_id, lower(value))"],
        r"index planted on variables .*DROP INDEX planted",
    ),
    "a partial index": (
        ["CREATE INDEX planted ON variables (name) WHERE type = 'theirs'"],
        r"index planted on variables .*DROP INDEX planted",
    ),
    "an index of snakestore's with another definition": (
        [
            "DROP INDEX ix_sessions_expires_at",
            "CREATE INDEX ix_sessions_expires_at ON sessions (expires_at)",
        ],
        r"DROP INDEX ix_sessions_expires_at",
    ),
    "an index on the version table": (
        ["CREATE UNIQUE INDEX planted ON snakestore_alembic_version ((1))"],
        r"index planted on snakestore_alembic_version",
    ),
    "a trigger": (
        [
            NOTHING,
            ("CREATE TRIGGER planted BEFORE UPDATE ON variables FOR EACH ROW EXECUTE FUNCTION"
            " nothing()"),
        ],
        r"trigger planted on variables .*: DROP TRIGGER planted ON variables",
    ),
    "a rule": (
        ["CREATE RULE planted AS ON DELETE TO programs DO INSTEAD NOTHING"],
        r"rule planted on programs .*: DROP RULE planted ON programs",
    ),
    "a view in its place": (
        [
            "ALTER TABLE programs RENAME TO other",
            "CREATE VIEW programs AS SELECT * FROM other",
        ],
        r"foreign view programs is in the place of a table",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ALTERED)
def test_an_altered_table_is_refused_by_name_and_unchanged(
    database: URL, outside: Connection, kind: str
) -> None:
    statements, message = ALTERED[kind]
    # a type that views use cannot be changed
    execute(outside, f"DROP VIEW {', '.join(VIEW_NAMES)}")
    with SessionRepository.open(database) as repo:
        execute(outside, *statements)

        problems = repo.check().problems

    for attempt in (SessionRepository.open, snakestore.upgrade):
        with pytest.raises(SchemaError, match=message):
            attempt(database)
    assert any(re.search(message, problem.message) for problem in problems) or "missing" in message


def test_what_only_a_partition_has_is_refused(outside: Connection, database: URL) -> None:
    if not outside.exec_driver_sql("SELECT to_regclass('variables_0')").scalar():
        pytest.skip("the tables are not partitioned")
    execute(
        outside,
        NOTHING,
        "CREATE TRIGGER planted BEFORE UPDATE ON variables_0 FOR EACH ROW EXECUTE FUNCTION"
        " nothing()",
        "CREATE UNIQUE INDEX planted ON variables_1 (type)",
        "ALTER TABLE programs_1 ADD CONSTRAINT planted CHECK (id <> 'b')",
        "CREATE INDEX plain ON programs_1 (created_at)",
    )

    with pytest.raises(SchemaError) as raised:
        SessionRepository.open(database)
    assert "DROP TRIGGER planted ON variables_0" in str(raised.value)
    assert "DROP INDEX planted" in str(raised.value)
    assert "its partition programs_1 has the constraint planted check" in str(raised.value)
    assert "plain" not in str(raised.value).replace("a plain", "")


def test_a_table_that_inherits_from_one_of_them_is_refused(
    outside: Connection, database: URL
) -> None:
    if outside.exec_driver_sql("SELECT to_regclass('variables_0')").scalar():
        pytest.skip("no table can inherit from a partitioned one")
    execute(outside, "CREATE TABLE theirs () INHERITS (sessions)")

    with pytest.raises(SchemaError, match="ALTER TABLE theirs NO INHERIT sessions"):
        SessionRepository.open(database)


ALLOWED = {
    "a plain index": ["CREATE INDEX planted ON variables (session_id, type DESC)"],
    "a quoted name of an index": ['CREATE INDEX "planted BY us" ON "sessions" (last_accessed)'],
    "an index with other columns": ["CREATE INDEX planted ON programs (id) INCLUDE (created_at)"],
    "an index that repeats a key": ["CREATE UNIQUE INDEX again ON variables (session_id, id)"],
    "an index that repeats an index": [
        "CREATE INDEX again ON sessions (expires_at) WHERE expires_at IS NOT NULL"
    ],
    "a reference to them": [
        (
            "CREATE TABLE theirs (id int PRIMARY KEY, session text REFERENCES sessions ON DELETE"
            " CASCADE, variable text, FOREIGN KEY (session, variable) REFERENCES variables)"
        )
    ],
    "tables of others": [
        NOTHING,
        'CREATE TABLE theirs (id text COLLATE "C" PRIMARY KEY)',
        "CREATE UNIQUE INDEX over_lower ON theirs (lower(id))",
        "CREATE TRIGGER theirs AFTER UPDATE ON theirs FOR EACH ROW EXECUTE FUNCTION nothing()",
    ],
    "a disabled trigger": [
        NOTHING,
        "CREATE TRIGGER theirs AFTER UPDATE ON sessions EXECUTE FUNCTION nothing()",
        "ALTER TABLE sessions DISABLE TRIGGER theirs",
    ],
    "statistics, storage and grants": [
        "ALTER TABLE variables ALTER value SET STORAGE EXTERNAL",
        "ALTER TABLE variables ALTER value SET STATISTICS 10",
        "COMMENT ON TABLE variables IS 'theirs'",
        "GRANT SELECT ON variables TO PUBLIC",
        "ANALYZE variables",
    ],
    "security that does not apply to the owner": ["ALTER TABLE sessions ENABLE ROW LEVEL SECURITY"],
}


@pytest.mark.parametrize("kind", ALLOWED)
def test_what_changes_nothing_stored_is_allowed(
    database: URL, outside: Connection, kind: str
) -> None:
    execute(outside, *ALLOWED[kind])

    with SessionRepository.open(database) as repo:
        repo.create_session("s")
        repo.register_variable("s", "n", "integer", 0)
        repo.update_variable("s", "n", 1)

        assert repo.check().problems == []


@pytest.fixture
def reader(outside: Connection, database: URL) -> Iterator[URL]:
    """The URL for a role that may only read the tables."""
    name = f"snakestore_reader_{uuid.uuid4().hex[:16]}"
    execute(
        outside,
        f"CREATE ROLE {name} LOGIN",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}",
    )
    yield database.set(username=name, password=None)
    execute(outside, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


HIDING = {
    "no policy": [],
    "a condition": ["CREATE POLICY theirs ON sessions USING (id = 'mine')"],
    "one command": ["CREATE POLICY theirs ON sessions FOR SELECT USING (true)"],
    "another role": ["CREATE POLICY theirs ON sessions TO pg_monitor USING (true)"],
    "a restriction": [
        "CREATE POLICY every ON sessions USING (true)",
        "CREATE POLICY theirs ON sessions AS RESTRICTIVE USING (id = 'mine')",
    ],
}


@pytest.mark.parametrize("kind", HIDING)
def test_row_level_security_that_could_hide_rows_is_refused(
    database: URL, outside: Connection, reader: URL, kind: str
) -> None:
    execute(outside, "ALTER TABLE sessions ENABLE ROW LEVEL SECURITY", *HIDING[kind])

    with pytest.raises(SchemaError, match=r"hide rows of sessions from the role .*BYPASSRLS"):
        SessionRepository.open(reader)
    SessionRepository.open(database).close()


@pytest.mark.parametrize("role", ["PUBLIC", "the role"])
def test_row_level_security_that_hides_nothing_is_allowed(
    outside: Connection, reader: URL, role: str
) -> None:
    role = str(reader.username) if role == "the role" else role
    execute(
        outside,
        "ALTER TABLE sessions ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY every ON sessions TO {role} USING (true)",
    )

    with SessionRepository.open(reader) as repo:
        assert repo.list_sessions() == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_revision_that_is_not_altered_is_upgraded(
    postgresql_server: URL, revision: str
) -> None:
    with new_database(postgresql_server) as url:
        snakestore.upgrade(url, revision)

        with SessionRepository.open(url, migrate=True) as repo:
            assert repo.check().problems == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_table_that_was_altered_before_a_migration_is_refused(
    postgresql_server: URL, revision: str
) -> None:
    with new_database(postgresql_server) as url:
        snakestore.upgrade(url, revision)
        engine = sqlalchemy.create_engine(url)
        with engine.begin() as connection:
            execute(
                connection,
                "DROP VIEW IF EXISTS program_overview",  # it keeps the type from changing
                "ALTER TABLE programs ALTER created_at TYPE timestamptz(0)",
            )

        with pytest.raises(SchemaError, match="table programs was altered"):
            SessionRepository.open(url, migrate=True)
        with engine.connect() as connection:
            versions = connection.exec_driver_sql("SELECT * FROM snakestore_alembic_version")
            assert versions.scalars().all() == [revision]
        engine.dispose()


def test_tables_that_a_later_revision_creates_are_others_before_it(
    postgresql_server: URL,
) -> None:
    with new_database(postgresql_server) as url:
        snakestore.upgrade(url, "0001")
        engine = sqlalchemy.create_engine(url)
        with engine.begin() as connection:
            execute(
                connection,
                "CREATE TABLE variable_versions (a text)",
                "CREATE UNIQUE INDEX theirs ON variable_versions (lower(a))",
            )
        engine.dispose()

        with pytest.raises(SchemaError, match="already has tables or views named variable_vers"):
            SessionRepository.open(url, migrate=True)
        assert snakestore.current(url) == "0001"


def test_opening_describes_the_tables_in_one_query(database: URL) -> None:
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("SET LOCAL"):
            seen.append(statement)

    event.listen(sqlalchemy.Engine, "before_cursor_execute", note)
    try:
        SessionRepository.open(database).close()
    finally:
        event.remove(sqlalchemy.Engine, "before_cursor_execute", note)

    assert sum("pg_attribute" in statement for statement in seen) == 1
    assert len(seen) <= 4  # the version table, its row, the encoding, the tables


def test_the_comparison_takes_less_than_a_millisecond_when_opened_again() -> None:
    rows = [FoundDefinition("plain index", "sessions", str(n), "on sessions") for n in range(99)]

    alterations_of(rows, HEAD)
    times = []
    for _ in range(9):
        began = perf_counter()
        found = alterations_of(rows, HEAD)
        times.append(perf_counter() - began)

    assert found == ()
    assert median(times) < 0.005  # on a loaded machine
