"""One suite for every backend: the contract of SessionRepository is written once.

``backends.py`` has the places. To add one, write a subclass of ``Backend`` there and put it into
``BACKENDS``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

import snakestore
from snakestore import SessionRepository
from tests.contract.backends import Backend, backends_for, taken
from tests.contract.times import A_MICROSECOND
from tests.selection import Extent, extent, keep

Clock = Any  # the FakeClock of tests/conftest.py
Call = Callable[[SessionRepository, str], Any]


# --- backends


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames:
        every = metafunc.definition.get_closest_marker("every_backend") is not None
        kinds = backends_for(extent(metafunc.config), every=every)
        metafunc.parametrize("backend", kinds, ids=[kind.name for kind in kinds], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if extent(config) is Extent.FULL:
        keep(config, items, taken(items))


@pytest.fixture(scope="session")
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[type[Backend]], Path]:
    """The folder that a backend prepared, made on first use."""
    folders: dict[type[Backend], Path] = {}

    def folder_of(kind: type[Backend]) -> Path:
        if kind not in folders:
            if kind.database_fixture is not None:
                kind.database = request.getfixturevalue(kind.database_fixture)
            folder = tmp_path_factory.mktemp(kind.name)
            kind.prepare(folder)
            folders[kind] = folder
        return folders[kind]

    return folder_of


@pytest.fixture
def backend(
    request: pytest.FixtureRequest, prepared: Callable[[type[Backend]], Path], tmp_path: Path
) -> Iterator[Backend]:
    folder = tmp_path / "store"
    shutil.copytree(prepared(request.param), folder)
    made = request.param(folder)
    with made.resources:
        yield made


@pytest.fixture
def open_repo(backend: Backend, clock: Clock) -> Callable[..., SessionRepository]:
    """Opens this backend with the test's options, and with the fake clock by default."""
    return lambda **options: backend.open(**{"clock": clock, **options})


@pytest.fixture
def repo(open_repo: Callable[..., SessionRepository]) -> SessionRepository:
    return open_repo()


@pytest.fixture
def second(backend: Backend, repo: SessionRepository, clock: Clock) -> SessionRepository:
    """Another repository on the data of ``repo``, as another process would have."""
    if not backend.shared:
        pytest.skip("one database per repository")
    return backend.second(repo, clock=clock)


# --- contents


@pytest.fixture
def sid(repo: SessionRepository) -> str:
    """An empty session."""
    return repo.create_session("s").id


def fill(repo: SessionRepository, session_id: str) -> None:
    """The float ``x`` (0 to 10; 1.0, then 2.0), text ``note``, program ``p`` and log ``l``."""
    repo.register_variable(
        session_id, "x", "float", 1.0, id="x-id", constraints={"min": 0, "max": 10}
    )
    repo.update_variable(session_id, "x", 2.0)
    repo.register_variable(session_id, "note", "string", "hello", id="note-id")
    repo.put_program(session_id, "p", {"steps": [1, 2]})
    repo.append_log(session_id, "l", ["first", {"second": 2}])


@pytest.fixture(name="fill")
def fill_fixture() -> Callable[[SessionRepository, str], None]:
    """``fill(repo, session_id)``, for repositories that a test opens itself."""
    return fill


@pytest.fixture
def filled(repo: SessionRepository, sid: str) -> str:
    """A session that holds what ``fill`` puts in."""
    fill(repo, sid)
    return sid


@pytest.fixture
def expired(repo: SessionRepository, filled: str, clock: Clock) -> str:
    """A filled session whose hour has passed."""
    clock.advance(3600 + A_MICROSECOND)
    return filled


def everything(repo: SessionRepository, now: Any) -> dict[str, tuple[Any, ...]]:
    """The whole content, by session. Sessions are read first: reading the rest may touch them."""
    sessions = repo.list_sessions(include_expired=True)
    return {
        session.id: (
            (session,)
            if session.expired(now)
            else (
                session,
                repo.list_variables(session.id),
                repo.get_programs(session.id),
                {log: repo.read_log(session.id, log) for log in repo.list_logs(session.id)},
            )
        )
        for session in sessions
    }


@pytest.fixture
def unchanged(repo: SessionRepository, clock: Clock) -> Callable[[], AbstractContextManager[None]]:
    """``with unchanged(): ...``: the content is the same a second later; no access was recorded."""

    @contextmanager
    def watch() -> Iterator[None]:
        before = everything(repo, clock())
        clock.advance(1)
        yield
        assert everything(repo, clock()) == before

    return watch


# --- every verb that works on a session, called so that it succeeds on a filled one

READS: dict[str, Call] = {
    "get_session": lambda repo, sid: repo.get_session(sid),
    "get_variable": lambda repo, sid: repo.get_variable(sid, "x"),
    "get_variable-default": lambda repo, sid: repo.get_variable(sid, "x", None),
    "get_value": lambda repo, sid: repo.get_value(sid, "x"),
    "get_value-default": lambda repo, sid: repo.get_value(sid, "x", None),
    "get_variables": lambda repo, sid: repo.get_variables(sid, ["x", "note-id"]),
    "variable_names": lambda repo, sid: repo.variable_names(sid),
    "list_variables": lambda repo, sid: repo.list_variables(sid),
    "variable_names-page": lambda repo, sid: repo.variable_names(sid, after="a", limit=1),
    "list_variables-newest": lambda repo, sid: repo.list_variables(sid, limit=1, reverse=True),
    "list_variables-nothing": lambda repo, sid: repo.list_variables(sid, limit=0),
    "variable_history": lambda repo, sid: repo.variable_history(sid, "x"),
    "get_variable_version": lambda repo, sid: repo.get_variable_version(sid, "x", 0),
    "get_program": lambda repo, sid: repo.get_program(sid, "p"),
    "get_program-default": lambda repo, sid: repo.get_program(sid, "p", None),
    "get_program_record": lambda repo, sid: repo.get_program_record(sid, "p"),
    "program_history": lambda repo, sid: repo.program_history(sid, "p"),
    "get_program_version": lambda repo, sid: repo.get_program_version(sid, "p", 0),
    "get_programs": lambda repo, sid: repo.get_programs(sid),
    "list_programs": lambda repo, sid: repo.list_programs(sid),
    "program_ids": lambda repo, sid: repo.program_ids(sid),
    "read_log": lambda repo, sid: repo.read_log(sid, "l"),
    "read_log-last": lambda repo, sid: repo.read_log(sid, "l", last=1),
    "log_length": lambda repo, sid: repo.log_length(sid, "l"),
    "list_logs": lambda repo, sid: repo.list_logs(sid),
    "program_ids-prefix": lambda repo, sid: repo.program_ids(sid, prefix="p", reverse=True),
}
WRITES: dict[str, Call] = {
    "update_session": lambda repo, sid: repo.update_session(sid, metadata={"a": 1}),
    "touch": lambda repo, sid: repo.touch(sid),
    "put_variable": lambda repo, sid: repo.put_variable(
        sid, snakestore.create_variable(name="new", type="float", value=1.0)
    ),
    "register_variable": lambda repo, sid: repo.register_variable(sid, "new", "float", 1.0),
    "update_variable": lambda repo, sid: repo.update_variable(sid, "x", 3.0),
    "modify_variable": lambda repo, sid: repo.modify_variable(sid, "x", lambda value: value + 1),
    "set_value": lambda repo, sid: repo.set_value(sid, "x", 3.0),
    "set_value-new": lambda repo, sid: repo.set_value(sid, "new", 3.0),
    "set_values": lambda repo, sid: repo.set_values(sid, {"x": 3.0, "new": "bye"}),
    "delete_variables": lambda repo, sid: repo.delete_variables(sid, ["x", "nothing"]),
    "update_variables": lambda repo, sid: repo.update_variables(sid, {"x": 3.0, "note": "bye"}),
    "update_variables-not-atomic": lambda repo, sid: repo.update_variables(
        sid, {"x": 3.0}, atomic=False
    ),
    "rollback_variable": lambda repo, sid: repo.rollback_variable(sid, "x", 0),
    "delete_variable": lambda repo, sid: repo.delete_variable(sid, "x"),
    "start_optimization": lambda repo, sid: repo.start_optimization(sid, "x", "opt"),
    "claim_variable": lambda repo, sid: repo.claim_variable(sid, "*", "opt", lease=60),
    "claim_variable-none": lambda repo, sid: repo.claim_variable(sid, "none", "opt", lease=60),
    "put_program": lambda repo, sid: repo.put_program(sid, "new", [1]),
    "put_program-same": lambda repo, sid: repo.put_program(sid, "p", {"steps": [1, 2]}),
    "rollback_program": lambda repo, sid: repo.rollback_program(sid, "p", 0),
    "delete_program": lambda repo, sid: repo.delete_program(sid, "p"),
    "append_log": lambda repo, sid: repo.append_log(sid, "l", ["third"]),
    "append_log-new": lambda repo, sid: repo.append_log(sid, "new", []),
    "pop_log": lambda repo, sid: repo.pop_log(sid, "l"),
    "pop_log-default": lambda repo, sid: repo.pop_log(sid, "l", None),
    "trim_log": lambda repo, sid: repo.trim_log(sid, "l", keep_last=1),
    "delete_log": lambda repo, sid: repo.delete_log(sid, "l"),
}
OTHERS: dict[
    str, Call
] = {  # neither surely a write nor an access, but refused where there is no session
    "get_stats": lambda repo, sid: repo.get_stats(sid),
    "end_optimization": lambda repo, sid: repo.end_optimization(sid, "x"),
}


@pytest.fixture(params=READS.values(), ids=READS.keys())
def reading(request: pytest.FixtureRequest) -> Call:
    """``reading(repo, sid)``: one verb that reads a filled session, which is an access."""
    return request.param


@pytest.fixture(params=WRITES.values(), ids=WRITES.keys())
def writing(request: pytest.FixtureRequest) -> Call:
    """``writing(repo, sid)``: one verb that writes to a filled session."""
    return request.param


ALL = READS | WRITES | OTHERS


@pytest.fixture(params=ALL.values(), ids=ALL.keys())
def verb(request: pytest.FixtureRequest) -> Call:
    """``verb(repo, sid)``: one verb that a missing or expired session refuses."""
    return request.param
