"""The history of the schema, as Alembic revisions; shipped as ``snakestore.migrations``."""
