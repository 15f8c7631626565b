"""The private part of PyMySQL that nova_mini uses. No other module uses any.

``pyproject.toml`` limits the version of PyMySQL, and ``tests/unit/db/test_pymysql_internals.py``
fails when a release changes this part.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pymysql


def socket_of(connection: pymysql.Connection) -> socket.socket:
    """The socket of an open connection."""
    return connection._sock
