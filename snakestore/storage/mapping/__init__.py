"""Converts rows to values: the only place that knows what a position in a row means.

Other modules pass rows on without looking inside. SQLite lets anyone store anything in a cell, so
each cell is checked here, once. One that is not what its column holds raises CorruptStoreError,
which names the row and the column. Any other exception is a bug and is raised as it is.

cells            text and JSON in one cell, and the error for a damaged one
sessions         sessions, and what a write needs of the one it has locked
leases           who holds a variable
variables        whole variables, and their values
identities       ids and names of variables
stored_variable  a variable as it is stored, for writes and history
replaced         variables without their values, for an update of several
programs         programs
logs             logs and their entries
"""
