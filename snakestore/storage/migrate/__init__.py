"""The schema of a database: inspected, created, migrated, and made ready when a store is opened.

Read inspection.py (what is in a database, and why it is refused), binds.py (the Connection to
migrate on), leftovers.py (what dropped tables leave behind), alembic_runner.py (Alembic in
process), upgrade.py (``upgrade``, ``downgrade``, ``current``), then opening.py (``open_database``,
which ``SessionRepository.open`` calls).

Alembic and its configuration are imported only when something has to be migrated.
"""
