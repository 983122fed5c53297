"""A repository in the caller's transaction: it never commits, and a refusal leaves nothing."""

from __future__ import annotations

import contextlib

import pytest
from sqlalchemy import event, orm, text

import snakestore
from snakestore import (
    BatchError,
    SessionExistsError,
    SessionNotFoundError,
    SessionRepository,
    StoreError,
    ValidationError,
    VariableExistsError,
    VariableNotFoundError,
    VersionConflictError,
)

BINDS = {"Connection": lambda engine: engine.connect(), "orm.Session": orm.Session}


@pytest.fixture
def engine(backend, clock, fill):
    """An Engine of the caller's, on a store with a filled session ``s``."""
    engine = backend.engine()
    with SessionRepository(engine, clock=clock) as repo:
        repo.create_session("s")
        fill(repo, "s")
    return engine


@pytest.fixture
def outside(engine, clock):
    """What the store holds as far as anybody else is concerned."""
    with SessionRepository(engine, clock=clock) as repo:
        yield repo


@pytest.fixture(params=BINDS.values(), ids=BINDS.keys())
def bind(request, engine):
    """A Connection or orm.Session of the caller's."""
    with request.param(engine) as bind:
        yield bind


@pytest.fixture
def bound(bind, clock):
    """A repository in the caller's transaction."""
    return SessionRepository(bind, clock=clock)


@contextlib.contextmanager
def coming_out(error):
    """A block out of which ``error`` must come."""
    with pytest.raises(error):
        yield


def test_the_callers_commit_keeps_what_was_written(bind, bound, outside, writing):
    writing(bound, "s")
    stats = bound.get_stats("s")
    bind.commit()
    bind.close()

    assert outside.get_stats("s") == stats


def test_the_callers_rollback_leaves_nothing(bind, bound, outside, clock, writing):
    before = outside.list_sessions(), outside.list_variables("s"), outside.get_programs("s")
    clock.advance(1)

    writing(bound, "s")
    bind.rollback()
    bind.close()

    assert (
        outside.list_sessions(),
        outside.list_variables("s"),
        outside.get_programs("s"),
    ) == before


def test_a_rollback_unmakes_and_unmakes_deleting_a_session(bind, bound, outside):
    bound.create_session("new")
    bound.delete_session("s")
    bind.rollback()
    bind.close()

    assert [session.id for session in outside.list_sessions()] == ["s"]
    assert outside.get_value("s", "x") == 2.0


def test_no_verb_commits(engine, bind, bound, verb):
    commits = []
    event.listen(engine, "commit", lambda _: commits.append("commit"))

    verb(bound, "s")

    assert commits == []
    assert bind.in_transaction()


def test_the_callers_reads_see_what_they_wrote(bound):
    bound.update_variable("s", "x", 5.0)

    assert bound.get_value("s", "x") == 5.0
    assert bound.get_stats("s").total_variable_updates == 4


def test_others_see_nothing_before_the_commit(backend, bind, bound, outside):
    if not backend.shared:
        pytest.skip("one connection per database")
    bound.update_variable("s", "x", 5.0)

    before = outside.get_value("s", "x")
    bind.commit()

    assert (before, outside.get_value("s", "x")) == (2.0, 5.0)


def test_one_repository_serves_one_transaction_after_another(bind, bound, outside):
    bound.update_variable("s", "x", 5.0)
    bind.commit()
    bound.update_variable("s", "x", 6.0)
    bind.rollback()
    bound.update_variable("s", "note", "kept")
    bind.commit()
    bind.close()

    assert (outside.get_value("s", "x"), outside.get_value("s", "note")) == (5.0, "kept")


def test_a_read_may_come_before_the_first_write(bind, bound, outside):
    value = bound.get_value("s", "x")
    bound.update_variable("s", "x", value + 1)
    bind.commit()
    bind.close()

    assert outside.get_value("s", "x") == 3.0


def test_rows_of_the_caller_are_committed_or_rolled_back_with_those_of_the_store(
    engine, bind, bound, outside
):
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (note TEXT)"))

    bind.execute(text("INSERT INTO notes VALUES ('lost')"))
    bound.update_variable("s", "x", 5.0)
    bind.rollback()
    bound.update_variable("s", "x", 6.0)
    bind.execute(text("INSERT INTO notes VALUES ('kept')"))
    bind.commit()

    assert bind.execute(text("SELECT note FROM notes")).scalars().all() == ["kept"]
    bind.close()
    assert outside.get_value("s", "x") == 6.0


def test_a_savepoint_of_the_callers_takes_our_writes_back(bind, bound, outside):
    bound.update_variable("s", "x", 5.0)
    savepoint = bind.begin_nested()
    bound.update_variable("s", "x", 6.0)
    savepoint.rollback()
    bind.commit()
    bind.close()

    assert outside.get_value("s", "x") == 5.0
    assert outside.get_stats("s").total_variable_updates == 4


REFUSALS = {
    "session": (lambda repo: repo.update_variable("nobody", "x", 1.0), SessionNotFoundError),
    "taken-session": (lambda repo: repo.create_session("s"), SessionExistsError),
    "variable": (lambda repo: repo.update_variable("s", "nothing", 1.0), VariableNotFoundError),
    "value": (lambda repo: repo.update_variable("s", "x", "hot"), ValidationError),
    "version": (
        lambda repo: repo.update_variable("s", "x", 1.0, expected_version=99),
        VersionConflictError,
    ),
    "name": (lambda repo: repo.register_variable("s", "x", "float", 1.0), VariableExistsError),
    "rename": (
        lambda repo: repo.put_variable(
            "s", snakestore.create_variable(name="x", id="new", type="float", value=1.0)
        ),
        VariableExistsError,
    ),
    "batch": (
        lambda repo: repo.update_variables("s", {"x": 7.0, "note": 5, "nothing": 1}),
        BatchError,
    ),
    "program": (lambda repo: repo.put_program("s", "p", object()), ValidationError),
    "function": (
        lambda repo: repo.modify_variable("s", "x", lambda value: value / 0),
        ZeroDivisionError,
    ),
    "read": (lambda repo: repo.get_program("s", "nothing"), LookupError),
}


@pytest.mark.parametrize(("refuse", "error"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refused_verb_leaves_the_callers_transaction_as_it_was_and_usable(
    bind, bound, outside, refuse, error
):
    bound.put_program("s", "before", 1)
    before = bound.get_stats("s"), bound.list_variables("s")

    with pytest.raises(error):
        refuse(bound)

    assert bind.in_transaction()
    assert (bound.get_stats("s"), bound.list_variables("s")) == before
    bound.put_program("s", "after", 2)
    bind.commit()
    bind.close()
    assert outside.program_ids("s") == ["after", "before", "p"]
    assert (outside.get_stats("s").total_variable_updates, outside.list_variables("s")) == (
        3,
        before[1],
    )


@pytest.mark.parametrize(("refuse", "error"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refused_first_verb_leaves_a_transaction_that_commits_nothing(
    bind, bound, outside, clock, refuse, error
):
    before = outside.list_sessions(), outside.list_variables("s")
    clock.advance(1)

    with pytest.raises(error):
        refuse(bound)
    bind.commit()
    bind.close()

    assert (outside.list_sessions(), outside.list_variables("s")) == before


def test_a_batch_that_applies_what_it_can_leaves_the_transaction_usable(bind, bound, outside):
    results = bound.update_variables("s", {"x": 7.0, "note": 5}, atomic=False)
    bound.put_program("s", "after", 1)
    bind.commit()
    bind.close()

    assert isinstance(results["note"], ValidationError)
    assert (outside.get_value("s", "x"), outside.get_value("s", "note")) == (7.0, "hello")
    assert outside.has_program("s", "after")


def test_a_transaction_within_the_callers_is_a_savepoint_of_it(bind, bound, outside):
    with bound.transaction() as inner:
        inner.update_variable("s", "x", 5.0)
    with coming_out(ZeroDivisionError), bound.transaction() as inner:
        inner.update_variable("s", "x", 6.0)
        raise ZeroDivisionError
    seen = bound.get_value("s", "x")
    bind.rollback()
    bind.close()

    assert seen == 5.0
    assert outside.get_value("s", "x") == 2.0


def test_closing_the_repository_leaves_the_callers_transaction_open(bind, bound, outside):
    bound.update_variable("s", "x", 5.0)

    bound.close()

    assert bind.in_transaction()
    bind.commit()
    bind.close()
    assert outside.get_value("s", "x") == 5.0


def test_an_orm_session_keeps_the_callers_objects_apart(engine, clock):
    class Base(orm.DeclarativeBase):
        pass

    class Note(Base):
        __tablename__ = "notes"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
        note: orm.Mapped[str]

    Base.metadata.create_all(engine)

    with orm.Session(engine) as session:
        session.add(Note(id=1, note="mine"))
        SessionRepository(session, clock=clock).update_variable("s", "x", 5.0)
        session.commit()

        assert session.get(Note, 1).note == "mine"
    assert SessionRepository(engine, clock=clock).get_value("s", "x") == 5.0


def test_after_close_a_bound_repository_refuses_too(bound, writing):
    bound.close()

    with pytest.raises(StoreError):
        writing(bound, "s")


def test_close_does_not_dispose_an_engine_of_the_callers(engine, clock):
    pool = engine.pool
    repo = SessionRepository(engine, clock=clock)
    repo.get_session("s")

    repo.close()

    assert engine.pool is pool
    assert SessionRepository(engine, clock=clock).get_value("s", "x") == 2.0


def delete_and_register(repo):
    """Put a variable of another type in place of ``x``."""
    repo.delete_variable("s", "x")
    repo.register_variable("s", "x", "string", "text")


CALLS_THAT_WRITE = {
    "update": lambda repo: repo.update_variable("s", "x", 9.0),
    "delete and register": delete_and_register,
    "constrain": lambda repo: repo.update_constraints("s", "x", {"max": 2.0}),
    "block": lambda repo: repo.transaction().__enter__(),
}


@pytest.mark.parametrize("call", CALLS_THAT_WRITE.values(), ids=CALLS_THAT_WRITE)
def test_a_function_of_modify_cannot_write_in_the_callers_transaction(bound, call):
    with pytest.raises(StoreError, match="before or after modify_variable"):
        bound.modify_variable("s", "x", lambda value: (call(bound), value + 1)[1])
    changed = bound.modify_variable("s", "x", lambda value: value + 1)

    assert (changed.value, changed.version) == (3.0, 2)
    assert [past.value for past in bound.variable_history("s", "x")] == [2.0, 1.0]


def test_a_function_of_modify_cannot_write_by_another_repository_in_the_transaction(bind, clock):
    repo, other = (SessionRepository(bind, clock=clock) for _ in range(2))

    with pytest.raises(StoreError, match="before or after modify_variable"):
        repo.modify_variable("s", "x", lambda _: other.update_variable("s", "x", 9.0).value)

    assert repo.modify_variable("s", "x", lambda value: value + 1).version == 2


def test_a_function_of_modify_cannot_write_by_the_block_around_its_own(bound):
    with bound.transaction() as outer, outer.transaction() as inner:
        with pytest.raises(StoreError, match="before or after modify_variable"):
            inner.modify_variable("s", "x", lambda _: outer.update_variable("s", "x", 9.0).value)

        assert inner.modify_variable("s", "x", lambda value: value + 1).version == 2


def test_a_function_of_modify_reads_in_the_callers_transaction(bound):
    bound.modify_variable("s", "x", lambda value: value + bound.log_length("s", "l"))

    assert bound.get_value("s", "x") == 4.0
