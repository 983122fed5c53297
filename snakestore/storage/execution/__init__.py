"""How statements are run, in reading order.

- ``connection``: the interface of a connection. ``driver_connection`` and ``sqlalchemy_connection``
  implement it, and ``pipelined``, which sends statements to a server together.
- ``context``: ``TransactionContext``, through which an operation runs its statements.
  ``session_pages``: a whole session, in pages.
- ``connection_source``: where connections come from; ``pool`` and ``shared`` implement it.
  Their parts: ``fair_queue`` and its ``waiter``, ``turns``, ``idle``, ``ownership``,
  ``open_blocks``.
- ``driver_errors``, ``retry``, ``recording``: errors, and when to try again. ``loop_time``: timers
  of event loops. ``after_commit``: what a writer gives up while the disk syncs.
- ``leaving``, ``nesting``: exceptions from outside, and methods called inside another method.
- ``runner``: the interface that repositories use to run an operation.
- ``autocommit``: one operation, one transaction, run again where that may help. ``direct``: the
  same, with a short path for lookups in SQLite. ``cache``: with lookups from memory.
- ``joined``: operations and savepoints inside an open transaction: that of a ``transaction()``
  ``block``, or the ``caller``'s own. ``grouped``: single writes that are committed together.
- ``turn_taking``, ``write_turn``, ``group_commit``: threads that write to a SQLite file take turns,
  and what waits, also tasks of asyncio, is committed together.
"""
