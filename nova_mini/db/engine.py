"""Connections to the database, and how broken ones are detected.

A ping costs as much as a query, so only a connection that was idle for long is pinged before it is
used. A connection that the server has closed is detected without a query. So the first request
after a restart of the database works like any other.
"""

from __future__ import annotations

import select
import time
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg
from oslo_db.sqlalchemy import exc_filters

from nova_mini import exception
from nova_mini.db import pymysql_internals

# A connection that was idle for longer than this (seconds) is pinged. A database server whose
# machine has lost power does not close its connections, and no machine restarts faster.
_PING_AFTER = 5
# A process whose machine has lost power leaves its transactions open, with their locks. MariaDB
# ends a transaction that was idle for so long (seconds); a process that is alive leaves none idle.
# MySQL cannot do that, and takes this part of the statement for a comment.
IDLE_TRANSACTION = 10
_INIT = (
    "SET SESSION sql_mode = 'TRADITIONAL'"
    f" /*M!100300 , SESSION idle_transaction_timeout = {IDLE_TRANSACTION} */"
)


def create(conf: cfg.ConfigOpts, isolation_level: str) -> sa.Engine:
    """An engine for ``[database] connection``. It connects at the first query.

    Raises ConfigurationError.
    """
    url = _url(conf)
    # Parameters contain keys, user data and passwords, which must not get into the log.
    options: dict[str, Any] = {"hide_parameters": True}
    if url.get_backend_name() != "sqlite":
        options.update(
            isolation_level=isolation_level,
            pool_size=conf.database.max_pool_size,
            max_overflow=conf.database.max_overflow,
            pool_recycle=conf.database.connection_recycle_time,
            pool_reset_on_return=None,
            skip_autocommit_rollback=True,
        )
    if url.get_driver_name() == "pymysql":
        options["connect_args"] = _pymysql_arguments(url)
    else:
        options["pool_pre_ping"] = url.get_backend_name() != "sqlite"
    engine = sa.create_engine(url, **options)
    exc_filters.register_engine(engine)
    if engine.driver == "pymysql":
        sa.event.listen(engine, "checkout", _refuse_dead)
        sa.event.listen(engine, "checkin", _note_time)
    elif engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _keep_foreign_keys)
    return engine


def _url(conf: cfg.ConfigOpts) -> sa.URL:
    text = conf.database.connection
    if not text:
        raise exception.ConfigurationError(
            "[database] connection is not set; give the file that has it by --config-file."
        )
    try:
        url = sa.make_url(text)
        url.get_dialect()
    except sa.exc.NoSuchModuleError:
        raise exception.ConfigurationError(
            f"[database] connection names an unknown kind of database: {url.drivername}."
        ) from None
    except sa.exc.ArgumentError:  # its message contains the text, which may hold a password
        raise exception.ConfigurationError(
            "[database] connection is not the URL of a database."
        ) from None
    return url


def _pymysql_arguments(url: sa.URL) -> dict:
    # Encrypted only if the URL requires it (?ssl_ca=...). By default PyMySQL tries TLS with any
    # server, without verification, and its SSL context takes 3 MiB.
    encrypted = any(name.startswith("ssl") for name in url.query)
    return {
        "connect_timeout": 5,
        "init_command": _INIT,
        "ssl_disabled": not encrypted,
    }


def _keep_foreign_keys(dbapi_connection, _record) -> None:
    dbapi_connection.execute("PRAGMA foreign_keys = ON")


def _note_time(_dbapi_connection, record) -> None:
    record.info["used_at"] = time.monotonic()


def _refuse_dead(dbapi_connection, record, _proxy) -> None:
    """Raise InvalidatePoolError for a broken connection. SQLAlchemy then makes a new one, and
    discards all other connections that are as old."""
    if _is_closed(dbapi_connection):
        raise sa.exc.InvalidatePoolError()
    if time.monotonic() - record.info.get("used_at", time.monotonic()) < _PING_AFTER:
        return
    try:
        dbapi_connection.ping(reconnect=False)
    except Exception as exc:
        raise sa.exc.InvalidatePoolError() from exc


def _is_closed(dbapi_connection) -> bool:
    """Whether the server has closed an idle connection: only then its socket is readable."""
    if not dbapi_connection.open:
        return True
    poll = select.poll()
    poll.register(pymysql_internals.socket_of(dbapi_connection), select.POLLIN)
    return bool(poll.poll(0))
