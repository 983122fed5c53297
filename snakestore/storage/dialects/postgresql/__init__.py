"""PostgreSQL. dialect.py is the index: each method says which of the others it needs.

- connect.py checks URLs and makes engines, database.py creates a missing database;
- pooler.py finds out whether a pooler lends the connections, and keeps statements unprepared;
- pipeline.py sends statements together;
- introspection.py says which tables a database has, partitions.py divides them;
- definitions.py compares them with what the migrations create, from the query in catalogs.py;
- errors.py translates what the drivers raise, by SQLSTATE.

Imported on first use: a start with SQLite does without.
"""
