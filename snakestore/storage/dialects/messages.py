"""What the messages of all databases share."""

from __future__ import annotations

from snakestore.errors import SchemaOutdatedError
from snakestore.storage.schema.revisions import HEAD

IN_MEMORY = "the database in memory"
"""What messages call it."""
CONNECTION_LOST = "the connection to the server failed; nothing was written"

STILL_REFERENCED = (
    "a table that is not snakestore's refers to what was to be deleted; nothing was deleted. Give"
    " its foreign key ON DELETE CASCADE, or delete its rows first"
)


def outdated_schema_error(text: str) -> SchemaOutdatedError:
    """The error for a statement on a table or column that the database does not have."""
    return SchemaOutdatedError(
        "the database has no snakestore tables or those of an older schema"
        f" ({text}): run `snakestore db upgrade`, or snakestore.upgrade(bind)",
        current=None,
        head=HEAD,
    )
