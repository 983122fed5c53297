"""A storage of Optuna in a snakestore store, on SQLite or PostgreSQL.

The modules, in reading order.

storage  ``SnakestoreStorage``: the methods that Optuna calls
studies  studies as sessions, and their logs
entries  the entries of a log, and the trials that they make
"""

from snakestore.integrations.optuna.storage import SnakestoreStorage

__all__ = ["SnakestoreStorage"]
