"""The undocumented parts of gunicorn that wsgi.server and wsgi.worker use."""

from __future__ import annotations

import inspect

import pytest
from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.workers.base import Worker
from gunicorn.workers.workertmp import WorkerTmp


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (Arbiter.murder_workers, ["self"]),
        (Arbiter.handle_term, ["self"]),
        (Arbiter.handle_usr2, ["self"]),
        (Arbiter.kill_workers, ["self", "sig"]),
        (Arbiter.run, ["self"]),
        (BaseApplication.load_config, ["self"]),
        (BaseApplication.load, ["self"]),
        (BaseApplication.reload, ["self"]),
        (glogging.Logger.setup, ["self", "cfg"]),
        (Worker.run, ["self"]),
        (Worker.notify, ["self"]),
        (WorkerTmp.last_update, ["self"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_methods_that_are_overridden_or_called(method, parameters):
    assert list(inspect.signature(method).parameters) == parameters


def test_attributes_of_the_parent_process():
    assert Arbiter.WORKERS == {}
    assert isinstance(Arbiter.num_workers, property)


def test_attributes_of_a_worker():
    sockets, application = ["socket"], object()
    worker = Worker(1, 2, sockets, application, 30, Config(), None)
    try:
        assert (worker.sockets, worker.ppid, worker.alive) == (sockets, 2, True)
        assert worker.PIPE == []  # made before run()
        assert worker.tmp.last_update() > 0
    finally:
        worker.tmp.close()
