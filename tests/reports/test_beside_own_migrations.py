"""A user's own Alembic environment over a database that also has a store."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Engine, inspect

import snakestore
from snakestore import SessionRepository, create_engine, tables
from snakestore.storage.schema.revisions import VERSION_TABLE

ENV = """
from alembic import context
from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from snakestore import create_engine, tables

class Base(DeclarativeBase):
    pass

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey(tables.SessionRow.id), index=True)
    {more}

engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata{options})
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""
HOOK = ", include_name=tables.include_name"
TEMPLATE = '''
"""${message}"""
import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = depends_on = None

def upgrade():
    ${upgrades if upgrades else "pass"}

def downgrade():
    ${downgrades if downgrades else "pass"}
'''


class Project:
    """A folder with migrations of a user's own."""

    def __init__(self, folder: Path, url: URL) -> None:
        self.folder = folder
        (folder / "versions").mkdir(parents=True)
        (folder / "script.py.mako").write_text(TEMPLATE)
        self.config = Config()
        self.config.set_main_option("script_location", str(folder))
        self.config.set_main_option("path_separator", "os")
        self.config.set_main_option(
            "sqlalchemy.url", url.render_as_string(hide_password=False).replace("%", "%%")
        )

    def revision(self, name: str, *, options: str = HOOK, more: str = "") -> str:
        """Let Alembic compare; return what the new migration does."""
        (self.folder / "env.py").write_text(ENV.format(options=options, more=more))
        command.revision(self.config, name, autogenerate=True)
        (script,) = (self.folder / "versions").glob(f"*_{name}.py")
        return script.read_text()

    def upgrade(self) -> None:
        command.upgrade(self.config, "head")


def operations(script: str) -> list[str]:
    return re.findall(r"op\.(\w{2,})", script.partition("def upgrade")[2].partition("def down")[0])


@pytest.fixture
def project(tmp_path: Path, url: URL) -> Project:
    """Migrations of a user's own, whose first made a table that points into the store."""
    snakestore.upgrade(url)
    project = Project(tmp_path / "project", url)
    first = project.revision("first")

    assert operations(first) == ["create_table", "create_index"]
    project.upgrade()
    return project


def names(url: URL) -> set[str]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = inspect(connection)
        names = {*found.get_table_names(), *found.get_view_names()}
    engine.dispose()
    return names


def test_without_the_hook_autogenerate_drops_the_store(project, url):
    dropped = re.findall(r"drop_table\('(\w+)'", project.revision("second", options=""))

    assert set(dropped) == {*tables.metadata.tables, VERSION_TABLE}


def test_with_the_hook_nothing_changed_is_an_empty_migration(project, url):
    before = names(url)

    assert operations(project.revision("second")) == []
    project.upgrade()
    assert names(url) == before
    engine: Engine = create_engine(url)
    SessionRepository(engine).create_session("s")
    engine.dispose()


def test_with_the_hook_a_change_of_ones_own_is_seen(project):
    script = project.revision("second", more="total: Mapped[float | None]")

    assert operations(script) == ["add_column"]


def test_the_hook_leaves_partitions_alone(tmp_path, postgresql_server):
    from tests.servers import new_database

    with new_database(postgresql_server) as url:
        snakestore.upgrade(url, partitions=3)
        project = Project(tmp_path / "project", url)

        assert operations(project.revision("first")) == ["create_table", "create_index"]


def test_the_hook_leaves_the_store_alone_where_schemas_are_included(project):
    script = project.revision("second", options=f"{HOOK}, include_schemas=True")

    assert "sessions" not in script


@pytest.mark.parametrize(
    ("name", "kind", "parents", "included"),
    [
        ("sessions", "table", {"schema_name": None}, False),
        ("sessions", "table", {"schema_name": "web"}, True),
        ("session_overview", "table", {"schema_name": None}, False),
        (VERSION_TABLE, "table", {"schema_name": None}, False),
        ("sessions_7", "table", {"schema_name": None}, False),
        ("sessions_2024", "table", {"schema_name": None}, True),
        ("sessions_07", "table", {"schema_name": None}, True),
        ("orders", "table", {"schema_name": None}, True),
        ("ix_sessions_expires_at", "index", {"table_name": "sessions"}, False),
        ("ix_orders_session_id", "index", {"table_name": "orders"}, True),
        (None, "schema", {}, True),
        ("sessions", "schema", {}, True),
        ("sessions", "column", {"table_name": "orders"}, True),
    ],
)
def test_the_hook_knows_the_names_of_the_store(name, kind, parents, included):
    assert tables.include_name(name, kind, parents) is included
