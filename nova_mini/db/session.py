"""Connections and transactions.

``with writer() as conn`` gives a SQLAlchemy connection inside a transaction, ``with reader() as
conn`` one on which every statement stands by itself. They nest: what is called inside a transaction
joins it, so several queries become one commit by standing in one ``with writer()``.

A round trip to the database costs more than the statement it carries, so none is made but these: no
BEGIN and COMMIT around a read, no rollback of what is committed.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import pkgutil
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import sqlalchemy as sa
from oslo_config import cfg
from oslo_db import api as oslo_db_api
from oslo_db import exception as db_exc

from nova_mini import db, exception
from nova_mini.db import engine

T = TypeVar("T")

_PASSING = (db_exc.DBConnectionError, db_exc.DBDeadlock)
_PATIENCE = 3  # seconds


class _Engines:
    """One pool for transactions, one in autocommit for reads; the same one for SQLite."""

    def __init__(self, conf: cfg.ConfigOpts):
        self.writer = engine.create(conf, isolation_level="READ COMMITTED")
        self.reader = self.writer
        if self.writer.dialect.name != "sqlite":
            self.reader = engine.create(conf, isolation_level="AUTOCOMMIT")

    def dispose(self) -> None:
        self.writer.dispose(close=False)
        self.reader.dispose(close=False)


class _ThreadState(threading.local):
    """The connection that this thread's innermost block works on, and whether in a transaction."""

    connection: sa.Connection | None = None
    in_transaction = False
    last: list[sa.Update]  # what the transaction ends with


_state = _ThreadState()
_engines: _Engines | None = None
_conf: cfg.ConfigOpts | None = None
_lock = threading.Lock()


def configure(conf: cfg.ConfigOpts) -> None:
    """Say where the database is. Connections are made at the first query of each process."""
    global _conf
    _conf = conf


def load(conf: cfg.ConfigOpts) -> None:
    """Make everything but connections, and all queries: workers that are forked then share it."""
    reset()
    configure(conf)
    _get_engines()
    for module in pkgutil.iter_modules(db.__path__):
        if not module.name.startswith("migration"):
            importlib.import_module(f"{db.__name__}.{module.name}")


def reset() -> None:
    """Forget the engines: a forked worker or another test makes its own."""
    global _engines
    if _engines is not None:
        _engines.dispose()
    _engines = None


def _get_engines() -> _Engines:
    global _engines
    with _lock:
        if _engines is None:
            _engines = _Engines(_conf)
        return _engines


def get_engine() -> sa.Engine:
    return _get_engines().writer


@contextlib.contextmanager
def writer() -> Iterator[sa.Connection]:
    """One transaction: committed at the end of the outermost block, rolled back by an exception."""
    if _state.in_transaction:
        yield _state.connection
        return
    with get_engine().begin() as connection, _working_on(connection, in_transaction=True):
        _state.last = []
        yield connection
        for statement in _state.last:
            connection.execute(statement)


def at_the_end(statement: sa.Update) -> None:
    """Let this transaction end with ``statement``: a change of a row that many wait for, which is
    then locked for no longer than the commit takes."""
    with writer():
        _state.last.append(statement)


@contextlib.contextmanager
def reader() -> Iterator[sa.Connection]:
    if _state.connection is not None:
        yield _state.connection
        return
    with _get_engines().reader.connect() as connection, _working_on(connection, False):
        yield connection


@contextlib.contextmanager
def _working_on(connection: sa.Connection, in_transaction: bool) -> Iterator[None]:
    outer = (_state.connection, _state.in_transaction)
    _state.connection, _state.in_transaction = connection, in_transaction
    try:
        yield
    finally:
        _state.connection, _state.in_transaction = outer


def retried(function: Callable[..., T]) -> Callable[..., T]:
    """Run again after a deadlock, or a connection that broke (for some two seconds).

    Inside a ``writer`` or ``reader`` it is a part of that, and only the whole can be run again.
    Raises DBDeadlock or DBConnectionError in the end: who has more patience asks again.
    """

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        if _state.connection is not None:
            return function(*args, **kwargs)
        return _patiently(function)(*args, **kwargs)

    return wrapper


def _patiently(function: Callable[..., T]) -> Callable[..., T]:
    """Attempts are begun for _PATIENCE seconds: to be told nothing by a database's machine that is
    away takes longer than that, and is not waited for twice."""
    until = time.monotonic() + _PATIENCE
    return oslo_db_api.wrap_db_retry(
        max_retries=6,
        retry_interval=0.05,
        inc_retry_interval=True,
        max_retry_interval=1,
        exception_checker=lambda exc: isinstance(exc, _PASSING) and time.monotonic() < until,
    )(function)


def errors_named(function: Callable[..., T]) -> Callable[..., T]:
    """A database that is away is told to an RPC caller by a name that it knows, to try again."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except _PASSING as exc:
            raise exception.DatabaseUnavailable() from exc

    return wrapper
