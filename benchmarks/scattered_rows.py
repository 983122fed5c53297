"""The rows of work at random in many sessions, compared with the least that one writes by hand."""

from __future__ import annotations

from benchmarks.row import BARE, CACHED, DISKCACHE, OURS, Row, Target, ours

BARE_ROWS = (
    Row(
        key="bare-get",
        title="get_value, 20,000 at random",
        calls=2000,
        base=BARE,
        targets=ours(1.3, 1.15),
        note=(
            "200 sessions of 100 JSON values each. By hand: one SELECT by the key, and json.loads."
        ),
    ),
    Row(
        key="bare-get-small",
        title="get_value, 100 of one session",
        calls=2000,
        base=BARE,
        note="The same in one session.",
    ),
    Row(
        key="bare-record",
        title="get_variable, 20,000 at random",
        calls=2000,
        base=BARE,
        targets=ours(1.4, 1.2),
        note="By hand: every column, decoded, as a dict.",
    ),
    Row(
        key="bare-update-plain",
        title="update_variable, history=0, 20,000 at random",
        calls=300,
        base=BARE,
        targets=ours(1.9, 1.6),
        whole=True,
        note=(
            "By hand: BEGIN IMMEDIATE, UPDATE of the variable, whose new version it returns, UPDATE"
            " of the session's counter, COMMIT."
        ),
    ),
    Row(
        key="bare-update-small",
        title="update_variable, history=0, 100 of one session",
        calls=300,
        base=BARE,
        whole=True,
        note="The same in one session.",
    ),
    Row(
        key="bare-update",
        title="update_variable, the last 10 kept, 20,000 at random",
        calls=200,
        base=BARE,
        targets=ours(2.5, 2.0),
        whole=True,
        note="The same, and an INSERT into the history and a DELETE of its oldest row.",
    ),
    Row(
        key="bare-register",
        title="register_variable, in 200 sessions at random",
        calls=300,
        base=BARE,
        targets=ours(1.5, 1.3),
        whole=True,
        note="By hand: BEGIN IMMEDIATE, INSERT, UPDATE of the session's counter, COMMIT.",
    ),
    Row(
        key="bare-batch-plain",
        title="update_variables of 100, history=0, in 200 sessions at random",
        calls=30,
        base=BARE,
        targets=ours(2.0, 1.6),
        whole=True,
        note="By hand: one executemany and the counter, in one commit; nothing is returned.",
    ),
    Row(
        key="bare-batch",
        title="update_variables of 100, the last 10 kept, in 200 sessions at random",
        calls=10,
        base=BARE,
        targets=ours(3.2, 2.5),
        whole=True,
    ),
    Row(
        key="bare-list",
        title="list_variables of 100, in 200 sessions at random",
        calls=50,
        base=BARE,
        targets=ours(1.5, 1.2),
        note="By hand: one SELECT in the order of the key, which is not that of creation.",
    ),
    Row(
        key="bare-prefix",
        title="list_variables, prefix: 10 of 100, in 200 sessions at random",
        calls=200,
        base=BARE,
        targets=ours(1.9, 1.5),
        note="By hand: one range of the key.",
    ),
    Row(
        key="bare-cached",
        title="get_value, cache=True, more at random than fits its bound",
        calls=2000,
        base=OURS,
        targets={CACHED: Target(1.05)},
        note="Values of 2 KB, 44 MB in all. The base is the same without a cache.",
    ),
)
PEER_ROWS = (
    Row(
        key="of-diskcache",
        title="get_value, of diskcache, 20,000 at random",
        calls=2000,
        base=DISKCACHE,
        targets=ours(1.05, 0.95),
        note="The keys are texts, as in diskcache's own documents, and are stored unpickled.",
    ),
)
BARE_LARGE = ("bare-cached",)
BARE_ALL = tuple(row.key for row in BARE_ROWS if row.base == BARE)
OF_DISKCACHE = tuple(row.key for row in PEER_ROWS)
BARE_DISKCACHE = (
    "bare-get",
    "bare-get-small",
    "bare-record",
    "bare-update-plain",
    "bare-update-small",
    "bare-register",
    "bare-batch-plain",
)
BARE_LANGGRAPH = (*BARE_DISKCACHE, "bare-list")
