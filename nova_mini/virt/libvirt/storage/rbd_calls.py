"""Calls of librbd and librados, as a worker process runs them; see :mod:`.worker_main`.

librbd can abort its process or block it for ever. In version 16.2 the thread that opens an image
reports that the image is open, and takes a lock of the image once more after that. A program that
closes the image at once frees the lock before that: the thread then throws std::system_error or
boost::bad_get, or waits for ever, mostly when the machine is busy. So this module is imported in
worker processes only, and each of them has one call at a time.

A call is retried in another worker if the first worker was lost. Then ``is_retry`` is True, and the
call first completes or undoes what the lost worker did. ``create`` and ``clone`` undo by removing
the image: their callers use names that no other process uses.

Images are of format 2. The object ``rbd_id.NAME`` (here: the mark of the name) holds the image's
id, ``rbd_header.ID`` is the image itself, and the object ``rbd_directory`` lists names and ids.
A removal first moves the image to the trash: its mark and its entry in the directory are removed,
and the object ``rbd_trash`` has its name. After an interrupted removal the image stays there.
Whether an image exists is read from these objects: librbd would open, and at once close, the image.
"""

from __future__ import annotations

import contextlib
import errno
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import rados
import rbd

_MONITOR_SECONDS = "30"  # timeout of a request to the monitors; requests for data have none
_FENCE_SECONDS = 300.0  # the process is dead; only messages that are still in transit matter
_DIRECTORY = "rbd_directory"
_TRASH = "rbd_trash"
_TRASH_PAGE = 1000  # entries that are read at once
_HEADER_VALUES = 100_000  # more than any image's header has: a dozen, and one for each snapshot
_SOURCE_REMOVING = 3  # source of a trash entry: an incomplete removal
_GONE = (
    rados.ConnectionShutdown,
    rados.TimedOut,
    rados.InterruptedOrTimeoutError,
    rbd.ConnectionShutdown,
    rbd.Timeout,
)
_BUSY = (rbd.ImageBusy, rbd.ImageHasSnapshots)


class _Unavailable(Exception):
    """The cluster is not available at present."""


def connect(user: str | None, ceph_conf: str, connect_timeout: int) -> RbdCalls:
    """Connect to the cluster. ``ceph_conf``: path, or empty for librados' defaults.
    ``connect_timeout`` is in seconds."""
    cluster = rados.Rados(
        rados_id=user,
        conffile=ceph_conf,
        conf={
            "client_mount_timeout": str(connect_timeout),
            "rados_mon_op_timeout": _MONITOR_SECONDS,
            "log_to_stderr": "false",  # failures are raised
        },
    )
    try:
        cluster.connect()
    except rados.Error as exc:
        raise _Unavailable(str(exc)) from exc
    return RbdCalls(cluster)


def explain(exc: Exception) -> tuple[str, str, bool] | None:
    """(kind, message, whether the connection is still usable) of an error; None for a programming
    error."""
    if isinstance(exc, _Unavailable):
        return "unavailable", str(exc), True
    if isinstance(exc, _GONE):
        return "unavailable", str(exc), False
    if isinstance(exc, _BUSY):
        return "busy", str(exc), True
    if isinstance(exc, rbd.Error | rados.Error):
        return "refused", str(exc), True
    return None


class RbdCalls:
    """The calls of one connection. ``pool`` is always the pool of the image ``name``."""

    explain = staticmethod(explain)
    is_retry = False
    report_progress: Callable[[], None]

    def __init__(self, cluster: rados.Rados):
        self._cluster = cluster
        self.identity: str = cluster.get_addrs()
        self._rbd = rbd.RBD()

    # -- the cluster -------------------------------------------------------------------------

    def ping(self, pool: str) -> bool:
        """Whether the pool's data can be read; raises an exception if not."""
        with self._ioctx(pool) as ioctx, contextlib.suppress(rados.ObjectNotFound):
            ioctx.stat(_DIRECTORY)
        return True

    def fence(self, identity: str) -> None:
        """Ensure that no request of the client ``identity`` takes effect any more. Its locks and
        watches are removed, with rare exceptions: see ``_drop_watches``."""
        self._cluster.blocklist_add(identity, _FENCE_SECONDS)
        self._cluster.wait_for_latest_osdmap()  # later requests of this client see the fence

    def get_fsid(self) -> str:
        return self._cluster.get_fsid()

    def get_addresses(self) -> str:
        """The addresses of this client, as on the blocklist: ``192.0.2.7:0/1234``."""
        return self._cluster.get_addrs()

    def ask_monitor(self, command: str) -> Any:
        """The first JSON value of the answer. (The list of fenced clients is followed by a list of
        ranges.)"""
        request = json.dumps({"prefix": command, "format": "json"})
        code, answer, reason = self._cluster.mon_command(request, b"")
        if code:
            raise _Unavailable(f"{command}: {reason or code}")
        value, _ = json.JSONDecoder().raw_decode(answer.decode().lstrip())
        return value

    # -- reading images ----------------------------------------------------------------------

    def list(self, pool: str, prefix: str) -> list[str]:
        with self._ioctx(pool) as ioctx:
            return [name for name in self._rbd.list(ioctx) if name.startswith(prefix)]

    def exists(self, pool: str, name: str) -> bool:
        with self._ioctx(pool) as ioctx:
            return _has_header(ioctx, _read_mark(ioctx, name))

    def is_same(self, pool: str, name: str, other: str) -> bool:
        """Whether two names are names of the same image."""
        with self._ioctx(pool) as ioctx:
            number = _read_mark(ioctx, name)
            return _has_header(ioctx, number) and number == _read_mark(ioctx, other)

    def size(self, pool: str, name: str) -> int:
        """In bytes."""
        with self._image(pool, name, read_only=True) as image:
            return image.size()

    def parent(self, pool: str, name: str) -> tuple[str, str, str] | None:
        """(pool, image, snapshot) from which the image was cloned; None for no clone."""
        with self._image(pool, name, read_only=True) as image:
            return _parent(image)

    def read_head(self, pool: str, name: str, snapshot: str, length: int) -> bytes | None:
        """The first bytes of a snapshot; None if it does not exist or access is denied."""
        try:
            with self._image(pool, name, snapshot=snapshot, read_only=True) as image:
                return image.read(0, min(length, image.size()))
        except (rados.ObjectNotFound, rbd.ImageNotFound, rbd.PermissionError):
            return None

    # -- creating images ---------------------------------------------------------------------

    def create(self, pool: str, name: str, size: int) -> None:
        with self._ioctx(pool) as ioctx:
            if self.is_retry:
                self._remove(ioctx, name)
            self._rbd.create(ioctx, name, size)

    def clone(self, parent_pool: str, parent: str, snapshot: str, pool: str, name: str) -> None:
        with self._ioctx(parent_pool) as source, self._ioctx(pool) as target:
            if self.is_retry:
                self._remove(target, name)
            self._rbd.clone(source, parent, snapshot, target, name)

    def flatten(self, pool: str, name: str) -> None:
        """Copy the data that a clone shares with its parent. Idempotent."""
        with self._image(pool, name) as image:
            if _parent(image):
                image.flatten(on_progress=self._on_progress)

    def resize(self, pool: str, name: str, size: int) -> None:
        """Grow to ``size`` bytes; a smaller size is ignored."""
        with self._image(pool, name) as image:
            if size > image.size():
                image.resize(size)

    def create_snap(self, pool: str, name: str, snapshot: str, protect: bool) -> None:
        with self._image(pool, name) as image:
            if self.is_retry:
                _remove_snapshot(image, snapshot)
            image.create_snap(snapshot)
            if protect:
                image.protect_snap(snapshot)

    def roll_back_to_snap(self, pool: str, name: str, snapshot: str) -> None:
        """Idempotent. Without such a snapshot nothing is changed."""
        with self._image(pool, name) as image:
            if any(each["name"] == snapshot for each in image.list_snaps()):
                image.rollback_to_snap(snapshot)

    def remove_snap(self, pool: str, name: str, snapshot: str) -> None:
        """Idempotent."""
        with self._image(pool, name) as image:
            _remove_snapshot(image, snapshot)

    # -- names -------------------------------------------------------------------------------

    def rename(self, pool: str, name: str, new_name: str) -> None:
        """A mark of the new name without an image (left by a removal) is overwritten."""
        with self._ioctx(pool) as ioctx:
            self._rename(ioctx, name, new_name)

    def rename_unused(self, pool: str, name: str, new_name: str) -> None:
        """Rename an image that no client has open, if it exists. Raises rbd.ImageBusy."""
        with self._ioctx(pool) as ioctx:
            number = _read_mark(ioctx, name)
            if number is None or not _has_header(ioctx, number):
                return
            if not self._drop_watches(ioctx, number, fence=False):
                raise rbd.ImageBusy(f"{name} has watchers")
            self._rename(ioctx, name, new_name)

    def _rename(self, ioctx: rados.Ioctx, name: str, new_name: str) -> None:
        if self.is_retry and _finish_rename(ioctx, name, new_name):
            return
        try:
            self._rbd.rename(ioctx, name, new_name)
        except rbd.ImageExists:
            if _has_header(ioctx, _read_mark(ioctx, new_name)):
                raise rbd.ImageExists(f"{new_name} is an image", errno=errno.EEXIST) from None
            with contextlib.suppress(rbd.ImageNotFound):
                self._rbd.remove(ioctx, new_name)
            self._rbd.rename(ioctx, name, new_name)

    # -- removing images ---------------------------------------------------------------------

    def needs_removal(self, pool: str, name: str) -> bool:
        """Whether the image, or a part of it after an interrupted removal, exists."""
        with self._ioctx(pool) as ioctx:
            return _find_removable(ioctx, name) is not None

    def remove(self, pool: str, name: str, is_own: bool) -> Sequence[tuple[str, str]]:
        """Remove an image with its snapshots. Idempotent.

        ``is_own``: no other living process can have the image open. Returns the clones, (pool,
        name), of its snapshots: if there are any, the image is not removed until they are removed
        or made independent. Raises rbd.ImageBusy.
        """
        with self._ioctx(pool) as ioctx:
            try:
                self._remove(ioctx, name, is_own)
            except rbd.ImageHasSnapshots:
                if clones := self._remove_snapshots(ioctx, name):
                    return clones
                self._remove(ioctx, name, is_own)
        return []

    def _remove(self, ioctx: rados.Ioctx, name: str, is_own: bool = True) -> None:
        """Remove an image, also one whose creation or removal was interrupted."""
        with contextlib.suppress(rbd.ImageNotFound):
            while number := _find_removable(ioctx, name):
                try:
                    self._rbd.remove(ioctx, name, on_progress=self._on_progress)
                except rbd.ImageBusy:
                    is_watched = bool(_watching_clients(ioctx, number))
                    if not is_watched or not self._drop_watches(ioctx, number, fence=is_own):
                        raise

    def _drop_watches(self, ioctx: rados.Ioctx, number: str, *, fence: bool) -> bool:
        """Drop the watches of fenced clients. Returns whether the image has no watch now.

        ``fence``: fence the other clients, too. An OSD of version 16.2 keeps a watch for ever when
        its client died, or was fenced, just before the watch was registered.
        """
        clients = _watching_clients(ioctx, number)
        alive = clients - self._fenced() if clients else set()
        if alive and not fence:
            return False
        for client in alive:
            self.fence(client)
        if clients:
            _rewrite_header(ioctx, number)
        return True

    def _fenced(self) -> set[str]:
        return {entry["addr"] for entry in self.ask_monitor("osd blocklist ls")}

    def _remove_snapshots(self, ioctx: rados.Ioctx, name: str) -> Sequence[tuple[str, str]]:
        """Remove the snapshots that have no clones. Returns the clones of the others."""
        clones = []
        with rbd.Image(ioctx, name) as image:
            for snapshot in list(image.list_snaps()):
                image.set_snap_by_id(snapshot["id"])
                children = list(image.list_children())
                image.set_snap(None)
                if not children:
                    _discard(image, snapshot)
                clones += children
        return clones

    # -- helpers -----------------------------------------------------------------------------

    def _on_progress(self, _done: int, _total: int) -> int:
        self.report_progress()
        return 0  # continue

    @contextlib.contextmanager
    def _ioctx(self, pool: str) -> Iterator[rados.Ioctx]:
        with self._cluster.open_ioctx(pool) as ioctx:
            yield ioctx

    @contextlib.contextmanager
    def _image(
        self, pool: str, name: str, *, snapshot: str | None = None, read_only: bool = False
    ) -> Iterator[rbd.Image]:
        with (
            self._ioctx(pool) as ioctx,
            rbd.Image(ioctx, name, snapshot, read_only=read_only) as image,
        ):
            yield image


def _parent(image: rbd.Image) -> tuple[str, str, str] | None:
    try:
        return tuple(image.parent_info())
    except rbd.ImageNotFound:
        return None


def _remove_snapshot(image: rbd.Image, name: str) -> None:
    """Idempotent. A snapshot in the trash stays while it has clones."""
    for snapshot in list(image.list_snaps()):
        in_trash = snapshot["namespace"] == rbd.RBD_SNAP_NAMESPACE_TYPE_TRASH
        if name == (snapshot["trash"]["original_name"] if in_trash else snapshot["name"]):
            with contextlib.suppress(rbd.ImageBusy) if in_trash else contextlib.nullcontext():
                _discard(image, snapshot)


def _discard(image: rbd.Image, snapshot: dict) -> None:
    """Remove a snapshot, an item of the image's ``list_snaps``.

    Ceph moves a snapshot to the trash before it removes it. An interrupted removal, or the removal
    of a snapshot with clones, leaves it there with another name.
    """
    if snapshot["namespace"] == rbd.RBD_SNAP_NAMESPACE_TYPE_TRASH:
        image.remove_snap_by_id(snapshot["id"])
        return
    # Always tried: an interrupted removal leaves a snapshot neither protected nor unprotected.
    with contextlib.suppress(rbd.InvalidArgument):  # it is not protected
        image.unprotect_snap(snapshot["name"])
    image.remove_snap(snapshot["name"])


def _finish_rename(ioctx: rados.Ioctx, name: str, new_name: str) -> bool:
    """Complete or undo an interrupted renaming. Returns whether it is complete now.

    Ceph writes the mark of the new name, changes the directory, and removes the mark of the old
    name.
    """
    number, new_number = _read_mark(ioctx, name), _read_mark(ioctx, new_name)
    if number is None:
        return new_number is not None
    if number != new_number:
        return False
    is_complete = _id_in_directory(ioctx, new_name) is not None
    ioctx.remove_object(_mark(name if is_complete else new_name))
    return is_complete


def _mark(name: str) -> str:
    return f"rbd_id.{name}"


def _read_mark(ioctx: rados.Ioctx, name: str) -> str | None:
    """The id of the image with this name, or None. The image may be removed already."""
    try:
        return _decode_text(ioctx.read(_mark(name)), 0)
    except rados.ObjectNotFound:
        return None


def _has_header(ioctx: rados.Ioctx, number: str | None) -> bool:
    if not number:
        return False
    try:
        ioctx.stat(f"rbd_header.{number}")
    except rados.ObjectNotFound:
        return False
    return True


def _watching_clients(ioctx: rados.Ioctx, number: str) -> set[str]:
    """The addresses of the other clients that have the image open."""
    with rbd.Image(ioctx, read_only=True, image_id=number) as image:
        return {watcher["addr"] for watcher in image.watchers_list()}


def _rewrite_header(ioctx: rados.Ioctx, number: str) -> None:
    """Replace the header of an image by an equal object in one operation. This drops the watches
    and locks of the object. No client may be using the image."""
    name = f"rbd_header.{number}"
    with rados.ReadOpCtx() as reading:
        values, _ = ioctx.get_omap_vals(reading, "", "", _HEADER_VALUES)
        ioctx.operate_read_op(reading, name)
        content = dict(values)
    with rados.WriteOpCtx() as writing:
        writing.assert_version(ioctx.get_last_version())
        writing.remove()
        writing.new(rados.LIBRADOS_CREATE_EXCLUSIVE)
        ioctx.set_omap(writing, tuple(content), tuple(content.values()))
        ioctx.operate_write_op(writing, name)


def _find_removable(ioctx: rados.Ioctx, name: str) -> str | None:
    """The id of an image that exists, or whose removal is incomplete."""
    return (
        _read_mark(ioctx, name)
        or _id_in_directory(ioctx, name)
        or _interrupted_removals(ioctx).get(name)
    )


def _id_in_directory(ioctx: rados.Ioctx, name: str) -> str | None:
    encoded = name.encode()
    argument = struct.pack("<I", len(encoded)) + encoded
    try:
        _, answer = ioctx.execute(_DIRECTORY, "rbd", "dir_get_id", argument)
    except rados.ObjectNotFound:
        return None
    return _decode_text(answer, 0)


def _interrupted_removals(ioctx: rados.Ioctx) -> dict[str, str]:
    """{name: id} of images that are in the trash because their removal was interrupted.

    librbd's own list of the trash omits them, but its removal by name finds them.
    """
    found: dict[str, str] = {}
    last = ""
    while True:
        with rados.ReadOpCtx() as operation:
            values, _ = ioctx.get_omap_vals(operation, last, "id_", _TRASH_PAGE)
            try:
                ioctx.operate_read_op(operation, _TRASH)
            except rados.ObjectNotFound:
                return found
            page = list(values)
        for key, entry in page:
            if entry[6] == _SOURCE_REMOVING:  # after the version (2 bytes) and the length (4)
                found[_decode_text(entry, 7)] = key.removeprefix("id_")
        if len(page) < _TRASH_PAGE:
            return found
        last = page[-1][0]


def _decode_text(encoded: bytes, offset: int) -> str:
    (length,) = struct.unpack_from("<I", encoded, offset)
    return encoded[offset + 4 : offset + 4 + length].decode()
