"""The database: engines, tables, statements, transactions and migrations. Rows never leave it.

In reading order, which is also the order of imports (each may import those before it):

- settings.py, fork.py, descriptors.py, paths.py, sqlalchemy_internals.py need nothing else;
- schema/ has the tables, queries/ the statements on them;
- dialects/ has what differs between SQLite and PostgreSQL, url.py and engine.py ask it;
- mapping/ turns rows into values, execution/ runs statements in transactions;
- migrate/ inspects, creates and migrates the tables, and opens a store.
"""

import logging

# without a handler of the application's own, warnings would go to stderr
logging.getLogger("snakestore").addHandler(logging.NullHandler())
