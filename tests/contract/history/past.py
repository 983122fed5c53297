"""What a history has, and every kind of write that adds to it."""

from __future__ import annotations

import dataclasses


def versions(repo, sid, identifier="x"):
    return [past.version for past in repo.variable_history(sid, identifier)]


def values(repo, sid, identifier="x"):
    return [past.value for past in repo.variable_history(sid, identifier)]


WRITES = {
    "put": lambda repo, sid: repo.put_variable(
        sid, dataclasses.replace(repo.get_variable(sid, "x"), value=99)
    ),
    "put of a greater version": lambda repo, sid: repo.put_variable(
        sid, dataclasses.replace(repo.get_variable(sid, "x"), version=9)
    ),
    "update": lambda repo, sid: repo.update_variable(sid, "x", 99),
    "update to an equal value": lambda repo, sid: repo.update_variable(sid, "x", 30),
    "modify": lambda repo, sid: repo.modify_variable(sid, "x", lambda value: value),
    "batch": lambda repo, sid: repo.update_variables(sid, {"x": 99}),
    "batch that is not atomic": lambda repo, sid: repo.update_variables(
        sid, {"x": 99, "absent": 1}, atomic=False
    ),
    "rollback": lambda repo, sid: repo.rollback_variable(sid, "x", 0),
}
