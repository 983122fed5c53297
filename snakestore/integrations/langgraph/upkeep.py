"""What a checkpointer does with whole threads, as steps: copying, pruning and deleting."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from snakestore.errors import ValidationError
from snakestore.integrations.langgraph import keys, stored
from snakestore.integrations.langgraph.steps import Steps, call
from snakestore.integrations.langgraph.threads import Threads
from snakestore.variable import Variable

_PAGE = 50
"""How many checkpoints or sessions are read at a time."""


def sessions(threads: Threads) -> Steps[list[str]]:
    """The ids of the sessions of all threads."""
    found: list[str] = []
    last = threads.prefix
    while last.startswith(threads.prefix):
        page = yield call("list_sessions", after=last, limit=_PAGE)
        if not page:
            break
        found += [session.id for session in page if session.id.startswith(threads.prefix)]
        last = page[-1].id
    return found


def newest(threads: Threads, session: str) -> Steps[list[str]]:
    """The name of the newest checkpoint of each namespace, with one look-up for each."""
    found: list[str] = []
    after = None
    while names := (
        yield from threads.names(
            session, prefix=keys.CHECKPOINTS, after=after, limit=1, reverse=True
        )
    ):
        found += names
        after = keys.namespace_of(names[0])
    return found


def delete_thread(threads: Threads, thread_id: str) -> Steps[None]:
    """Delete a thread with all its checkpoints and writes."""
    yield call("delete_session", threads.session_of(thread_id))


def delete_for_runs(threads: Threads, run_ids: Collection[str]) -> Steps[None]:
    """Delete the checkpoints of runs. Reads every checkpoint of every thread."""
    runs = set(run_ids) - {None}  # a checkpoint without a run is of none
    for session in (yield from sessions(threads)) if runs else ():
        last = None
        while names := (yield from _page(threads, session, last)):
            last = names[-1]
            found = yield from _variables(session, names)
            yield from _delete(session, [item.name for item in found if _run(item) in runs])


def prune(threads: Threads, thread_ids: Collection[str], strategy: str) -> Steps[None]:
    """Delete threads, or all but the newest checkpoint of each namespace.

    Ancestors from which a delta channel of the newest is rebuilt stay too.

    Raises:
        ValidationError: if there is no such strategy.
    """
    if strategy not in {"delete", "keep_latest"}:
        message = f"strategy must be 'keep_latest' or 'delete', not {strategy!r}"
        raise ValidationError(message, value=strategy)
    for thread_id in thread_ids:
        if strategy == "delete":
            yield from delete_thread(threads, thread_id)
        else:
            yield from _keep_newest(threads, threads.session_of(thread_id))


def copy_thread(threads: Threads, source: str, target: str) -> Steps[None]:
    """Copy all checkpoints and writes to another thread. Those of the same id are replaced."""
    session, other = threads.session_of(source), threads.session_of(target)
    last = None
    while session != other and (names := (yield from _page(threads, session, last))):
        if last is None:
            yield from threads.create(other)
        last = names[-1]
        for item in (yield from _variables(session, names)):
            yield call("set_value", other, item.name, item.value, metadata=item.metadata)
    for log in (yield call("list_logs", session, f"{keys.WRITES}*")) if last else ():
        entries = yield call("read_log", session, log)
        yield call("delete_log", other, log)
        yield call("append_log", other, log, [entry.value for entry in entries])


def _keep_newest(threads: Threads, session: str) -> Steps[None]:
    heads = {keys.namespace_of(name): name for name in (yield from newest(threads, session))}
    kept: set[str] = set()
    for head in heads.values():
        kept |= yield from _needed(threads, session, head)
    last = None
    while names := (yield from _page(threads, session, last)):
        last = names[-1]
        # what is newer than the head was stored since
        older = [name for name in names if name < heads.get(keys.namespace_of(name), "")]
        yield from _delete(session, [name for name in older if name not in kept])


def _needed(threads: Threads, session: str, head: str) -> Steps[set[str]]:
    """A checkpoint, and its ancestors back to a value of each of its delta channels."""
    needed: set[str] = set()
    variable = yield from threads.variable(session, head)
    if variable is None:
        return needed
    # LangGraph counts, for each delta channel, what came since its last value
    missing = set(variable.metadata["metadata"].get("counters_since_delta_snapshot") or ())
    while variable is not None and variable.name not in needed:
        needed.add(variable.name)
        missing -= stored.checkpoint_in(threads.serde, variable)["channel_values"].keys()
        if not missing:
            break
        variable = yield from threads.parent(session, variable)
    return needed


def _page(threads: Threads, session: str, after: str | None) -> Steps[list[str]]:
    """Names of checkpoints of all namespaces."""
    page = threads.names(session, prefix=keys.CHECKPOINTS, after=after, limit=_PAGE)
    return (yield from page)


def _variables(session: str, names: Sequence[str]) -> Steps[list[Variable]]:
    batch = yield call("get_variables", session, names)
    return list(batch.found.values())


def _run(variable: Variable) -> object:
    return variable.metadata["metadata"].get("run_id")


def _delete(session: str, names: Sequence[str]) -> Steps[None]:
    """Delete checkpoints with their writes."""
    if names:
        yield call("delete_variables", session, names)
    for name in names:
        yield call("delete_log", session, keys.writes_of(name))
