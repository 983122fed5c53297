"""A session service of Google's Agent Development Kit (ADK) in a snakestore store.

A session of ADK is a session of snakestore: its events are a log, each key of its state is a
variable. The state of an app and of a user are sessions of their own. The modules, in reading
order.

service  ``SnakestoreSessionService``: the methods that ADK calls
storage  reading and writing events and state
names    ids of sessions and names of variables
"""

from snakestore.integrations.adk.service import SnakestoreSessionService

__all__ = ["SnakestoreSessionService"]
