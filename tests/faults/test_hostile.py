from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import snakestore
from snakestore import (
    CorruptStoreError,
    SchemaError,
    SchemaTooNewError,
    SessionRepository,
    SnakeStoreError,
)
from tests.faults import crew, hostile

FILES_EACH = 50
WATCHDOG = 60.0  # seconds for one process with its files


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds some of everything, in one closed file."""
    path = tmp_path_factory.mktemp("good") / "good.db"
    hostile.make_good(path)
    return path


@pytest.fixture
def copy(good: Path, tmp_path: Path) -> Path:
    return shutil.copy(good, tmp_path / "s.db")


# --- fuzzed files


def test_fuzzed_files_meet_our_errors_only_and_are_unchanged_where_they_are_refused(
    good, tmp_path, size, figures
):
    pieces = size(6, 200)
    refused = opened = unsound = 0

    for first in range(0, pieces, 2):
        answers = crew.run(
            hostile.fuzz,
            [(good, tmp_path, number * FILES_EACH, FILES_EACH) for number in (first, first + 1)],
            WATCHDOG,
        )
        refused += sum(each["refused"] for each in answers)
        opened += sum(each["opened"] for each in answers)
        unsound += sum(each["unsound"] for each in answers)

    figures(
        "fuzz",
        files=pieces * FILES_EACH,
        refused=refused,
        opened=opened,
        unsound=unsound,
        other_errors=0,
    )
    assert refused + opened == pieces * FILES_EACH
    assert refused > 0
    assert opened > 0


# --- files that are something else


def others_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE sessions (id, secret)")
        connection.execute("INSERT INTO sessions VALUES (1, 'theirs')")


def newer_schema(path: Path) -> None:
    hostile.make_good(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE snakestore_alembic_version SET version_num = '9999'")


ELSE: dict[str, tuple[Callable[[Path], object], type[SnakeStoreError]]] = {
    "text": (lambda path: path.write_text("dear diary, " * 1000), CorruptStoreError),
    "random behind a header": (
        lambda path: path.write_bytes(b"SQLite format 3\0" + random.randbytes(20_000)),
        CorruptStoreError,
    ),
    "another database": (others_database, SchemaError),
    "a newer schema": (newer_schema, SchemaTooNewError),
}


@pytest.mark.parametrize("kind", ELSE)
def test_a_file_of_something_else_is_refused_without_a_changed_byte(tmp_path, kind):
    make, error = ELSE[kind]
    path = tmp_path / "s.db"
    make(path)
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}

    for attempt in (
        SessionRepository.open,
        lambda each: SessionRepository.open(f"file:{each}?mode=ro"),
        snakestore.current,
    ):
        try:
            attempt(path)
        except error:
            pass
        else:
            assert attempt is snakestore.current  # which only looks

    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == before


PLANTED = {
    "a trigger": "CREATE TRIGGER planted AFTER UPDATE ON variables BEGIN DELETE FROM programs; END",
    "a trigger in capitals": (
        "CREATE TRIGGER planted AFTER INSERT ON SESSIONS BEGIN UPDATE sessions SET ttl = NULL; END"
    ),
    "an endless trigger": (
        """CREATE TRIGGER planted BEFORE UPDATE ON sessions BEGIN
        SELECT count(*) FROM (
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n
        ); END"""
    ),
    "a view for a table": (
        "DROP TABLE programs; CREATE VIEW programs AS SELECT 's' AS session_id, 'p' AS id, '1' AS"
        " program"
    ),
    "a virtual table": (
        "DROP TABLE programs; CREATE VIRTUAL TABLE programs USING fts5(session_id, id, program,"
        " created_at, last_updated_at)"
    ),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_store_with_a_planted_object_is_refused_by_name_and_unchanged(copy, kind):
    with closing(sqlite3.connect(copy)) as connection:
        connection.executescript(PLANTED[kind])
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = copy.read_bytes()

    with pytest.raises(SchemaError, match=r"planted|programs"):
        SessionRepository.open(copy)

    assert copy.read_bytes() == before


def test_a_trigger_that_is_planted_while_a_store_is_open_is_reported_by_check(copy):
    with SessionRepository.open(copy) as repo:
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute(PLANTED["a trigger"])

        problems = repo.check().problems

    assert [(problem.kind, problem.where) for problem in problems] == [("trigger", "variables")]


@pytest.mark.parametrize("view", ["session_overview", "theirs"])
def test_a_view_of_others_is_none_of_our_business_and_never_read(copy, view):
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute(f"DROP VIEW IF EXISTS {view}")
        connection.execute(
            f"CREATE VIEW {view} AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
            " SELECT i FROM n"
        )

    with SessionRepository.open(copy) as repo:
        hostile.use(repo)
        assert repo.check().problems == []


# --- cells that somebody edited


def test_no_edited_cell_raises_anything_but_our_errors(good, tmp_path, size, figures):
    cells = hostile.cells(good)
    chosen = random.sample(cells, size(14, len(cells)))
    halves = [chosen[::2], chosen[1::2]]

    counts = crew.run(
        hostile.edit,
        [(good, tmp_path / str(number), half) for number, half in enumerate(halves)],
        10 * WATCHDOG,
    )

    figures("edited cells", cells=len(chosen), edits=sum(counts), other_errors=0)
    assert sum(counts) == len(chosen) * len(hostile.EDITS)


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE sessions; --",
        '" OR 1=1',
        "x') UNION SELECT 1 --",
        "%",
        "_",
        "?",
        ":sid",
        "{}",
        "%(sid)s",
        "$1",
        "a\nb",
        "\x1b[2J",
        "☃",
    ],
)
def test_sql_in_names_ids_patterns_and_metadata_stays_text(tmp_path, text):
    with SessionRepository.open(tmp_path / "s.db") as repo:
        repo.create_session(text, metadata={text: text}, worker_id=text)
        repo.register_variable(text, text, "string", text, metadata={text: text})
        repo.put_program(text, text, {text: text})

        assert repo.variable_names(text, text) == [text]
        assert [session.id for session in repo.list_sessions(text)] == [text]
        assert repo.get_session(text).metadata == {text: text}
        assert repo.get_variable(text, text).metadata[text] == text
        assert repo.get_programs(text) == {text: {text: text}}
        assert repo.check().problems == []


def test_a_symlink_to_somewhere_is_followed_and_what_is_there_is_judged(copy, tmp_path):
    (tmp_path / "link.db").symlink_to(copy)
    (tmp_path / "passwd.db").symlink_to("/etc/passwd")
    (tmp_path / "loop.db").symlink_to(tmp_path / "loop.db")
    before = Path("/etc/passwd").read_bytes()

    with SessionRepository.open(tmp_path / "link.db") as repo:
        hostile.use(repo)
    for name in ("passwd.db", "loop.db"):
        with pytest.raises(SnakeStoreError):
            SessionRepository.open(tmp_path / name)

    assert Path("/etc/passwd").read_bytes() == before
