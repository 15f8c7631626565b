"""Connections and transactions.

``with writer() as conn`` gives a SQLAlchemy connection in a transaction, ``with reader() as conn``
one in autocommit mode. The blocks can be nested: a block inside a transaction joins it. So several
query functions become one transaction in a ``with writer()`` block.

A round trip to the database costs more than most statements, so there are no unnecessary ones: no
BEGIN and COMMIT around a read, and no rollback after a commit.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import pkgutil
import threading
import time
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import sqlalchemy as sa
from oslo_config import cfg
from oslo_db import api as oslo_db_api
from oslo_db import exception as db_exc

from nova_mini import db, exception
from nova_mini.db import engine

P = ParamSpec("P")
T = TypeVar("T")

_RETRYABLE = (db_exc.DBConnectionError, db_exc.DBDeadlock)
_RETRY_TIME = 3  # seconds after which no new attempt begins


class _Engines:
    """A connection pool for transactions, and one in autocommit mode for reads. SQLite has one pool
    for both."""

    def __init__(self, conf: cfg.ConfigOpts):
        self.writer = engine.create(conf, isolation_level="READ COMMITTED")
        self.reader = self.writer
        if self.writer.dialect.name != "sqlite":
            self.reader = engine.create(conf, isolation_level="AUTOCOMMIT")

    def dispose(self) -> None:
        self.writer.dispose(close=False)
        self.reader.dispose(close=False)


class _ThreadState(threading.local):
    """The connection of this thread's innermost block, and whether it is in a transaction."""

    connection: sa.Connection | None = None
    in_transaction = False
    at_commit: list[sa.Update]  # executed at the end of the transaction
    after_commit: list[Callable[[], object]]


_state = _ThreadState()
_engines: _Engines | None = None
_conf: cfg.ConfigOpts | None = None
_lock = threading.Lock()


def configure(conf: cfg.ConfigOpts) -> None:
    """Set the configuration. Each process connects at its first query."""
    global _conf
    _conf = conf


def load(conf: cfg.ConfigOpts) -> None:
    """Create the engines and import all queries, without a connection. Forked workers share
    them."""
    reset()
    configure(conf)
    _get_engines()
    for module in pkgutil.iter_modules(db.__path__):
        if not module.name.startswith("migration"):
            importlib.import_module(f"{db.__name__}.{module.name}")


def reset() -> None:
    """Discard the engines. A forked worker or the next test creates its own."""
    global _engines
    if _engines is not None:
        _engines.dispose()
    _engines = None


def _get_engines() -> _Engines:
    global _engines
    with _lock:
        if _conf is None:
            raise RuntimeError("configure() has not been called")
        if _engines is None:
            _engines = _Engines(_conf)
        return _engines


def get_engine() -> sa.Engine:
    return _get_engines().writer


@contextlib.contextmanager
def writer() -> Iterator[sa.Connection]:
    """A transaction. It is committed at the end of the outermost block, and rolled back by an
    exception."""
    if _state.in_transaction and _state.connection is not None:
        yield _state.connection
        return
    with get_engine().begin() as connection, _working_on(connection, in_transaction=True):
        _state.at_commit = []
        calls: list[Callable[[], object]] = []
        _state.after_commit = calls
        yield connection
        for statement in _state.at_commit:
            connection.execute(statement)
    for call in calls:
        call()


def execute_at_commit(statement: sa.Update) -> None:
    """Execute ``statement`` at the end of the transaction.

    For updates of rows for which many transactions wait: they are locked only during the commit.
    """
    with writer():
        _state.at_commit.append(statement)


def call_after_commit(call: Callable[[], object]) -> None:
    """Call ``call``, which must not raise, when the transaction is committed; not if it is rolled
    back."""
    with writer():
        _state.after_commit.append(call)


@contextlib.contextmanager
def reader() -> Iterator[sa.Connection]:
    """A connection in autocommit mode, or that of the surrounding block."""
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


def retried(function: Callable[P, T]) -> Callable[P, T]:
    """Retry the function after a deadlock or a broken connection, for about three seconds.

    Inside a ``writer`` or ``reader`` block it is not retried, because only the whole block can be.
    Finally raises DBDeadlock or DBConnectionError; a caller that can wait longer calls it again.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        if _state.connection is not None:
            return function(*args, **kwargs)
        return _with_retries(function)(*args, **kwargs)

    return wrapper


def _with_retries(function: Callable[P, T]) -> Callable[P, T]:
    """No attempt begins after _RETRY_TIME seconds. If the machine of the database is down, the
    first attempt takes longer than that, so there is no second one."""
    until = time.monotonic() + _RETRY_TIME
    return oslo_db_api.wrap_db_retry(
        max_retries=6,
        retry_interval=0.05,
        inc_retry_interval=True,
        max_retry_interval=1,
        exception_checker=lambda exc: isinstance(exc, _RETRYABLE) and time.monotonic() < until,
    )(function)


def errors_named(function: Callable[P, T]) -> Callable[P, T]:
    """Raise DatabaseUnavailable, which RPC callers know and retry, instead of an error of
    oslo.db."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except _RETRYABLE as exc:
            raise exception.DatabaseUnavailable() from exc

    return wrapper
