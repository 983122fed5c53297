"""How statements are run, in reading order.

- ``connection``: one interface over driver connections and SQLAlchemy connections.
- ``context``: ``TransactionContext``, through which an operation runs its statements.
- ``pipelined``: a connection to a server that sends statements together.
- ``connection_source``: where connections come from; ``pool`` and ``shared`` implement it.
  Their parts: ``fair_queue`` and its ``waiter``, ``turns``, ``idle``, ``ownership``,
  ``open_blocks``.
- ``driver_errors``, ``retry``, ``recording``: errors, and when to try again. ``loop_time``: timers
  of event loops.
- ``leaving``, ``nesting``: exceptions from outside, and methods called inside another method.
- ``runner``: the interface that repositories use to run an operation.
- ``autocommit``: one operation, one transaction, run again where that may help. ``cache``: the
  same, with lookups from memory.
- ``joined``: operations and savepoints inside an open transaction: that of a ``transaction()``
  ``block``, or the ``caller``'s own.
"""
