"""Names in the session of a thread.

A checkpoint is a variable ``c/NAMESPACE/CHECKPOINT_ID``, and its writes are a log
``w/NAMESPACE/CHECKPOINT_ID``. LangGraph's ids rise with time. So the newest checkpoints of a
namespace are the end of an index range.
"""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import quote

CHECKPOINTS = "c/"
WRITES = "w/"
_LONGEST_NAMESPACE = 120


def checkpoints_of(namespace: str) -> str:
    """What the names of a namespace's checkpoints start with.

    The namespace has no ``/`` there. A long one, of nested subgraphs, is hashed.
    """
    key = quote(namespace, safe=":|", errors="surrogatepass")
    if len(key) > _LONGEST_NAMESPACE:
        key = "#" + sha256(namespace.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{CHECKPOINTS}{key}/"


def namespace_of(name: str) -> str:
    """What the names of all checkpoints of the same namespace start with."""
    return name[: name.index("/", len(CHECKPOINTS)) + 1]


def checkpoint_id(name: str) -> str:
    """The id of a checkpoint, by its name."""
    return name.split("/", 2)[2]


def writes_of(name: str) -> str:
    """The log of the writes of a checkpoint, by its name."""
    return WRITES + name.removeprefix(CHECKPOINTS)
