"""A relay between client and server, for tests and benchmarks.

It cuts the connection during COMMIT, counts round trips, and delays what the client sends, as a
network would.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import socket
import threading
import time
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url

COMMIT = b"COMMIT\0"
"""The statement; the name of an isolation level begins likewise."""


class Lose(Enum):
    """What becomes of the next COMMIT."""

    NOTHING = "it passes, and so does the answer"
    REQUEST = "the connection goes before the server gets it"
    ANSWER = "the server commits, and the connection is lost before its answer arrives"


class Relay:
    """Listens on a socket in ``folder``; ``lose`` says what happens to the next COMMIT."""

    def __init__(self, server: URL, folder: Path, *, delay: float = 0.0) -> None:
        """Listen; ``delay`` is the length of a round trip in seconds, the server's time apart."""
        self.lose = Lose.NOTHING
        self._delay = delay
        self.commits = 0
        self.round_trips = 0
        """How often a client spoke after the server had."""
        self._server = server
        self._server_spoke = True
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(os.fspath(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        self.url = server.set(host=None, port=None).update_query_dict({"host": os.fspath(folder)})
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _connected(self) -> socket.socket:
        folder = self._server.query.get("host")
        if isinstance(folder, str) and folder.startswith("/"):
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(f"{folder}/.s.PGSQL.{self._server.port or 5432}")
            return upstream
        return socket.create_connection(
            (self._server.host or "localhost", self._server.port or 5432)
        )

    def _serve(self, client: socket.socket) -> None:
        upstream = self._connected()
        muted = threading.Event()
        answering = threading.Thread(
            target=self._answer, args=[upstream, client, muted], daemon=True
        )
        answering.start()
        with contextlib.suppress(OSError), client, upstream:
            for data in _delayed(client, self._delay) if self._delay else _received(client):
                self.round_trips += self._server_spoke
                self._server_spoke = False
                if COMMIT in data:
                    self.commits += 1
                    losing, self.lose = self.lose, Lose.NOTHING
                    if losing is Lose.REQUEST:
                        break
                    if losing is Lose.ANSWER:
                        muted.set()
                upstream.sendall(data)
            # closing alone would not wake the thread that waits for answers
            upstream.shutdown(socket.SHUT_RDWR)
            client.shutdown(socket.SHUT_RDWR)

    def _answer(
        self, upstream: socket.socket, client: socket.socket, muted: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            for data in _received(upstream):
                self._server_spoke = True
                if muted.is_set():
                    client.shutdown(
                        socket.SHUT_RDWR
                    )  # the server answered, so that it has committed
                    return
                client.sendall(data)


def _received(connection: socket.socket) -> Iterator[bytes]:
    while data := connection.recv(65536):
        yield data


def _delayed(connection: socket.socket, delay: float) -> Iterator[bytes]:
    """What is received, each part ``delay`` seconds after it came, however many are under way."""
    parts: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

    def _receive() -> None:
        with contextlib.suppress(OSError):
            for data in _received(connection):
                parts.put((time.perf_counter() + delay, data))
        parts.put((0.0, b""))

    threading.Thread(target=_receive, daemon=True).start()
    while (part := parts.get())[1]:
        due, data = part
        time.sleep(max(0.0, due - time.perf_counter()))
        yield data


@contextlib.contextmanager
def distant(server: str, folder: Path, delay: float) -> Iterator[str]:
    """The URL of a server as from afar: by way of a relay in a process of its own."""
    spawning = multiprocessing.get_context("spawn")
    receiver, sender = spawning.Pipe(duplex=False)
    process = spawning.Process(target=_relay, args=[server, folder, delay, sender], daemon=True)
    process.start()
    url: str = receiver.recv()
    try:
        yield url
    finally:
        process.kill()
        process.join()


def _relay(server: str, folder: Path, delay: float, sender: Any) -> None:
    relay = Relay(make_url(server), folder, delay=delay)
    sender.send(relay.url.render_as_string(hide_password=False))
    threading.Event().wait()
