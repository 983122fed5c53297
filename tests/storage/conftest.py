from __future__ import annotations

from tests.servers import postgresql_database, postgresql_server

__all__ = ["postgresql_database", "postgresql_server"]
