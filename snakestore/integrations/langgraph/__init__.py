"""LangGraph: checkpointers on a store of snakestore.

Needs the extra: ``pip install 'snakestore[langgraph]'``.
"""

from snakestore.integrations.langgraph.saver import AsyncSnakestoreSaver, SnakestoreSaver

__all__ = ["AsyncSnakestoreSaver", "SnakestoreSaver"]
