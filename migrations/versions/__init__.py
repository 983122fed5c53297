"""The revisions. They are frozen: each imports Alembic and SQLAlchemy only, and is never edited once released."""
