"""The ten questions are answered on both databases, by the queries that the page shows."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from snakestore import SessionRepository, upgrade
from snakestore.inspector import questions
from snakestore.inspector.questions import QUESTIONS, Question
from tests.plans import scanned

PAGE = Path(__file__).parents[2] / "docs" / "inspecting.md"


def at(engine: Engine, minutes_ago: float) -> SessionRepository:
    """A repository at another time."""
    return SessionRepository(
        engine, clock=lambda: datetime.now(UTC) - timedelta(minutes=minutes_ago), default_ttl=None
    )


@pytest.fixture
def repo(engine: Engine) -> SessionRepository:
    """A store with two sessions in use, one idle and one that has expired."""
    now = at(engine, 0)
    at(engine, 3000).create_session("idle")
    at(engine, 100).create_session("gone", ttl=60)
    at(engine, 90).create_session("chat", ttl=6000)
    early = at(engine, 90)
    early.register_variable("chat", "prompt", "string", "Be brief.")
    early.register_variable("chat", "vector", "bytes", b"abc")
    at(engine, 70).update_variable("chat", "prompt", "Be rude.", source="search")
    at(engine, 65).rollback_variable("chat", "prompt", 0, reason="worse answers")
    now.create_session("copy", ttl=300)
    now.register_variable("copy", "prompt", "string", "Be brief.")
    now.register_variable("copy", "vector", "bytes", b"abd")
    now.register_variable("copy", "only", "integer", 1)
    now.update_variable("copy", "only", 2, source="tuner")
    now.put_program("chat", "qa", {"demos": []})
    now.append_log("chat", "talk", ["hi", "hello", "bye"])
    now.start_optimization("copy", "only", "worker-7", lease=3600)
    return now


def answer(engine: Engine, question: Question, **parameters: Any) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        found = connection.execute(text(question.sql), parameters).mappings()
        return [dict(row) for row in found]


def test_which_sessions_are_alive_and_idle_longest(engine, repo):
    found = answer(engine, questions.IDLE)

    assert [row["session_id"] for row in found] == ["idle", "chat", "copy"] or [
        row["session_id"] for row in found
    ] == ["idle", "copy", "chat"]
    assert found[0]["idle"] == "2 d"


def test_what_changed_in_the_last_hour_and_by_what(engine, repo):
    found = answer(engine, questions.CHANGED)

    assert {(row["kind"], row["name"], row["session_id"]) for row in found} == {
        ("variable", "prompt", "copy"),
        ("variable", "vector", "copy"),
        ("variable", "only", "copy"),
        ("program", "qa", "chat"),
        ("log", "talk", "chat"),
    }
    assert {row["name"]: row["source"] for row in found}["only"] == "tuner"


@pytest.mark.parametrize(
    ("minutes_ago", "value"), [(80, '"Be brief."'), (68, '"Be rude."'), (1, '"Be brief."')]
)
def test_what_was_the_prompt_at_noon(engine, repo, minutes_ago, value):
    time = f"{datetime.now(UTC) - timedelta(minutes=minutes_ago):%Y-%m-%dT%H:%M:%S}Z"

    [found] = answer(engine, questions.AT_A_TIME, session="chat", name="prompt", time=time)

    assert found["value"] == value


def test_who_holds_which_lease_and_until_when(engine, repo):
    [found] = answer(engine, questions.LEASES)

    assert (found["name"], found["holder"]) == ("only", "worker-7")
    assert found["expires_in"].endswith(" min")


def test_which_session_is_largest(engine, repo):
    found = answer(engine, questions.LARGEST)

    assert found[0]["session_id"] == "chat"
    assert found[0]["size_bytes"] == 63
    assert {row["session_id"] for row in found} == {"idle", "gone", "chat", "copy"}


def test_what_grows(engine, repo):
    found = answer(engine, questions.GROWS)

    assert [(row["kind"], row["name"], row["kept"]) for row in found][:3] == [
        ("log", "talk", 3),
        ("variable", "prompt", 2),
        ("variable", "only", 1),
    ]


def test_which_values_were_rolled_back_and_why(engine, repo):
    [found] = answer(engine, questions.ROLLED_BACK, session="chat")

    assert (found["name"], found["version"], found["rolled_back_to"], found["reason"]) == (
        "prompt",
        2,
        "0",
        "worse answers",
    )


def test_which_sessions_expire_in_the_next_ten_minutes(engine, repo):
    assert [row["session_id"] for row in answer(engine, questions.EXPIRING)] == ["copy"]


def test_what_differs_between_two_sessions(engine, repo):
    found = answer(engine, questions.DIFFERENCES, left="chat", right="copy")

    assert [(row["name"], row["left_value"], row["right_value"]) for row in found] == [
        ("only", None, "2"),
        ("vector", "<binary, 3 bytes>", "<binary, 3 bytes>"),
    ]
    assert answer(engine, questions.DIFFERENCES, left="chat", right="chat") == []


def test_is_anything_wrong(engine, repo):
    with engine.begin() as connection:
        connection.execute(text("UPDATE sessions SET variable_count = 7 WHERE id = 'chat'"))
        connection.execute(
            text(
                "UPDATE variables SET optimization_expires_at = last_updated_at WHERE name = 'only'"
            )
        )

    found = answer(engine, questions.WRONG)

    assert {(row["problem"], row["session_id"]) for row in found} == {
        ("an expired session was not swept", "gone"),
        ("a lease has run out and was not released: only", "copy"),
        ("a count is wrong: run snakestore check", "chat"),
    }


def test_nothing_is_wrong_with_a_swept_store(engine, repo):
    repo.delete_expired()

    assert answer(engine, questions.WRONG) == []


def test_the_page_shows_every_question_with_its_query():
    page = PAGE.read_text("utf-8")
    shown = re.findall(
        r"^### \d+\. ([^\n]*)\n\n(.*?)\n\n```sql\n(.*?)\n```$", page, re.MULTILINE | re.DOTALL
    )

    assert [(title, sql) for title, _, sql in shown] == [
        (question.title, question.sql) for question in QUESTIONS
    ]
    assert [" ".join(description.split()) for _, description, _ in shown] == [
        question.description for question in QUESTIONS
    ]


def test_there_are_ten_questions_with_parameters_as_their_queries_name_them():
    assert len(QUESTIONS) == len({question.name for question in QUESTIONS}) == 10
    for question in QUESTIONS:
        assert set(re.findall(r":(\w+)", question.sql)) == set(question.parameters)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_question_reads_all_sessions_at_most(tmp_path: Path, question: Question) -> None:
    upgrade(tmp_path / "s.db")
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN {question.sql}", dict.fromkeys(question.parameters, "s")
        ).fetchall()

    in_full = {row[3] for row in plan if "SCAN variables" in row[3]}
    assert scanned(plan) <= {"sessions", "variables"}
    assert in_full <= {"SCAN variables USING INDEX ix_variables_leased"}
