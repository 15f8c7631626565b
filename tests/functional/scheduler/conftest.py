"""The code under test runs in this process, over a real MariaDB."""

from __future__ import annotations

import pytest

from nova_mini import objects
from nova_mini.conf import CONF
from nova_mini.db import models, session


@pytest.fixture
def mariadb(engines):
    """The URL of an empty database with every table, which this process uses too."""
    url = engines.mariadb.create_database()
    CONF([], project="nova-mini", default_config_files=[])
    CONF.set_override("connection", url, group="database")
    session.reset()
    session.configure(CONF)
    models.metadata.create_all(session.get_engine())
    objects.register_all()
    yield url
    session.reset()
    CONF.clear_override("connection", group="database")
