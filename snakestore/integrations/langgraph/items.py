"""What a ``BaseStore`` does, as steps. An item is a session, and its value is its metadata.

The id of the session is ``PREFIX LABEL/LABEL/!KEY``, in which ``/``, ``!``, ``%``, ``*`` and NUL of
labels and keys are escaped. So the items of a namespace are one range of ids, and those of it and
of all namespaces below it are one range too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from langgraph.store.base import (
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchItem,
    SearchOp,
)

from snakestore.errors import SessionExistsError, SessionNotFoundError, ValidationError
from snakestore.integrations.langgraph.filters import matches
from snakestore.integrations.langgraph.steps import Steps, call
from snakestore.session import Session

_LAST = "\U0010ffff"
_PAGE = 100

Namespace = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """The items whose sessions have a prefix."""

    prefix: str

    def session_id(self, namespace: Iterable[str], key: str) -> str:
        """The id of the session of an item."""
        return f"{self._below(namespace)}!{_escaped(key)}"

    def _below(self, namespace: Iterable[str]) -> str:
        """What the ids start with of all items of a namespace and of those below it."""
        return self.prefix + "".join(f"{_escaped(label)}/" for label in namespace)

    def _place(self, session_id: str) -> tuple[Namespace, str]:
        """The namespace and the key of an item."""
        path, _, key = session_id.removeprefix(self.prefix).rpartition("!")
        return tuple(unquote(label) for label in path.split("/")[:-1]), unquote(key)

    def _item(self, session: Session) -> dict[str, Any]:
        """The fields of the item that a session stores."""
        namespace, key = self._place(session.id)
        updated_at = session.metadata.get("updated_at")
        return {
            "namespace": namespace,
            "key": key,
            "value": session.metadata["value"],
            "created_at": session.created_at,
            "updated_at": datetime.fromisoformat(updated_at) if updated_at else session.created_at,
        }

    def get(self, op: GetOp) -> Steps[Item | None]:
        """An item, or None. With ``refresh_ttl`` this counts as an access to its session."""
        session_id = self.session_id(op.namespace, op.key)
        if not op.refresh_ttl:
            sessions = yield call("list_sessions", session_id, limit=1)
            return Item(**self._item(sessions[0])) if sessions else None
        try:
            return Item(**self._item((yield call("get_session", session_id))))
        except SessionNotFoundError:
            return None

    def search(self, op: SearchOp) -> Steps[list[SearchItem]]:
        """Items of a namespace and of those below it, ordered by namespace and key.

        As in LangGraph's own stores without an index, a query has no effect.
        """
        found: list[SearchItem] = []
        below, skip, last = self._below(op.namespace_prefix), op.offset, None
        while len(found) < op.limit and (page := (yield from self._page(below, last))):
            last = page[-1].id
            for session in page:
                item = SearchItem(**self._item(session))
                if not matches(item.value, op.filter or {}):
                    continue
                if skip > 0:
                    skip -= 1
                elif len(found) < op.limit:
                    found.append(item)
                    if op.refresh_ttl and session.ttl is not None:
                        yield from self._refresh(session.id)
        return found

    def _page(self, below: str, after: str | None, limit: int = _PAGE) -> Steps[list[Session]]:
        page: list[Session] = yield call("list_sessions", f"{below}*", after=after, limit=limit)
        return page

    def _refresh(self, session_id: str) -> Steps[None]:
        """Count an access to an item, unless it was deleted in between."""
        try:
            yield call("get_session", session_id)
        except SessionNotFoundError:
            return

    def put_all(self, ops: Sequence[PutOp]) -> Steps[None]:
        """Store and delete items. The last of several for one item counts."""
        last = {self.session_id(op.namespace, op.key): op for op in ops}
        for session_id, op in sorted(last.items()):  # in one order, against deadlocks
            if op.value is None:
                yield call("delete_session", session_id)
            else:
                yield from self._put(session_id, dict(op.value), op.ttl)

    def _put(self, session_id: str, value: dict[str, Any], minutes: float | None) -> Steps[None]:
        """Store an item. One that exists keeps its time of creation."""
        ttl = None if minutes is None else minutes * 60
        while True:
            try:
                session = yield call("touch", session_id)
                break
            except SessionNotFoundError:
                created = call(
                    "create_session", session_id, ttl=ttl, history=0, metadata={"value": value}
                )
            try:
                yield created
            except SessionExistsError:  # by another one in between
                continue
            return
        yield call(
            "update_session",
            session_id,
            metadata={"value": value, "updated_at": session.last_accessed.isoformat()},
            replace_metadata=True,
            ttl=ttl,
        )

    def namespaces(self, op: ListNamespacesOp) -> Steps[list[Namespace]]:
        """Namespaces that have items, in order. One look-up for each, however many items it has."""
        conditions = op.match_conditions or ()
        below, last = self._below(_literal_start(conditions)), None
        found: set[Namespace] = set()
        while page := (yield from self._page(below, last, limit=1)):
            namespace, _ = self._place(page[0].id)
            last = max(page[0].id, f"{self._below(namespace)}!{_LAST}")
            if all(_fits(condition, namespace) for condition in conditions):
                found.add(namespace[: op.max_depth])
        return sorted(found)[op.offset : op.offset + op.limit]


def _escaped(text: str) -> str:
    return re.sub(r"[%/!*\x00]", lambda special: f"%{ord(special.group()):02X}", text)


def _literal_start(conditions: Iterable[MatchCondition]) -> Namespace:
    """The labels that all matching namespaces start with, as far as one condition says."""
    for condition in conditions:
        if condition.match_type == "prefix":
            path = tuple(condition.path)
            return path[: path.index("*")] if "*" in path else path
    return ()


def _fits(condition: MatchCondition, namespace: Namespace) -> bool:
    """Whether a namespace starts or ends with the labels of a condition; ``*`` is any label."""
    if condition.match_type not in {"prefix", "suffix"}:
        message = f"match_type must be 'prefix' or 'suffix', not {condition.match_type!r}"
        raise ValidationError(message, value=condition.match_type)
    path = tuple(condition.path)
    size = len(path)
    labels = namespace[:size] if condition.match_type == "prefix" else namespace[-size:]
    return len(labels) == size and all(
        wanted in {"*", label} for wanted, label in zip(path, labels, strict=True)
    )
