"""How statements are run, in reading order.

- ``connection``: one interface over driver connections and SQLAlchemy connections.
- ``context``: ``TransactionContext``, through which an operation runs its statements.
- ``pool``: where connections come from. ``driver_errors``, ``retry``: errors, and trying again.
- ``ownership``: who is calling. ``greenlets``: synchronous code that awaits.
- ``runner``: the interface that repositories use to run an operation.
- ``autocommit``: one operation, one transaction, run again where that may help.
- ``joined``: operations inside a transaction that the caller ends. ``cache``: lookups from memory.
"""
