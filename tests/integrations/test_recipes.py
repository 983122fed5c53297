"""The other programs of docs/recipes.md, with the real packages."""

from __future__ import annotations

import sys

import pytest

from snakestore import SessionRepository, ValidationError, VariableLockedError
from snakestore.types import registry
from tests.integrations.recipes import recipe, source


@pytest.fixture
def jobs(monkeypatch):
    module = recipe("jobs.py")
    monkeypatch.setitem(sys.modules, "jobs", module)
    return module


@pytest.fixture
def repo(tmp_path, monkeypatch):
    """The store that the programs open."""
    monkeypatch.chdir(tmp_path)
    with SessionRepository.open("agent.db") as opened:
        for session in ("jobs", "s"):
            opened.create_session(session, ttl=None)
        yield opened


def test_langchain_an_answer_of_a_chat_model_comes_back(repo):
    pytest.importorskip("langchain_core", reason="needs the extra snakestore[suites]")
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGeneration

    cache = recipe("langchain_cache.py").AnswerCache(repo, "s")
    answer = ChatGeneration(message=AIMessage("Paris", id="1"))
    cache.update("p", "m", [answer])

    assert cache.lookup("p", "m") == [answer]


def test_langchain_a_method_of_a_view_is_a_tool(repo):
    pytest.importorskip("langchain_core", reason="needs the extra snakestore[suites]")
    from langchain_core.tools import StructuredTool

    view = repo.session("s")
    write, read = (StructuredTool.from_function(each) for each in (view.set_value, view.get_value))
    write.invoke({"name": "tone", "value": "formal"})

    assert read.invoke({"identifier": "tone"}) == "formal"
    assert list(read.args) == ["identifier", "default"]
    assert write.description.startswith("Replace the value")


def test_openai_agents_a_method_of_a_view_is_a_tool(repo):
    agents = pytest.importorskip("agents", reason="needs the extra snakestore[openai-agents]")

    tool = agents.function_tool(repo.session("s").get_value, strict_mode=False)

    assert list(tool.params_json_schema["properties"]) == ["identifier", "default"]


def test_dogpile_a_region_calls_the_function_once(repo, monkeypatch):
    pytest.importorskip("dogpile.cache", reason="needs the extra snakestore[suites]")
    monkeypatch.setitem(sys.modules, "dogpile_backend", recipe("dogpile_backend.py"))
    program = recipe("capitals.py")

    with program.repo:
        assert [program.capital("France") for _ in range(2)] == ["Paris", "Paris"]
        (stored,) = program.repo.list_variables("cache", prefix="value:")
        assert stored.version == 0


@pytest.mark.filterwarnings(
    "ignore:Using `httpx` with"
)  # newer versions of Starlette prefer httpx2
def test_fastapi_a_visitor_has_a_session_until_it_expires(repo):
    pytest.importorskip("fastapi", reason="needs the extra snakestore[test]")
    from fastapi.testclient import TestClient

    with TestClient(recipe("visits.py").app, base_url="https://testserver") as client:
        assert [client.get("/").json() for _ in range(3)] == [1, 2, 3]
        assert TestClient(client.app, base_url="https://testserver").get("/").json() == 1
        repo.delete_session(f"visitor:{client.cookies['token']}")
        assert client.get("/").json() == 1


def test_streamlit_the_state_survives_a_reload(repo, tmp_path, monkeypatch):
    # AppTest leaves its page there, which processes that are started later would run
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    testing = pytest.importorskip("streamlit.testing.v1", reason="needs snakestore[suites]")
    page = tmp_path / "counter_app.py"
    page.write_text(source("counter_app.py"), "utf-8")

    first = testing.AppTest.from_file(str(page), default_timeout=60).run()
    first.button[0].click().run()
    first.button[0].click().run()
    again = testing.AppTest.from_file(str(page), default_timeout=60)
    again.query_params["token"] = first.query_params["token"]
    again.run()

    assert not first.exception
    assert not again.exception
    assert again.metric[0].value == "2"


def test_pydantic_a_model_comes_back_as_it_was(repo, monkeypatch):
    pydantic = pytest.importorskip("pydantic", reason="needs the extra snakestore[test]")
    monkeypatch.setattr(registry, "_types", dict(registry._types))

    class Order(pydantic.BaseModel):
        item: str
        weight: float = 1.0

    recipe("models.py").register_model(Order)
    order = Order(item="tea", weight=2.5)
    repo.set_value("s", "order", order, type="model:Order")

    assert repo.get_value("s", "order") == order
    with pytest.raises(ValidationError, match="not a Order"):
        repo.set_value("s", "order", {"item": "tea"})
    with pytest.raises((ValidationError, pydantic.ValidationError)):
        repo.set_value("s", "order", Order(item="tea", weight=float("nan")))


def test_a_job_is_done_once_and_a_second_worker_is_refused_meanwhile(repo, jobs):
    done = []

    def work():
        with pytest.raises(VariableLockedError):
            jobs.once(repo, "job", lambda: done.append("other"))
        done.append("first")
        return 1

    assert [jobs.once(repo, "job", work) for _ in range(3)] == [1, 1, 1]
    assert done == ["first"]


def test_a_job_that_fails_is_tried_again(repo, jobs):
    def work():
        message = "down"
        raise OSError(message)

    with pytest.raises(OSError, match="down"):
        jobs.once(repo, "job", work)

    assert jobs.once(repo, "job", lambda: 2) == 2


def no_logging(**_):
    """In place of Celery's own."""


@pytest.mark.filterwarnings("ignore")  # of the worker, which is made for another thread
def test_celery_a_job_that_is_delivered_twice_is_done_once(repo, jobs):
    pytest.importorskip("celery", reason="needs the extra snakestore[suites]")
    from celery.contrib.testing.worker import start_worker
    from celery.signals import setup_logging

    setup_logging.connect(no_logging)  # Celery would take the root logger from later tests
    tasks = recipe("tasks.py")
    tasks.app.conf.update(broker_url="memory://", result_backend="cache+memory://")
    tasks.open_store()
    # the level stays that of the root logger: others expect warnings there
    with start_worker(tasks.app, perform_ping_check=False, pool="solo", loglevel="WARNING"):
        results = [tasks.embed.delay("text") for _ in range(2)]
        values = [each.get(timeout=60) for each in results]
    tasks.app.repo.close()

    assert values == [4, 4]
    assert repo.get_value("jobs", "embed:text") == {"done": True, "result": 4}
    assert repo.get_variable("jobs", "embed:text").version == 1


@pytest.mark.filterwarnings("ignore")  # of RQ, about the Redis that is played
def test_rq_a_job_that_is_delivered_twice_is_done_once(repo, jobs, monkeypatch):
    rq = pytest.importorskip("rq", reason="needs the extra snakestore[suites]")
    fakeredis = pytest.importorskip("fakeredis", reason="needs the extra snakestore[suites]")
    module = recipe("rq_jobs.py")
    monkeypatch.setitem(sys.modules, "rq_jobs", module)
    connection = fakeredis.FakeStrictRedis()
    queue = rq.Queue(connection=connection)

    delivered = [queue.enqueue("rq_jobs.embed", "text") for _ in range(2)]
    rq.SimpleWorker([queue], connection=connection).work(burst=True)

    assert [each.return_value() for each in delivered] == [4, 4]
    assert repo.get_variable("jobs", "embed:text").version == 1
