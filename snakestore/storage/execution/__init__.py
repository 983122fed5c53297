"""How statements are run, in reading order.

- ``connection``: one interface over driver connections and SQLAlchemy connections.
- ``context``: ``TransactionContext``, through which an operation runs its statements.
- ``pool``, ``shared``: where connections come from. ``fair_queue``, ``idle``, ``ownership``: parts.
- ``driver_errors``, ``retry``, ``recording``: errors, and when to try again.
- ``leaving``, ``nesting``: exceptions from outside, and methods called inside another method.
- ``runner``: the interface that repositories use to run an operation.
- ``autocommit``: one operation, one transaction, run again where that may help.
- ``joined``: operations inside a transaction that the caller ends. ``cache``: lookups from memory.
"""
