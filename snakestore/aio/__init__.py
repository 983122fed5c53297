"""asyncio: the methods of ``SessionRepository``, awaited.

- ``repository``: ``AsyncSessionRepository``, which lists the methods and says how each is run.
- ``dispatcher``: the interface that runs a method. ``binds`` chooses ``engine`` or ``connection``.
- ``transaction``: the block. ``lease``: the block that holds a variable.
- ``stepping``: methods of several transactions. ``records``: export and import.
- ``loop_reads``: small reads on the event loop, which ``loop_turns`` shares with other tasks.
- ``scheduler`` and ``line``: who waits for whom. Waiting takes place on the event loop.
- ``executors``: runs synchronous code, in worker ``threads`` or in SQLAlchemy's ``greenlets``.
"""

from snakestore.aio.lease import AsyncLease
from snakestore.aio.repository import AsyncSessionRepository

__all__ = ["AsyncLease", "AsyncSessionRepository"]
