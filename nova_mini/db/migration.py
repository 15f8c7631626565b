"""The tables' history: alembic, driven from our own configuration."""

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
    """Run the migrations that are missing, up to ``version``."""
    with get_engine().connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        connection.commit()


def current() -> str | None:
    """The revision of the tables; None where there are none."""
    with get_engine().connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def missing() -> str | None:
    """The newest revision, if the tables are not there yet; None when they are."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    return None if current() == newest else newest


def revision(message: str) -> None:
    """Write a migration from what ``models`` has and the database has not; for developers."""
    with get_engine().connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.revision(config, message=message, autogenerate=True)
