"""Migrations of the tables, by alembic with the configuration of nova_mini."""

from __future__ import annotations

import pathlib

from alembic import command
from alembic import config as alembic_config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from nova_mini.db.session import get_engine

_SCRIPTS = pathlib.Path(__file__).parent / "migrations"


def _config() -> alembic_config.Config:
    config = alembic_config.Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    return config


def upgrade(version: str = "head") -> None:
    """Run the missing migrations, up to ``version``."""
    with get_engine().connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        connection.commit()


def current() -> str | None:
    """The revision of the tables; None if there are no tables."""
    with get_engine().connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def missing() -> str | None:
    """The newest revision, if the tables have an older one; else None."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    return None if current() == newest else newest


def revision(message: str) -> None:
    """Write a migration with the differences between ``models`` and the database. For
    developers."""
    with get_engine().connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.revision(config, message=message, autogenerate=True)
