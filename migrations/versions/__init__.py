"""The revisions, which are frozen.

Each imports only Alembic and SQLAlchemy, and is never edited once released.
"""
