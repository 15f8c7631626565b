"""Images in Ceph's pools, by way of librbd.

An image is made, and unmade, under an *unfinished* name (``NAME.part-TOKEN``) and renamed in one
step, so an image under its own name is whole, whatever was killed before. The token is this
process's: what a predecessor left half made does not stand in the way, even while Ceph, which
notices the death of a client after half a minute, still counts it as open.

librbd lets go of the interpreter during a call, and one connection serves all threads.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import functools
import json
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator

import rados
import rbd
from oslo_log import log as logging

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)

_UNFINISHED = ".part-"
_MONITOR_SECONDS = "30"  # for a question to the monitors; images wait for their data for ever
_GONE = (
    rados.ConnectionShutdown,
    rados.TimedOut,
    rados.InterruptedOrTimeoutError,
    rbd.ConnectionShutdown,
    rbd.Timeout,
)
_BUSY = (rbd.ImageBusy, rbd.ImageHasSnapshots)


@dataclasses.dataclass(frozen=True)
class Location:
    """A snapshot of an image, as Glance's rbd store writes it down."""

    fsid: str
    pool: str
    image: str
    snapshot: str

    @classmethod
    def parse_url(cls, url: str) -> Location | None:
        """``rbd://FSID/POOL/IMAGE/SNAPSHOT``, each of them quoted; None for anything else."""
        scheme, _, rest = url.partition("://")
        parts = [urllib.parse.unquote(part) for part in rest.split("/")]
        return cls(*parts) if scheme == "rbd" and len(parts) == 4 and all(parts) else None

    def to_url(self) -> str:
        parts = (urllib.parse.quote(part, safe="") for part in dataclasses.astuple(self))
        return "rbd://" + "/".join(parts)


@dataclasses.dataclass(frozen=True)
class PoolStats:
    """Bytes: what the pool's images hold, and what may be added (replicas are taken off)."""

    used: int
    free: int


def is_unfinished(name: str) -> bool:
    return _UNFINISHED in name


def _translated(function: Callable) -> Callable:
    """Errors of Ceph become ours. A connection that is lost for good is made anew next time."""

    @functools.wraps(function)
    def wrapper(self, *args, **kwargs):
        try:
            return function(self, *args, **kwargs)
        except _GONE as exc:
            self.disconnect()
            raise exception.CephUnavailable(reason=str(exc)) from exc
        except _BUSY as exc:
            raise exception.RbdImageBusy(name=args[0]) from exc
        except (rbd.Error, rados.Error) as exc:
            raise exception.CephFailed(reason=str(exc)) from exc

    return wrapper


class _Client(rados.Rados):
    """Ends with its last user; librados keeps its sockets and threads otherwise."""

    def __del__(self) -> None:
        self.shutdown()


class RBDDriver:
    """The images of one pool; a ``pool`` argument names another one.

    ``answer_within``: seconds that a question waits for the data of an image; 0 for ever.
    Every method raises CephUnavailable, and CephFailed for what Ceph refuses.
    """

    def __init__(
        self,
        pool: str,
        user: str | None = None,
        ceph_conf: str = "",
        answer_within: int = 0,
    ):
        self.pool = pool
        self.user = user
        self.ceph_conf = ceph_conf
        self._answer_within = answer_within
        self._token = uuid.uuid4().hex[:8]
        self._lock = threading.Lock()
        self._client: rados.Rados | None = None

    # -- the cluster -------------------------------------------------------------------------

    def _connect(self) -> rados.Rados:
        with self._lock:
            if self._client is None:
                client = _Client(
                    rados_id=self.user,
                    conffile=self.ceph_conf,
                    conf={
                        "client_mount_timeout": str(CONF.libvirt.rbd_connect_timeout),
                        "rados_mon_op_timeout": _MONITOR_SECONDS,
                        "rados_osd_op_timeout": str(self._answer_within),
                        "log_to_stderr": "false",  # what fails is raised
                    },
                )
                try:
                    client.connect()
                except rados.Error as exc:
                    raise exception.CephUnavailable(reason=str(exc)) from exc
                self._client = client
            return self._client

    def disconnect(self) -> None:
        """Forget the connection. Who is in the middle of a call keeps it until the call ends."""
        with self._lock:
            client, self._client = self._client, None
        del client  # its end may take a while: nobody shall wait for that with the lock

    @contextlib.contextmanager
    def _ioctx(self, pool: str | None = None) -> Iterator[rados.Ioctx]:
        client = self._connect()  # ours to the end, whoever forgets it meanwhile
        with client.open_ioctx(pool or self.pool) as ioctx:
            yield ioctx

    def _ask_monitor(self, question: str) -> dict:
        command = json.dumps({"prefix": question, "format": "json"})
        code, answer, reason = self._connect().mon_command(command, b"")
        if code:
            raise exception.CephUnavailable(reason=f"{question}: {reason or code}")
        return json.loads(answer)

    @_translated
    def get_fsid(self) -> str:
        return self._connect().get_fsid()

    @_translated
    def get_mon_addrs(self) -> list[tuple[str, str]]:
        """(address, port) of each monitor; the old protocol's where it speaks both."""
        found = []
        for monitor in self._ask_monitor("mon dump")["mons"]:
            spoken = {each["type"]: each["addr"] for each in monitor["public_addrs"]["addrvec"]}
            host, _, port = (spoken.get("v1") or spoken["v2"]).rpartition(":")
            found.append((host.strip("[]"), port))
        return found

    @_translated
    def get_pool_stats(self) -> PoolStats:
        """As ``ceph df`` has it."""
        pools = {pool["name"]: pool["stats"] for pool in self._ask_monitor("df")["pools"]}
        if self.pool not in pools:
            raise exception.CephFailed(reason=f"it has no pool {self.pool}")
        stats = pools[self.pool]
        return PoolStats(used=stats["stored"], free=stats["max_avail"])

    # -- looking at images -------------------------------------------------------------------

    @_translated
    def list(self, prefix: str = "", pool: str | None = None) -> list[str]:
        with self._ioctx(pool) as ioctx:
            return [name for name in rbd.RBD().list(ioctx) if name.startswith(prefix)]

    @_translated
    def exists(self, name: str, pool: str | None = None) -> bool:
        try:
            with self._ioctx(pool) as ioctx, rbd.Image(ioctx, name, read_only=True):
                return True
        except rbd.ImageNotFound:
            return False

    @_translated
    def size(self, name: str) -> int:
        """Bytes."""
        with self._ioctx() as ioctx, rbd.Image(ioctx, name, read_only=True) as image:
            return image.size()

    @_translated
    def parent(self, name: str) -> tuple[str, str, str] | None:
        """(pool, image, snapshot) that the image is a clone of."""
        with self._ioctx() as ioctx, rbd.Image(ioctx, name, read_only=True) as image:
            try:
                return tuple(image.parent_info())
            except rbd.ImageNotFound:
                return None

    @_translated
    def read_head(self, location: Location, length: int) -> bytes | None:
        """The first bytes of a snapshot; None when it is not there, or not for us to read."""
        try:
            with (
                self._ioctx(location.pool) as ioctx,
                rbd.Image(ioctx, location.image, location.snapshot, read_only=True) as image,
            ):
                return image.read(0, min(length, image.size()))
        except (rados.ObjectNotFound, rbd.ImageNotFound, rbd.PermissionError) as exc:
            LOG.debug("cannot read %s: %s", location, exc)
            return None

    # -- making images -----------------------------------------------------------------------

    @contextlib.contextmanager
    def unfinished(self, name: str, pool: str | None = None) -> Iterator[str]:
        """Make an image inside, under the name that this gives; at the end it is ``name``'s."""
        part = f"{name}{_UNFINISHED}{self._token}"
        self.remove_image(part, pool)
        try:
            yield part
        except BaseException:
            self._try_to_remove(part, pool)
            raise
        self.rename(part, name, pool)

    def _try_to_remove(self, name: str, pool: str | None) -> None:
        try:
            self.remove_image(name, pool)
        except exception.NovaException as exc:
            LOG.warning("%s stays until it is swept: %s", name, exc)

    def is_interrupted(self, name: str) -> bool:
        """Whether it is half made by another process than this."""
        return is_unfinished(name) and not name.endswith(self._token)

    @traced
    @_translated
    def rename(self, name: str, new_name: str, pool: str | None = None) -> None:
        with self._ioctx(pool) as ioctx:
            try:
                rbd.RBD().rename(ioctx, name, new_name)
            except rbd.ImageExists:
                _free_name(ioctx, new_name)
                rbd.RBD().rename(ioctx, name, new_name)

    @traced
    @_translated
    def create(self, name: str, size: int) -> None:
        with self._ioctx() as ioctx:
            rbd.RBD().create(ioctx, name, size)

    @traced
    @_translated
    def clone(self, parent: Location, name: str, pool: str | None = None) -> None:
        with self._ioctx(parent.pool) as source, self._ioctx(pool) as target:
            rbd.RBD().clone(source, parent.image, parent.snapshot, target, name)

    @traced
    @_translated
    def flatten(self, name: str, pool: str | None = None) -> None:
        """Copy what a clone shares with its parent, and be nobody's clone."""
        with self._ioctx(pool) as ioctx, rbd.Image(ioctx, name) as image:
            image.flatten()

    @traced
    @_translated
    def resize(self, name: str, size: int) -> None:
        """Grow to ``size`` bytes; a smaller size changes nothing."""
        with self._ioctx() as ioctx, rbd.Image(ioctx, name) as image:
            if size > image.size():
                image.resize(size)

    @traced
    @_translated
    def create_snap(self, name: str, snapshot: str, pool: str | None = None, protect=False) -> None:
        with self._ioctx(pool) as ioctx, rbd.Image(ioctx, name) as image:
            image.create_snap(snapshot)
            if protect:
                image.protect_snap(snapshot)

    @traced
    @_translated
    def remove_snap(self, name: str, snapshot: str) -> None:
        """Not there is fine."""
        with self._ioctx() as ioctx, rbd.Image(ioctx, name) as image:
            if snapshot in {each["name"] for each in image.list_snaps()}:
                _remove_snapshot(image, snapshot)

    @_translated
    def is_finished_too(self, part: str, pool: str | None = None) -> bool:
        """Whether an unfinished name's image has its finished name as well: a process died in the
        middle of the renaming, and the image is in use by now."""
        name = part.partition(_UNFINISHED)[0]
        try:
            with (
                self._ioctx(pool) as ioctx,
                rbd.Image(ioctx, part, read_only=True) as one,
                rbd.Image(ioctx, name, read_only=True) as other,
            ):
                return one.id() == other.id()
        except rbd.ImageNotFound:
            return False

    def remove_unfinished(self, name: str, pool: str | None = None) -> None:
        """What others, who are dead, began to make under this name."""
        for part in self.list(name + _UNFINISHED, pool):
            self.remove_image(part, pool)

    # -- removing images ---------------------------------------------------------------------

    def unmake(self, name: str, pool: str | None = None) -> None:
        """Remove a whole image; from the first moment on nobody takes what is left for it.

        Not there is fine. Raises RbdImageBusy when it still is in use after all patience.
        """
        part = f"{name}{_UNFINISHED}{self._token}"
        self.remove_image(part, pool)
        if _patiently(self._take_away_name, name, part, pool):
            self.remove_image(part, pool)

    @traced
    @_translated
    def _take_away_name(self, name: str, part: str, pool: str | None) -> bool:
        """Whether it had one."""
        try:
            with self._ioctx(pool) as ioctx:
                with rbd.Image(ioctx, name, read_only=True) as image:
                    if any(image.watchers_list()):
                        raise rbd.ImageBusy(f"{name} has watchers")
                rbd.RBD().rename(ioctx, name, part)
                return True
        except rbd.ImageNotFound:
            return False

    @traced
    def remove_image(self, name: str, pool: str | None = None) -> None:
        """With its snapshots. Not there is fine. Raises RbdImageBusy as :meth:`unmake`."""
        _patiently(self._remove_image, name, pool)

    @_translated
    def _remove_image(self, name: str, pool: str | None) -> None:
        with self._ioctx(pool) as ioctx, contextlib.suppress(rbd.ImageNotFound):
            try:
                rbd.RBD().remove(ioctx, name)
            except rbd.ImageHasSnapshots:
                self._remove_snapshots(ioctx, name)
                rbd.RBD().remove(ioctx, name)

    def _remove_snapshots(self, ioctx: rados.Ioctx, name: str) -> None:
        """Clones of them live on by themselves; those that somebody did not finish go first."""
        with rbd.Image(ioctx, name) as image:
            for snapshot in [each["name"] for each in image.list_snaps()]:
                image.set_snap(snapshot)
                children = image.list_children()
                image.set_snap(None)
                for pool, child in children:
                    if is_unfinished(child):
                        self._remove_image(child, pool)
                    else:
                        self.flatten(child, pool)
                _remove_snapshot(image, snapshot)


def _patiently(remove: Callable, name: str, *args):
    """Again and again while the image is in use, ``rbd_destroy_volume_retries`` times."""
    for left in reversed(range(CONF.libvirt.rbd_destroy_volume_retries)):
        try:
            return remove(name, *args)
        except exception.RbdImageBusy:
            if not left:
                raise
            LOG.debug("%s is still in use; %d tries left", name, left)
            time.sleep(CONF.libvirt.rbd_destroy_volume_retry_interval)
    raise AssertionError("unreachable")


def _free_name(ioctx: rados.Ioctx, name: str) -> None:
    """Ceph gives an image its new name before it takes the old one away: of a process that died in
    between the old one stays, with no image behind it when that is removed by the other.

    Raises rbd.ImageExists for the name of an image.
    """
    with contextlib.suppress(rbd.ImageNotFound), rbd.Image(ioctx, name, read_only=True):
        raise rbd.ImageExists(f"{name} is an image", errno=errno.EEXIST)
    with contextlib.suppress(rbd.ImageNotFound):
        rbd.RBD().remove(ioctx, name)


def _remove_snapshot(image: rbd.Image, snapshot: str) -> None:
    if image.is_protected_snap(snapshot):
        image.unprotect_snap(snapshot)
    image.remove_snap(snapshot)
