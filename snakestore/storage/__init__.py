"""The database: tables, engines, statements, transactions, the schema; rows never leave it."""
