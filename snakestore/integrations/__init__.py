"""Adapters: snakestore as the storage of other frameworks.

One module per framework. Each needs the extra of its name, as in
``pip install 'snakestore[langgraph]'``. The library imports none of them.
"""
