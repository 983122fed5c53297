"""Which requests are answered, and the headers of every answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
"""No script runs, also none in a value of the store. The pages need none."""
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_NAMES = frozenset(name for name, _ in HEADERS)
PAGES = ("sessions", "session", "variable", "program", "log", "value", "chart")
_FOLDERS = ("/store", "/inspector/")
_HOSTS = frozenset({"127.0.0.1", "localhost"})
"""Against DNS rebinding: a request from a page of another site has the host of that site."""


def guarded(app: App) -> App:
    """The application behind a check of each request."""

    async def _answer(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        send = _with_headers(send)
        refusal = _refusal(scope)
        if refusal is None:
            await app(scope, receive, send)
            return
        status, text = refusal
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})

    return _answer


def _with_headers(send: Send) -> Send:
    """``send``, with HEADERS in place of the application's own of these names."""

    async def _send(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in _NAMES]
            message = {**message, "headers": [*kept, *HEADERS]}
        await send(message)

    return _send


def _refusal(scope: Message) -> tuple[int, str] | None:
    """Status and text of a refusal; None for a request that is answered."""
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").rpartition(":")
    if (host[0] or host[2]) not in _HOSTS:
        return 400, "The inspector answers requests to 127.0.0.1 and localhost only."
    if scope["method"] not in {"GET", "HEAD"}:
        return 405, "The inspector only reads."
    path: str = scope["path"]
    if path in {"/", "/favicon.ico", *(f"/{page}" for page in PAGES)} or path.startswith(_FOLDERS):
        return None
    return 404, "There is no such page. Begin at /"
