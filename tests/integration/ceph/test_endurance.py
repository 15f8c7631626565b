"""Many threads create, read and remove disks for an hour, while other clients use the images.

On a busy machine, librbd 16.2 aborts a process that does this directly after two to ten minutes.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
import uuid

import pytest

from nova_mini.virt.libvirt.storage.rbd_utils import Location
from tests.integration.ceph.conftest import IMAGES_POOL, MIB, direct

MINUTES = float(os.environ.get("NOVA_MINI_ENDURANCE_MINUTES", "60"))
THREADS = 8
SILENCE = 180  # seconds in which each thread must finish a round


class Rounds:
    """The work of the threads, and its progress."""

    def __init__(self, ceph, parent: Location):
        self._ceph = ceph
        self._parent = parent
        self._end = time.monotonic() + MINUTES * 60
        self.stopped = threading.Event()
        self.errors: list[BaseException] = []
        self.finished = [0] * THREADS
        self.last = [time.monotonic()] * THREADS

    def run(self, number: int) -> None:
        try:
            while not self.stopped.is_set() and time.monotonic() < self._end:
                self._make_and_remove()
                self.finished[number] += 1
                self.last[number] = time.monotonic()
        except BaseException as exc:
            self.errors.append(exc)
            raise

    def _make_and_remove(self) -> None:
        ceph, name = self._ceph, f"{uuid.uuid4()}_disk"
        for _ in range(3):
            assert not ceph.exists(f"no-such-disk-{random.randrange(100)}")
        assert ceph.read_head(self._parent, MIB) == b"parent".ljust(MIB, b"\0")
        with ceph.unfinished(name) as part:
            ceph.clone(self._parent, part)
            assert ceph.size(part) == 8 * MIB
            ceph.resize(part, 16 * MIB)
        assert ceph.exists(name)
        assert ceph.size(name) == 16 * MIB
        assert ceph.parent(name) == (IMAGES_POOL, self._parent.image, "snap")
        if random.random() < 0.2:
            ceph.create_snap(name, "s", protect=True)
            ceph.remove_snap(name, "s")
            assert name in ceph.list()
            assert ceph.get_pool_stats().free > 0
        if random.random() < 0.1:
            ceph.flatten(name)
            assert ceph.parent(name) is None
        ceph.rename_and_remove(name)
        assert not ceph.exists(name)


def disturb(parent: str, stopped: threading.Event) -> None:
    """Run another client that makes snapshots of the parent image and opens disks, as a guest
    does."""
    import rbd

    with direct() as disks, direct(IMAGES_POOL) as images:
        while not stopped.wait(0.05):
            name = f"s{random.randrange(1 << 30)}"
            with rbd.Image(images, parent) as image:
                image.create_snap(name)
                image.remove_snap(name)
            if names := rbd.RBD().list(disks):
                with (
                    contextlib.suppress(rbd.Error),
                    rbd.Image(disks, random.choice(names)) as image,
                ):
                    image.write(b"x", random.randrange(8) * MIB)
                    stopped.wait(random.random() / 4)


@pytest.mark.long
def test_threads_go_on_for_an_hour(backend, glance):
    from multiprocessing import get_context

    image_id = glance.add(b"parent", size=8 * MIB)
    rounds = Rounds(backend.ceph, Location(backend.fsid, IMAGES_POOL, image_id, "snap"))
    spawn = get_context("spawn")  # librbd may abort that process, too
    disturbed = spawn.Event()
    other = None
    threads = [threading.Thread(target=rounds.run, args=(i,), daemon=True) for i in range(THREADS)]
    for each in threads:
        each.start()
    try:
        while any(each.is_alive() for each in threads):
            if other is None or not other.is_alive():
                other = spawn.Process(target=disturb, args=(image_id, disturbed), daemon=True)
                other.start()
            time.sleep(1)
            late = [
                number
                for number, each in enumerate(threads)
                if each.is_alive() and time.monotonic() - rounds.last[number] > SILENCE
            ]
            assert not late, f"threads {late} are late, after {rounds.finished} rounds"
            assert not rounds.errors, rounds.errors
    finally:
        rounds.stopped.set()
        disturbed.set()
        other.join(30)
        print(f"{sum(rounds.finished)} disks: {rounds.finished}")
    assert min(rounds.finished) > 0
    assert backend.ceph.list() == []
