"""A chat service of four processes, restarted under load, while a prompt changes and sweepers run.

Run it as ``python agent_service.py [PATH_OR_URL]``. It sends the turns of 200 users, every third
turn twice at the same moment, as an impatient client does. It prints what it checked, and exits
with 1 if anything is wrong. It needs ``pip install fastapi uvicorn httpx``.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI, HTTPException
from support.verdict import Verdict

from snakestore import (
    AsyncSessionRepository,
    LogEntry,
    LogNotFoundError,
    SessionNotFoundError,
    SessionRepository,
    VersionConflictError,
)

STORE = "AGENT_STORE"
SERVICE = "service"
PROCESSES, SWEEPERS, USERS, TURNS, GUESTS = 4, 2, 200, 10, 50
AT_ONCE = 4
"""Users whose turns are on their way at the same moment."""
SECONDS_TO_ANSWER = 1.0
"""The longest that a client waits."""

# --- the service: what you would write


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the store once for each process."""
    async with AsyncSessionRepository.open(os.environ[STORE]) as repo:
        app.state.repo = repo
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/users/{user}/turns/{number}")
async def take_turn(user: str, number: int, text: str) -> dict[str, Any]:
    """Answer turn ``number``. If it is sent again, the stored answer is returned."""
    repo: AsyncSessionRepository = app.state.repo
    await repo.create_session(user, ttl=3600, exist_ok=True)
    prompt = await repo.get_variable(SERVICE, "prompt")
    turn = {"text": text, "reply": f"{prompt.value} {text}", "prompt": prompt.version}
    try:
        await repo.append_log(user, "turns", [turn], expected_length=number)
    except VersionConflictError as conflict:
        if (conflict.actual or 0) <= number:
            raise HTTPException(409, "an earlier turn is missing") from None
        [stored] = await repo.read_log(user, "turns", after=number - 1, limit=1)
        turn = stored.value
    return turn


@app.get("/users/{user}/turns")
async def turns(user: str) -> list[dict[str, Any]]:
    """The history of a user."""
    try:
        return [entry.value for entry in await app.state.repo.read_log(user, "turns")]
    except (SessionNotFoundError, LogNotFoundError):
        raise HTTPException(404, "no such user") from None


def sweep(store: str, stop: Event) -> None:
    """Delete expired sessions until the service ends."""
    with SessionRepository.open(store) as repo:
        while not stop.wait(0.2):
            repo.delete_expired()


# --- the day of the service: its load, and what its operators do meanwhile


class Service:
    """The processes, each on a port of its own."""

    def __init__(self, store: str) -> None:
        self._environment = {**os.environ, STORE: store}
        self.ports = free_ports(PROCESSES)
        self._processes = {port: self._start(port) for port in self.ports}

    def _start(self, port: int) -> subprocess.Popen[bytes]:
        folder = str(Path(__file__).parent)
        command = [sys.executable, "-m", "uvicorn", "--app-dir", folder, "agent_service:app"]
        return subprocess.Popen(
            [*command, "--port", str(port), "--log-level", "error"], env=self._environment
        )

    async def ready(self, client: httpx.AsyncClient) -> None:
        """Wait until each process answers."""
        for port in self.ports:
            while True:
                try:
                    await client.get(f"http://127.0.0.1:{port}/users/nobody/turns")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.05)

    async def restart(self, port: int, client: httpx.AsyncClient) -> None:
        """Stop one process, and start it again. The others go on."""
        self._processes[port].terminate()
        await asyncio.to_thread(self._processes[port].wait)
        self._processes[port] = self._start(port)
        await self.ready(client)

    def stop(self) -> None:
        """Stop all processes."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Clients:
    """All users. They ask another process while one restarts."""

    def __init__(self, client: httpx.AsyncClient, ports: list[int]) -> None:
        self._client = client
        self._ports = itertools.cycle(ports)
        self._places = asyncio.Semaphore(AT_ONCE)
        self._progress = asyncio.Condition()
        self.rolled_back = asyncio.Event()
        """Set when the prompt has been rolled back: every user takes a turn after that."""
        self.slowest = 0.0
        self.failures: list[str] = []
        self.turns = 0

    async def talk(self, user: str) -> None:
        """Take all turns of a user."""
        for number in range(TURNS):
            if number == TURNS - 1:
                await self.rolled_back.wait()
            async with self._places:
                times = 2 if number % 3 == 0 else 1  # an impatient client
                answers = await asyncio.gather(*(self._send(user, number) for _ in range(times)))
            if len(set(answers)) > 1:
                self.failures.append(f"{user}, turn {number}: two answers")
            async with self._progress:
                self.turns += 1
                self._progress.notify_all()

    async def reached(self, turns: int) -> None:
        """Wait until so many turns have been taken."""
        async with self._progress:
            await self._progress.wait_for(lambda: self.turns >= turns)

    async def _send(self, user: str, number: int) -> Any:
        while True:
            url = f"http://127.0.0.1:{next(self._ports)}/users/{user}/turns/{number}"
            start = time.perf_counter()
            try:
                response = await self._client.post(url, params={"text": f"message {number}"})
            except httpx.TransportError:
                continue  # the process restarts: ask another one
            self.slowest = max(self.slowest, time.perf_counter() - start)
            if response.status_code != httpx.codes.OK:
                self.failures.append(f"{user}, turn {number}: {response.status_code}")
            return response.text


async def operate(repo: AsyncSessionRepository, service: Service, clients: Clients) -> None:
    """Promote a prompt, restart each process in turn, and roll the prompt back, under load."""
    total = USERS * TURNS
    await clients.reached(total // 5)
    await repo.update_variable(SERVICE, "prompt", "Certainly:", metadata={"by": "optimiser"})
    async with httpx.AsyncClient() as client:
        for port in service.ports:
            await service.restart(port, client)
    await clients.reached(total // 2)
    await repo.rollback_variable(SERVICE, "prompt", 0, reason="users complained")
    clients.rolled_back.set()


async def day(store: str, service: Service) -> Clients:
    """Send all turns while the operators are at work."""
    # a connection for each request: one that is kept may be closed while it is used
    limits = httpx.Limits(max_keepalive_connections=0)
    async with (
        httpx.AsyncClient(limits=limits, timeout=30) as client,
        AsyncSessionRepository.open(store) as repo,
        asyncio.TaskGroup() as tasks,
    ):
        await service.ready(client)
        clients = Clients(client, service.ports)
        tasks.create_task(operate(repo, service, clients))
        for user in users():
            tasks.create_task(clients.talk(user))
    return clients


def users() -> list[str]:
    """The ids of their sessions."""
    return [f"user-{number:03}" for number in range(USERS)]


def prepare(repo: SessionRepository) -> None:
    """Begin anew: a prompt, no user, and guests who will not come back."""
    for session in repo.list_sessions(include_expired=True):
        repo.delete_session(session.id)
    repo.create_session(SERVICE, ttl=None)
    repo.register_variable(SERVICE, "prompt", "string", "You said:")
    for number in range(GUESTS):
        repo.create_session(f"guest-{number:02}", ttl=0.1)


def histories(repo: SessionRepository) -> dict[str, list[LogEntry]]:
    """The turns of every user."""
    return {user: repo.read_log(user, "turns") for user in users()}


def sound(repo: SessionRepository, history: list[LogEntry]) -> bool:
    """Whether a history has each turn once, in order, answered by the prompt that it names."""
    now = repo.get_variable(SERVICE, "prompt")
    versions = [now, *repo.variable_history(SERVICE, "prompt")]
    prompts = {each.version: each.value for each in versions}
    return [entry.value["text"] for entry in history] == [
        f"message {number}" for number in range(TURNS)
    ] and all(
        entry.value["reply"] == f"{prompts[entry.value['prompt']]} {entry.value['text']}"
        for entry in history
    )


def export_delete_import(repo: SessionRepository, user: str, file: Path) -> bool:
    """Export a user, delete the user, and import the user. Whether the history is the same."""
    before = repo.read_log(user, "turns")
    with file.open("w", encoding="utf-8") as lines:
        for record in repo.export_sessions(user):
            lines.write(json.dumps(record) + "\n")
    repo.delete_session(user)
    gone = not repo.session_exists(user)
    with file.open(encoding="utf-8") as lines:
        repo.import_sessions(map(json.loads, lines))
    file.unlink()
    return gone and repo.read_log(user, "turns") == before


def read_again(store: str) -> list[int]:
    """Start the service anew, and count the turns that it returns of each user."""
    service = Service(store)

    async def counts() -> list[int]:
        """Ask one process after the other, as a load balancer would."""
        async with httpx.AsyncClient(timeout=30) as client:
            await service.ready(client)
            urls = [
                f"http://127.0.0.1:{service.ports[number % PROCESSES]}/users/{user}/turns"
                for number, user in enumerate(users())
            ]
            return [len((await client.get(url)).json()) for url in urls]

    try:
        return asyncio.run(counts())
    finally:
        service.stop()


def serve(store: str) -> Clients:
    """Run the service, its sweepers and its load until all turns are taken."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    sweepers = [context.Process(target=sweep, args=(store, stop)) for _ in range(SWEEPERS)]
    for sweeper in sweepers:
        sweeper.start()
    service = Service(store)
    try:
        return asyncio.run(day(store, service))
    finally:
        service.stop()
        stop.set()
        for sweeper in sweepers:
            sweeper.join()


def main(store: str = "agent-service.db") -> int:
    """Run the service for a day, and check what is stored. The exit code."""
    with SessionRepository.open(store, migrate=True) as repo:
        prepare(repo)
    clients = serve(store)

    verdict = Verdict("agent service")
    verdict.equal("turns answered", clients.turns, USERS * TURNS)
    verdict.equal("requests that failed", clients.failures, [])
    verdict.less("the slowest request, in seconds", clients.slowest, SECONDS_TO_ANSWER)
    with SessionRepository.open(store) as repo:
        stored = histories(repo)
        whole = sum(sound(repo, history) for history in stored.values())
        verdict.equal("histories with each turn once, in order", whole, USERS)
        used = {entry.value["prompt"] for history in stored.values() for entry in history}
        verdict.equal("prompts that answered", sorted(used), [0, 1, 2])
        verdict.equal("the prompt, rolled back", repo.get_value(SERVICE, "prompt"), "You said:")
        verdict.equal("expired guests left", repo.list_expired(), [])
        same = export_delete_import(repo, users()[7], Path("user.jsonl"))
        verdict.true("export, deletion, import: the same", holds=same)
        verdict.equal("problems that check finds", repo.check().problem_count, 0)
    verdict.equal("turns after a restart", sum(read_again(store)), USERS * TURNS)
    return verdict.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
