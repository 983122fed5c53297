"""LangGraph: checkpointers and a ``BaseStore`` on a store of snakestore.

Needs the extra: ``pip install 'snakestore[langgraph]'``.
"""

from snakestore.integrations.langgraph.saver import AsyncSnakestoreSaver, SnakestoreSaver
from snakestore.integrations.langgraph.store import SnakestoreStore

__all__ = ["AsyncSnakestoreSaver", "SnakestoreSaver", "SnakestoreStore"]
