"""The functions of ``modify_variable`` that run in transactions that others can join."""

from __future__ import annotations

from snakestore.errors import StoreError
from snakestore.storage.execution.connection import ConnectionAdapter

running_functions: dict[object, object] = {}
"""The driver's connection of each call of a function.

Not kept by a runner: several may use one connection, and each block inside has its own.
"""


def refuse_within_function(connection: ConnectionAdapter) -> None:
    """Refuse a call in the transaction in which a function of ``modify_variable`` runs.

    What the call changed would be overwritten by what ``modify_variable`` has read before.

    Raises:
        StoreError: such a function runs in the transaction of ``connection``.
    """
    if not running_functions:
        return
    driver_connection = connection.driver_connection
    if any(each is driver_connection for each in list(running_functions.values())):
        message = (
            "the function of modify_variable called a method in the transaction that it runs in."
            " Call such methods before or after modify_variable."
        )
        raise StoreError(message)
