"""A relay between client and server: cuts the connection during COMMIT, counts round trips."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from sqlalchemy import URL

COMMIT = b"COMMIT\0"
"""The statement; the name of an isolation level begins likewise."""


class Lose(Enum):
    """What becomes of the next COMMIT."""

    NOTHING = "it passes, and so does the answer"
    REQUEST = "the connection goes before the server gets it"
    ANSWER = "the server commits, and the connection goes before the client is told"


class Relay:
    """Listens on a socket in ``folder``; ``lose`` says what happens to the next COMMIT."""

    def __init__(self, server: URL, folder: Path) -> None:
        self.lose = Lose.NOTHING
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
            for data in _received(client):
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
