"""asyncio: the methods of ``SessionRepository``, awaited.

- ``repository``: ``AsyncSessionRepository``, which lists the methods and says how each is run.
- ``dispatch``: how a method runs on an engine, in a ``transaction()`` block or in the caller's
  transaction. ``transaction``: the block.
- ``scheduler`` and ``line``: who waits for whom. Waiting takes place on the event loop.
- ``executors``: where synchronous code runs, in worker threads or in SQLAlchemy's greenlets.
"""

from snakestore.aio.repository import AsyncSessionRepository

__all__ = ["AsyncSessionRepository"]
