"""A worker process dies or hangs at any time of a call, and the call is still finished."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent import futures

import pytest

from nova_mini import exception
from nova_mini.virt.libvirt.storage.rbd_utils import Location, RBDDriver
from tests.integration.ceph.conftest import CEPH_CONF, IMAGES_POOL, MIB, POOL, direct

DELAYS = (0, 0.008, 0.03)  # seconds from the beginning of a call to its worker's death
DISK, PART, OTHER = "disk", "disk.part-x", "disk.part-y"


@pytest.fixture
def ceph(backend, override) -> Iterator[RBDDriver]:
    override("rbd_destroy_volume_retry_interval", 5)  # as it is by default
    made = RBDDriver(POOL, ceph_conf=CEPH_CONF, hang_timeout=2)
    yield made
    made.close()


@pytest.fixture
def parent(backend, glance) -> Location:
    return Location(backend.fsid, IMAGES_POOL, glance.add(b"data", size=8 * MIB), "snap")


def workers() -> set[int]:
    """The processes of all pools of this process that run librbd."""
    found = set()
    for task in pathlib.Path("/proc/self/task").iterdir():
        for pid in _read(task / "children").split():
            if b"rbd_calls.py" in _read(pathlib.Path(f"/proc/{int(pid)}/cmdline")):
                found.add(int(pid))
    return found


def _read(file: pathlib.Path) -> bytes:
    """Empty if the thread or the process has ended."""
    try:
        return file.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def kill_workers() -> None:
    for pid in workers():
        os.kill(pid, signal.SIGKILL)


def stop_workers(ceph: RBDDriver) -> set[int]:
    """Stop the idle workers of this client. Returns the processes."""
    ceph.get_fsid()  # there is one
    stopped = {each.pid for each, _ in ceph._workers._idle}
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    return stopped


def clear(ceph: RBDDriver) -> None:
    for name in ceph.list():
        ceph.remove_image(name)


def with_snapshot(ceph: RBDDriver, parent: Location) -> None:
    ceph.clone(parent, PART)
    ceph.create_snap(PART, "s", protect=True)


def with_clone_of_snapshot(ceph: RBDDriver, parent: Location) -> None:
    with_snapshot(ceph, parent)
    ceph.clone(Location(parent.fsid, POOL, PART, "s"), OTHER)


def with_disk(ceph: RBDDriver, parent: Location) -> None:
    with ceph.unfinished(DISK) as part:
        ceph.clone(parent, part)


def list_snapshots(name: str) -> list[dict]:
    import rbd

    with direct() as ioctx, rbd.Image(ioctx, name, read_only=True) as image:
        return list(image.list_snaps())


def snapshots(name: str) -> list[tuple[str, bool]]:
    """(name, whether it is protected) of each snapshot."""
    import rbd

    with direct() as ioctx, rbd.Image(ioctx, name, read_only=True) as image:
        names = [each["name"] for each in image.list_snaps()]
        return [(each, image.is_protected_snap(each)) for each in names]


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of call: its preparation, the call, and the check of its result."""

    call: Callable[[RBDDriver, Location], object]
    is_done: Callable[[RBDDriver, Location, object], bool]
    before: Callable[[RBDDriver, Location], object] = lambda ceph, parent: ceph.clone(parent, PART)


KINDS = {
    "get_fsid": Kind(lambda c, p: c.get_fsid(), lambda c, p, got: got == p.fsid),
    "get_mon_addrs": Kind(lambda c, p: c.get_mon_addrs(), lambda c, p, got: len(got) > 0),
    "get_pool_stats": Kind(lambda c, p: c.get_pool_stats(), lambda c, p, got: got.free > 0),
    "list": Kind(lambda c, p: c.list(), lambda c, p, got: got == [PART]),
    "exists": Kind(
        lambda c, p: (c.exists(PART), c.exists("no-such")), lambda c, p, got: got == (True, False)
    ),
    "size": Kind(lambda c, p: c.size(PART), lambda c, p, got: got == 8 * MIB),
    "parent": Kind(
        lambda c, p: c.parent(PART), lambda c, p, got: got == (p.pool, p.image, p.snapshot)
    ),
    "read_head": Kind(
        lambda c, p: c.read_head(p, MIB), lambda c, p, got: got == b"data".ljust(MIB, b"\0")
    ),
    "create": Kind(
        lambda c, p: c.create(PART, MIB),
        lambda c, p, got: c.size(PART) == MIB and c.list() == [PART],
        before=lambda c, p: None,
    ),
    "clone": Kind(
        lambda c, p: c.clone(p, PART),
        lambda c, p, got: c.parent(PART) == (p.pool, p.image, p.snapshot) and c.list() == [PART],
        before=lambda c, p: None,
    ),
    "resize": Kind(
        lambda c, p: c.resize(PART, 16 * MIB), lambda c, p, got: c.size(PART) == 16 * MIB
    ),
    "flatten": Kind(lambda c, p: c.flatten(PART), lambda c, p, got: c.parent(PART) is None),
    "create_snap": Kind(
        lambda c, p: c.create_snap(PART, "s", protect=True),
        lambda c, p, got: snapshots(PART) == [("s", True)],
    ),
    "remove_snap": Kind(
        lambda c, p: c.remove_snap(PART, "s"),
        lambda c, p, got: snapshots(PART) == [],
        before=with_snapshot,
    ),
    "rename": Kind(
        lambda c, p: c.rename(PART, DISK),
        lambda c, p, got: c.list() == [DISK] and c.exists(DISK) and not c.exists(PART),
    ),
    "rename_and_remove": Kind(
        lambda c, p: c.rename_and_remove(DISK),
        lambda c, p, got: c.list() == [] and not c.exists(DISK),
        before=with_disk,
    ),
    "remove_image": Kind(
        lambda c, p: c.remove_image(PART),
        lambda c, p, got: c.list() == [],
        before=with_clone_of_snapshot,
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_call_whose_worker_is_killed_is_finished(ceph, parent, name, caplog):
    _kill_at(DELAYS, KINDS[name], ceph, parent, caplog)


@pytest.mark.long
@pytest.mark.parametrize("name", KINDS)
def test_a_call_whose_worker_is_killed_at_any_millisecond(ceph, parent, name, caplog):
    _kill_at([ms / 1000 for ms in range(0, 80, 2)], KINDS[name], ceph, parent, caplog)


def _kill_at(delays, kind: Kind, ceph, parent, caplog) -> None:
    for delay in delays:
        kind.before(ceph, parent)
        ceph.get_fsid()  # a worker is there and idle
        with futures.ThreadPoolExecutor(1) as executor:
            future = executor.submit(kind.call, ceph, parent)
            time.sleep(delay)
            kill_workers()
            got = future.result(60)
        assert kind.is_done(ceph, parent, got), delay
        clear(ceph)
    lost = [each for each in caplog.records if each.msg.startswith("Worker lost")]
    assert all("SIGKILL" in each.getMessage() for each in lost)


def test_a_worker_that_is_killed_in_a_call_is_noted(ceph, parent, caplog):
    """Proves that the tests above kill workers."""
    stop_workers(ceph)
    with futures.ThreadPoolExecutor(1) as executor:
        future = executor.submit(ceph.clone, parent, PART)
        time.sleep(0.3)
        kill_workers()
        future.result(60)
    assert ceph.exists(PART)
    assert "Worker lost in call clone, attempt 1" in caplog.text
    clear(ceph)


@pytest.mark.parametrize("name", ["clone", "exists", "rename", "rename_and_remove"])
def test_a_call_whose_worker_hangs_is_finished_in_another(ceph, parent, name):
    kind = KINDS[name]
    kind.before(ceph, parent)
    hung = stop_workers(ceph)
    got = kind.call(ceph, parent)
    assert kind.is_done(ceph, parent, got)
    assert not hung & workers()
    clear(ceph)


def test_a_ceph_that_does_not_answer_is_waited_for(ceph, parent, caplog):
    ceph.get_fsid()
    before = workers()
    with futures.ThreadPoolExecutor(1) as executor:
        with _paused():
            ceph._call("fence", "127.0.0.1:0/1")  # by which the worker hears of the pause
            future = executor.submit(ceph.exists, parent.image, IMAGES_POOL)
            time.sleep(8)  # four times the timeout
            assert not future.done()
        assert future.result(60) is True
    assert "Worker lost" not in caplog.text
    assert before <= workers()


@contextlib.contextmanager
def _paused() -> Iterator[None]:
    """Stop the OSDs, so that they answer no client."""
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


def test_a_dead_workers_watch_is_not_waited_for(ceph, parent):
    """Without this, Ceph counts an image as open for half a minute after its client died."""
    for delay in (0.01, 0.02, 0.03):
        ceph.clone(parent, PART)
        began = time.monotonic()
        with futures.ThreadPoolExecutor(1) as executor:
            future = executor.submit(ceph.flatten, PART)
            time.sleep(delay)
            kill_workers()
            future.result(60)
        ceph.remove_image(PART)
        assert time.monotonic() - began < 15


# -- repeated calls find what an earlier attempt has left ----------------------------------------


@pytest.fixture
def repeated(backend):
    """The calls in this process, with ``is_retry`` set as in a worker that repeats a call."""
    from nova_mini.virt.libvirt.storage import rbd_calls

    calls = rbd_calls.connect(None, CEPH_CONF, 5)
    calls.is_retry = True
    calls.report_progress = lambda: None
    yield calls
    for name in calls.list(POOL, ""):
        calls.remove(POOL, name, True)


def mark_of(name: str) -> str:
    return f"rbd_id.{name}"


def test_a_renaming_that_ended_after_its_first_step(repeated):
    repeated.create(POOL, PART, MIB)
    with direct() as ioctx:
        ioctx.write_full(mark_of(DISK), ioctx.read(mark_of(PART)))
    repeated.rename(POOL, PART, DISK)
    assert repeated.list(POOL, "") == [DISK]
    assert repeated.exists(POOL, DISK)
    assert not repeated.exists(POOL, PART)


def test_a_renaming_that_ended_before_its_last_step(repeated):
    import rbd

    repeated.create(POOL, PART, MIB)
    with direct() as ioctx:
        mark = ioctx.read(mark_of(PART))
        rbd.RBD().rename(ioctx, PART, DISK)
        ioctx.write_full(mark_of(PART), mark)
    repeated.rename(POOL, PART, DISK)
    assert repeated.list(POOL, "") == [DISK]
    assert repeated.exists(POOL, DISK)
    assert not repeated.exists(POOL, PART)


def test_a_renaming_that_was_complete(repeated):
    repeated.create(POOL, PART, MIB)
    repeated.rename(POOL, PART, DISK)
    repeated.rename(POOL, PART, DISK)
    assert repeated.list(POOL, "") == [DISK]


def test_calls_that_were_complete_are_done_again(repeated, parent):
    for _ in range(2):
        repeated.create(POOL, OTHER, MIB)
        repeated.clone(parent.pool, parent.image, parent.snapshot, POOL, PART)
    for _ in range(2):
        repeated.create_snap(POOL, PART, "s", True)
        assert snapshots(PART) == [("s", True)]
    for _ in range(2):
        repeated.remove_snap(POOL, PART, "s")
    for _ in range(2):
        repeated.flatten(POOL, PART)
        assert repeated.parent(POOL, PART) is None
    for _ in range(2):
        repeated.rename_unused(POOL, PART, DISK)
    for _ in range(2):
        assert repeated.remove(POOL, DISK, False) == []
    assert repeated.list(POOL, "") == [OTHER]


def test_a_snapshot_whose_unprotecting_was_interrupted_is_removed(ceph, parent):
    """Such a snapshot is neither protected nor unprotected, and Ceph refuses to remove it."""
    import rbd

    with_snapshot(ceph, parent)
    with direct() as ioctx:
        with rbd.Image(ioctx, PART, read_only=True) as image:
            number, snapshot = image.id(), next(iter(image.list_snaps()))["id"]
        unprotecting = struct.pack("<QB", snapshot, 1)
        ioctx.execute(f"rbd_header.{number}", "rbd", "set_protection_status", unprotecting)
    ceph.remove_snap(PART, "s")
    assert snapshots(PART) == []
    clear(ceph)


def test_a_snapshot_in_the_trash_is_removed_with_its_image(ceph, parent):
    """Ceph moves a snapshot there when it still has clones, and before it removes one."""
    with_clone_of_snapshot(ceph, parent)
    ceph.remove_snap(PART, "s")
    assert len(list_snapshots(PART)) == 1
    ceph.remove_image(PART)
    assert ceph.list() == []


def test_a_snapshot_that_was_left_in_the_trash_is_removed(ceph, parent):
    with_snapshot(ceph, parent)
    _leave_in_trash(PART, "s")
    ceph.remove_snap(PART, "s")
    assert list_snapshots(PART) == []
    clear(ceph)


def test_an_image_with_a_snapshot_in_the_trash_is_removed(ceph, parent):
    with_snapshot(ceph, parent)
    _leave_in_trash(PART, "s")
    ceph.remove_image(PART)
    assert ceph.list() == []


def _leave_in_trash(name: str, snapshot: str) -> None:
    """Leave the image as a process does that dies during the removal."""
    import rbd

    with direct() as ioctx, rbd.Image(ioctx, name) as image:
        image.unprotect_snap(snapshot)
        number, found = image.id(), next(iter(image.list_snaps()))["id"]
        argument = struct.pack("<Q", found)
        ioctx.execute(f"rbd_header.{number}", "rbd", "snapshot_trash_add", argument)


def test_an_image_that_was_left_in_the_trash_is_removed(ceph, parent):
    """Ceph moves an image there, without its name, before it removes it."""
    import rbd

    ceph.clone(parent, PART)
    with direct() as ioctx:
        with rbd.Image(ioctx, PART, read_only=True) as image:
            key = f"id_{image.id()}"
        rbd.RBD().trash_move(ioctx, PART)
        _change_trash_entry(ioctx, key, source=3)  # from "a user did it" to "is being removed"
    assert ceph.list() == [PART]
    ceph.remove_image(PART)
    assert ceph.list() == []
    with direct() as ioctx:
        assert list(rbd.RBD().trash_list(ioctx)) == []
    assert _clones(parent) == []


def _change_trash_entry(ioctx, key: str, *, source: int) -> None:
    import rados

    with rados.ReadOpCtx() as reading:
        values, _ = ioctx.get_omap_vals_by_keys(reading, (key,))
        ioctx.operate_read_op(reading, "rbd_trash")
        entry = bytearray(dict(values)[key])
    entry[6] = source
    with rados.WriteOpCtx() as writing:
        ioctx.set_omap(writing, (key,), (bytes(entry),))
        ioctx.operate_write_op(writing, "rbd_trash")


def _clones(parent: Location) -> list:
    import rbd

    with (
        direct(parent.pool) as ioctx,
        rbd.Image(ioctx, parent.image, parent.snapshot, read_only=True) as image,
    ):
        return list(image.list_children())


@contextlib.contextmanager
def _open_in_another_process(name: str) -> Iterator[None]:
    program = (
        "import rados, rbd, sys\n"
        f"with rados.Rados(conffile={CEPH_CONF!r}) as cluster:\n"
        f"    with cluster.open_ioctx({POOL!r}) as ioctx, rbd.Image(ioctx, {name!r}):\n"
        "        print('open', flush=True)\n"
        "        sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        try:
            assert process.stdout.readline() == b"open\n"
            yield
        finally:
            try:
                process.communicate(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()  # it was fenced, and waits for ever


def test_an_unfinished_image_is_removed_from_under_another_client(ceph, parent):
    """The process that made the image may be dead, and an OSD may keep its watch for ever."""
    ceph.clone(parent, PART)
    with _open_in_another_process(PART):
        ceph.remove_image(PART)
    assert ceph.list() == []


def test_a_disk_that_a_living_client_has_open_stays(ceph, parent, override):
    override("rbd_destroy_volume_retries", 1)
    with_disk(ceph, parent)
    with _open_in_another_process(DISK), pytest.raises(exception.RbdImageBusy):
        ceph.rename_and_remove(DISK)
    assert ceph.list() == [DISK]
    ceph.rename_and_remove(DISK)


def test_an_image_is_the_same_with_a_new_header(ceph, parent):
    import rbd

    from nova_mini.virt.libvirt.storage import rbd_calls

    with_snapshot(ceph, parent)
    ceph.clone(Location(parent.fsid, POOL, PART, "s"), OTHER)
    with direct() as ioctx:
        with rbd.Image(ioctx, PART) as image:
            image.write(b"more", 0)
            number, before = image.id(), image.stat()
        rbd_calls._rewrite_header(ioctx, number)
        with rbd.Image(ioctx, PART) as image:
            assert image.read(0, 4) == b"more"
            assert {**image.stat()} == {**before}
            assert [each["name"] for each in image.list_snaps()] == ["s"]
            image.set_snap("s")
            assert image.read(0, 4) == b"data"
            assert [name for _, name in image.list_children()] == [OTHER]
    clear(ceph)


def test_only_unfinished_images_are_made(ceph, parent):
    """A repeated call removes an existing image, so other names are refused."""
    with pytest.raises(ValueError, match="unfinished"):
        ceph.create(DISK, MIB)
    with pytest.raises(ValueError, match="unfinished"):
        ceph.clone(parent, DISK)
