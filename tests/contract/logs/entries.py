"""The entries of a log, as the tests compare them."""

from __future__ import annotations


def read(repo, sid, log="chat", **bounds):
    return [(entry.position, entry.value) for entry in repo.read_log(sid, log, **bounds)]
