"""pytest-alembic's own tests, on our migrations and both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_alembic import tests as theirs
from pytest_alembic.config import Config
from sqlalchemy import Engine

from snakestore.storage.schema.tables import Base

test_single_head_revision = theirs.test_single_head_revision
test_upgrade = theirs.test_upgrade
test_model_definitions_match_ddl = theirs.test_model_definitions_match_ddl
test_up_down_consistency = theirs.test_up_down_consistency


@pytest.fixture
def alembic_config() -> Config:
    root = Path(__file__).parents[2]
    return Config(
        config_options={"file": str(root / "alembic.ini"), "target_metadata": Base.metadata}
    )


@pytest.fixture
def alembic_engine(engine: Engine) -> Engine:
    return engine
