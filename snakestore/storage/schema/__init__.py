"""What the database looks like: column types, tables, views, revisions."""
