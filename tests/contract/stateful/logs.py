"""The model and the rules of logs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as some
from hypothesis.stateful import rule

from snakestore import LogEntry, LogNotFoundError, VersionConflictError
from tests.contract.stateful.drawn import session_ids, values
from tests.contract.stateful.model import Model, RefusedError

logs = some.sampled_from(["chat", "chat", "chat", "events"])
counts = some.sampled_from([None, None, 0, 1, 2, 5])
positions = some.none() | some.integers(-1, 12)
MISSING = "nothing to pop"


@dataclass
class Log:
    """A log: its entries, and how many there ever were."""

    entries: list[LogEntry] = field(default_factory=list)
    next_position: int = 0


class LogModel(Model):
    """Append, read and drop, as the contract says."""

    def log(self, sid: str, name: str) -> Log:
        log: Log | None = self.place(sid).logs.get(name)
        if log is None:
            raise RefusedError(LogNotFoundError, session_id=sid, log=name)
        return log

    def append_log(
        self,
        sid: str,
        name: str,
        given: list[Any],
        *,
        expected_length: int | None,
        keep_last: int | None,
    ) -> int:
        place = self.place(sid)
        log = place.logs.get(name)
        length = 0 if log is None else len(log.entries)
        if expected_length not in (None, length):
            raise RefusedError(
                VersionConflictError,
                session_id=sid,
                identifier=name,
                expected=expected_length,
                actual=None if log is None else length,
            )
        log = place.logs.setdefault(name, Log())
        for value in given:
            log.entries.append(
                LogEntry(position=log.next_position, value=value, created_at=self.clock())
            )
            log.next_position += 1
        if keep_last is not None:
            del log.entries[: max(0, len(log.entries) - keep_last)]
        self.written(place)
        return len(log.entries)

    def read_log(
        self, sid: str, name: str, *, after: int | None, before: int | None, last: int | None
    ) -> list[LogEntry]:
        log = self.log(sid, name)
        self.read(self.place(sid))
        found = [
            entry
            for entry in log.entries
            if (after is None or entry.position > after)
            and (before is None or entry.position < before)
        ]
        return found if last is None else found[max(0, len(found) - last) :]

    def log_length(self, sid: str, name: str) -> int:
        log = self.log(sid, name)
        self.read(self.place(sid))
        return len(log.entries)

    def list_logs(self, sid: str) -> list[str]:
        place = self.place(sid)
        self.read(place)
        return sorted(place.logs)

    def pop_log(self, sid: str, name: str, default: Any) -> Any:
        place = self.place(sid)
        log = place.logs.get(name)
        if log is None or not log.entries:
            return default
        self.written(place)
        return log.entries.pop().value

    def trim_log(self, sid: str, name: str, *, keep_last: int | None, before: int | None) -> int:
        place = self.place(sid)
        log = place.logs.get(name)
        if log is None:
            return 0
        length = len(log.entries)
        if before is not None:
            log.entries = [entry for entry in log.entries if entry.position >= before]
        if keep_last is not None:
            del log.entries[: max(0, len(log.entries) - keep_last)]
        if len(log.entries) < length:
            self.written(place)
        return length - len(log.entries)

    def delete_log(self, sid: str, name: str) -> bool:
        place = self.place(sid)
        if place.logs.pop(name, None) is None:
            return False
        self.written(place)
        return True


class LogRules:
    """Operations of the machine, which has ``both``."""

    both: Any

    @rule(
        sid=session_ids,
        log=logs,
        given=some.lists(values, max_size=4),
        expected=some.sampled_from([None] * 5 + [0, 1, 2]),
        keep=counts,
    )
    def append(
        self, sid: str, log: str, given: list[Any], expected: int | None, keep: int | None
    ) -> None:
        self.both(
            lambda on: on.append_log(sid, log, given, expected_length=expected, keep_last=keep)
        )

    @rule(sid=session_ids, log=logs, after=positions, before=positions, last=counts)
    def read_entries(
        self, sid: str, log: str, after: int | None, before: int | None, last: int | None
    ) -> None:
        self.both(lambda on: on.read_log(sid, log, after=after, before=before, last=last))
        self.both(lambda on: on.log_length(sid, log))
        self.both(lambda on: on.list_logs(sid))

    @rule(
        sid=session_ids,
        log=logs,
        how=some.sampled_from(["pop", "pop", "trim", "trim", "delete"]),
        keep=counts,
        before=some.integers(0, 12),
    )
    def drop(self, sid: str, log: str, how: str, keep: int | None, before: int) -> None:
        if how == "pop":
            self.both(lambda on: [on.pop_log(sid, log, MISSING)])
        elif how == "trim":
            self.both(lambda on: on.trim_log(sid, log, keep_last=keep, before=before))
        else:
            self.both(lambda on: on.delete_log(sid, log))
