"""Errors of commands that an operator can correct. They are printed without a traceback."""

from __future__ import annotations

import logging

from alembic.util import CommandError
from oslo_config import cfg
from oslo_db import exception as db_exc

from nova_mini import exception

#: The configuration is wrong or missing, the database is unavailable, or has other tables.
EXPECTED = (cfg.Error, db_exc.DBError, exception.ConfigurationError, CommandError)

EXIT_STATUS = 2


def sentence(exc: Exception) -> str:
    """The first line of the message. The other lines of a database error are SQL and links."""
    return str(exc).splitlines()[0]


def silence_retries() -> None:
    """Suppress the traceback that oslo.db logs after its last retry: commands print the error."""
    logging.getLogger("oslo_db.api").setLevel(logging.CRITICAL)
