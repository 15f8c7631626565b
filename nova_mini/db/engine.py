"""Connections to the database, and whether they still are any.

A connection is tried before it is used only when it has long been idle: a ping costs as much as a
query. That the server has closed one is seen without asking it, so the first request after a
restart of the database is served like any other.
"""

from __future__ import annotations

import select
import time

import sqlalchemy as sa
from oslo_config import cfg
from oslo_db.sqlalchemy import exc_filters

# Idle for longer than this (seconds), a connection is tried: a server whose machine lost its power
# did not close it, and no machine is back sooner.
_PING_AFTER = 5


def create(conf: cfg.ConfigOpts, isolation_level: str) -> sa.Engine:
    """An engine for ``[database] connection``. It connects when it is first asked for something."""
    url = sa.make_url(conf.database.connection)
    # Keys, user data and passwords are parameters: an error that is logged must not show them.
    options = {"hide_parameters": True}
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


def _pymysql_arguments(url: sa.URL) -> dict:
    # Encrypted when the URL says so (?ssl_ca=...). Else PyMySQL would offer it, to whoever answers,
    # with an SSL context of 3 MiB.
    encrypted = any(name.startswith("ssl") for name in url.query)
    return {
        "connect_timeout": 5,
        "init_command": "SET SESSION sql_mode = 'TRADITIONAL'",
        "ssl_disabled": not encrypted,
    }


def _keep_foreign_keys(dbapi_connection, _record) -> None:
    dbapi_connection.execute("PRAGMA foreign_keys = ON")


def _note_time(_dbapi_connection, record) -> None:
    record.info["used_at"] = time.monotonic()


def _refuse_dead(dbapi_connection, record, _proxy) -> None:
    """SQLAlchemy makes a new connection when this raises, and forgets all that are as old."""
    if _is_closed(dbapi_connection):
        raise sa.exc.InvalidatePoolError()
    if time.monotonic() - record.info.get("used_at", time.monotonic()) < _PING_AFTER:
        return
    try:
        dbapi_connection.ping(reconnect=False)
    except Exception as exc:
        raise sa.exc.InvalidatePoolError() from exc


def _is_closed(dbapi_connection) -> bool:
    """Whether the server has gone: else it has nothing to say on a connection that is idle."""
    if not dbapi_connection.open:
        return True
    socket = select.poll()
    socket.register(dbapi_connection._sock, select.POLLIN)
    return bool(socket.poll(0))
