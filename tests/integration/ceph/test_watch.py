"""A Ceph client that hangs ends its process; one that waits for Ceph does not."""

from __future__ import annotations

import contextlib
import json
import threading

import pytest

from nova_mini.virt.libvirt.storage import rbd_watch
from nova_mini.virt.libvirt.storage.rbd_watch import RbdWatch
from tests.functional.harness.waiting import until
from tests.integration.ceph.conftest import CEPH_CONF

_THREADS = 16  # more than librados has for answers


@pytest.fixture
def watch(backend, monkeypatch):
    monkeypatch.setattr(rbd_watch, "_PATIENCE", 2)
    monkeypatch.setattr(rbd_watch, "_PAUSE", 0.2)
    return RbdWatch(backend.ceph)


@contextlib.contextmanager
def hanging(ceph):
    """All threads of the client are busy with answers that nobody reads to the end."""
    released = threading.Event()
    with ceph._ioctx() as ioctx:
        asked = [
            ioctx.aio_stat("nothing", lambda *_answer: released.wait(60)) for _ in range(_THREADS)
        ]
        try:
            yield
        finally:
            released.set()
            for each in asked:
                each.wait_for_complete_and_cb()


@contextlib.contextmanager
def paused():
    """Nobody's questions are answered."""
    import rados

    def order(prefix: str) -> None:
        code, _, reason = cluster.mon_command(json.dumps({"prefix": prefix}), b"")
        assert code == 0, reason

    with rados.Rados(conffile=CEPH_CONF) as cluster:
        order("osd pause")
        try:
            yield
        finally:
            order("osd unpause")


def test_a_client_that_is_well_goes_on(watch):
    assert not watch.hangs()


def test_a_client_that_hangs_is_told_from_one_that_is_well_again(watch, backend):
    with hanging(backend.ceph):
        assert watch.hangs()
    until("ours is answered", lambda: not watch.hangs(), 10)


def test_a_process_whose_client_hangs_is_ended(backend, watch):
    ended = threading.Event()
    with hanging(backend.ceph):
        RbdWatch(backend.ceph, ended.set).start()
        assert ended.wait(15)


def test_a_ceph_that_is_away_is_waited_for(watch):
    with paused():
        assert not watch.hangs()
        questions = threading.active_count()
        assert not watch.hangs()
        assert threading.active_count() == questions
    until("ours is answered", watch._answered.is_set, 30)
