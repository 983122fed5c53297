"""The database: tables, engines, statements, transactions, the schema; rows never leave it."""

import logging

# without a handler of the application's own, warnings would go to stderr
logging.getLogger("snakestore").addHandler(logging.NullHandler())
