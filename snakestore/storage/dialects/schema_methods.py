"""What may differ between databases in reading, creating and changing the schema."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, MetaData

from snakestore.errors import StoreError, ValidationError
from snakestore.storage.dialects.connection_methods import ConnectionMethods
from snakestore.storage.schema.alterations import Alteration

if TYPE_CHECKING:
    from snakestore.storage.dialects.protocols import SchemaReader, StatementRunner


class SchemaMethods(ConnectionMethods):
    """The part of ``Backend`` that inspects, migrates, partitions and distributes the schema."""

    @abstractmethod
    def schema_reader(self, connection: Connection) -> SchemaReader:
        """A reader over a SQLAlchemy Connection, in its transaction."""

    @abstractmethod
    def open_schema_reader(
        self, engine: Engine, busy_timeout: float
    ) -> AbstractContextManager[SchemaReader | None]:
        """A reader over a connection that changes nothing; None if there is no database yet.

        Raises:
            StoreError: it is not a file, or must not be read.
        """

    def open_unchanged(self, url: URL, busy_timeout: float) -> Any:
        """A driver's connection to an existing file that changes no byte of it.

        Raises:
            StoreError: the database is not a file, or cannot be opened.
        """
        del url, busy_timeout
        message = "the database is not a file"
        raise StoreError(message)

    @abstractmethod
    def find_alterations(
        self, definitions: Sequence[tuple[Any, ...]], revision: str
    ) -> Sequence[Alteration]:
        """What others changed of snakestore's tables, from the rows of ``definitions``."""

    def complete_metadata(self, metadata: MetaData) -> None:
        """Add to the tables what only this database knows, before they are created from metadata.

        Migrations say it themselves. In the mapped classes it would import the dialect with
        snakestore, which takes a tenth of the time.
        """
        del metadata

    def create_database(self, url: URL) -> None:
        """Create a database that is missing; a file is created by its first connection."""
        del url

    def lock_for_migration(self, connection: Connection) -> None:
        """Keep others from migrating until the connection's transaction ends.

        A transaction is begun if none is open.

        Raises:
            StoreError: a Connection to a server in AUTOCOMMIT, which has no transaction.
        """
        if not connection.in_transaction():
            connection.begin()
        self.begin_on(connection, write=True, own=False)

    def migration_settings(self, connection: Connection) -> AbstractContextManager[None]:
        """A block in which the frozen DDL of the migrations means what it says."""
        del connection
        return nullcontext()

    def check_partitions(self, partitions: object) -> None:
        """Check how many partitions each table is to have.

        Raises:
            ValidationError: the number is invalid, or this database has no partitions.
        """
        message = "only PostgreSQL's tables are partitioned: leave partitions out"
        raise ValidationError(message, value=partitions)

    def partition(self, connection: Connection, partitions: int) -> None:
        """Partition the empty tables by hash of the session; no effect where they are already.

        Raises:
            StoreError: there are rows, which would have to be moved.
            ValidationError: this database has no partitions.
        """
        del connection
        self.check_partitions(partitions)

    def check_distributable(self) -> None:
        """Check that tables can be distributed over several servers.

        Raises:
            ValidationError: this database is one place.
        """
        message = "only PostgreSQL's tables are distributed, by Citus: leave distribute out"
        raise ValidationError(message, value=True)

    def distribute(self, run: StatementRunner) -> None:
        """Distribute the tables over several servers by the session, with their rows.

        No effect on tables that are distributed already.

        Raises:
            StoreError: the server cannot distribute tables.
            ValidationError: this database is one place.
        """
        del run
        self.check_distributable()

    def is_distributed(self, run: StatementRunner) -> bool:
        """Whether the sessions are distributed over several servers.

        A statement that does not name a session can then lock no rows.
        """
        del run
        return False

    def complete_tables(self, connection: Connection, run: StatementRunner) -> None:
        """Partition or distribute the tables that were just created, if the sessions are.

        Args:
            connection: a Connection whose transaction has migrated the database.
            run: runs statements in it.
        """
        del connection, run

    def complete_copied(self, run: StatementRunner) -> None:
        """Likewise the table of ``copy``, which no migration creates."""
        del run
