"""Images in Ceph's pools.

An image is created with an *unfinished* name (``NAME.part-TOKEN``) and renamed in one step; before
a removal it gets such a name again. So an image under its final name is complete, also after a
crash. The token is different in each process: an unfinished image of a dead process does not block
a new attempt, although Ceph counts it as open until it detects the death after half a minute.

The calls of librbd run in worker processes (:mod:`.rbd_calls`, :mod:`.worker_pool`), because the
library can abort or block its process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import re
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator, Sequence

from oslo_log import log as logging

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.trace import traced
from nova_mini.virt.libvirt.storage.worker import CallFailed
from nova_mini.virt.libvirt.storage.worker_pool import WorkerPool, WorkersExhausted

LOG = logging.getLogger(__name__)

_UNFINISHED = ".part-"
_CLIENT_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[0-9.]+):\d+/\d+")  # of a list of clients
_CALLS = pathlib.Path(__file__).with_name("rbd_calls.py")  # imported only in workers


@dataclasses.dataclass(frozen=True)
class Location:
    """A snapshot of an image, as in the locations of Glance's rbd store."""

    fsid: str
    pool: str
    image: str
    snapshot: str

    @classmethod
    def parse_url(cls, url: str) -> Location | None:
        """Parse ``rbd://FSID/POOL/IMAGE/SNAPSHOT``, with quoted parts; None for another URL."""
        scheme, _, rest = url.partition("://")
        parts = [urllib.parse.unquote(part) for part in rest.split("/")]
        return cls(*parts) if scheme == "rbd" and len(parts) == 4 and all(parts) else None

    def to_url(self) -> str:
        parts = (urllib.parse.quote(part, safe="") for part in dataclasses.astuple(self))
        return "rbd://" + "/".join(parts)


@dataclasses.dataclass(frozen=True)
class PoolStats:
    """In bytes, without replicas: the data in the pool, and what can be added."""

    used: int
    free: int


def is_unfinished(name: str) -> bool:
    return _UNFINISHED in name


class RBDDriver:
    """The images of one pool; a ``pool`` argument names another one.

    ``hang_timeout``: see :class:`.WorkerPool`; in seconds. Every method raises
    CephUnavailable, and CephFailed when Ceph refuses the request.
    """

    def __init__(
        self,
        pool: str,
        user: str | None = None,
        ceph_conf: str = "",
        hang_timeout: float = 20,
    ):
        self.pool = pool
        self.user = user
        self.ceph_conf = ceph_conf
        self._token = uuid.uuid4().hex[:8]
        self._workers = WorkerPool(_CALLS, self._settings, ("ping", pool), hang_timeout)

    # -- the cluster -------------------------------------------------------------------------

    def close(self) -> None:
        """Close the connections to the cluster."""
        self._workers.close()

    def _settings(self) -> dict:
        """Arguments of :func:`.rbd_calls.connect`."""
        return {
            "user": self.user,
            "ceph_conf": self.ceph_conf,
            "connect_timeout": CONF.libvirt.rbd_connect_timeout,
        }

    def _call(self, name: str, *args, image: str = "", long: bool = False):
        """Run the method ``name`` of :class:`.rbd_calls.RbdCalls`. ``image``: for RbdImageBusy."""
        try:
            return self._workers.call(name, *args, long=long)
        except WorkersExhausted as exc:
            raise exception.CephUnavailable(reason=str(exc)) from exc
        except CallFailed as exc:
            if exc.kind == "unavailable":
                raise exception.CephUnavailable(reason=str(exc)) from exc
            if exc.kind == "busy":
                raise exception.RbdImageBusy(name=image) from exc
            if exc.kind == "refused":
                raise exception.CephFailed(reason=str(exc)) from exc
            raise  # a programming error

    def get_fsid(self) -> str:
        return self._call("get_fsid")

    def get_mon_addrs(self) -> list[tuple[str, str]]:
        """(address, port) of each monitor: of protocol v1 if it has that, else of v2."""
        found = []
        for monitor in self._call("ask_monitor", "mon dump")["mons"]:
            addresses = {each["type"]: each["addr"] for each in monitor["public_addrs"]["addrvec"]}
            host, _, port = (addresses.get("v1") or addresses["v2"]).rpartition(":")
            found.append((host.strip("[]"), port))
        return found

    def get_client_addresses(self) -> tuple[str, ...]:
        """The IP addresses from which this host reaches the cluster, without duplicates."""
        found = _CLIENT_ADDRESS.findall(self._call("get_addresses"))
        return tuple(sorted({each.strip("[]") for each in found}))

    def get_pool_stats(self) -> PoolStats:
        """As ``ceph df`` reports it."""
        answer = self._call("ask_monitor", "df")
        pools = {pool["name"]: pool["stats"] for pool in answer["pools"]}
        if self.pool not in pools:
            raise exception.CephFailed(reason=f"pool {self.pool} does not exist")
        stats = pools[self.pool]
        return PoolStats(used=stats["stored"], free=stats["max_avail"])

    # -- reading images ----------------------------------------------------------------------

    def list(self, prefix: str = "", pool: str | None = None) -> list[str]:
        return self._call("list", pool or self.pool, prefix)

    def exists(self, name: str, pool: str | None = None) -> bool:
        return self._call("exists", pool or self.pool, name)

    def size(self, name: str) -> int:
        """In bytes."""
        return self._call("size", self.pool, name)

    def parent(self, name: str) -> tuple[str, str, str] | None:
        """(pool, image, snapshot) from which the image was cloned; None for no clone."""
        return self._call("parent", self.pool, name)

    def read_head(self, location: Location, length: int) -> bytes | None:
        """The first bytes of a snapshot; None if it does not exist or access is denied."""
        snapshot = (location.pool, location.image, location.snapshot)
        return self._call("read_head", *snapshot, length)

    # -- creating images ---------------------------------------------------------------------

    @contextlib.contextmanager
    def unfinished(self, name: str, pool: str | None = None) -> Iterator[str]:
        """Context manager: the body creates an image with the yielded unfinished name; after it the
        image is renamed to ``name``. If the body fails, the image is removed."""
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
            LOG.warning("Unfinished image %s: could not remove it now: %s", name, exc)

    def is_interrupted(self, name: str) -> bool:
        """Whether it is the name of an unfinished image of another process."""
        return is_unfinished(name) and not name.endswith(self._token)

    @traced("RBDDriver.rename")
    def rename(self, name: str, new_name: str, pool: str | None = None) -> None:
        self._call("rename", pool or self.pool, name, new_name, image=name)

    @traced("RBDDriver.create")
    def create(self, name: str, size: int) -> None:
        """``name`` must be an unfinished name: a retried call first removes such an image."""
        _check_unfinished(name)
        self._call("create", self.pool, name, size, image=name)

    @traced("RBDDriver.clone")
    def clone(self, parent: Location, name: str, pool: str | None = None) -> None:
        """Clone a snapshot. ``name`` must be an unfinished name; see :meth:`create`."""
        _check_unfinished(name)
        source = (parent.pool, parent.image, parent.snapshot)
        self._call("clone", *source, pool or self.pool, name, image=name)

    @traced("RBDDriver.flatten")
    def flatten(self, name: str, pool: str | None = None) -> None:
        """Copy the data that a clone shares with its parent. Idempotent."""
        self._call("flatten", pool or self.pool, name, image=name, long=True)

    @traced("RBDDriver.resize")
    def resize(self, name: str, size: int) -> None:
        """Grow to ``size`` bytes; a smaller size is ignored."""
        self._call("resize", self.pool, name, size, image=name)

    @traced("RBDDriver.create_snap")
    def create_snap(
        self, name: str, snapshot: str, pool: str | None = None, protect: bool = False
    ) -> None:
        """No other process may use the name ``snapshot``: a retried call replaces the snapshot."""
        self._call("create_snap", pool or self.pool, name, snapshot, protect, image=name)

    @traced("RBDDriver.remove_snap")
    def remove_snap(self, name: str, snapshot: str) -> None:
        """Idempotent."""
        self._call("remove_snap", self.pool, name, snapshot, image=name)

    @traced("RBDDriver.roll_back_to_snap")
    def roll_back_to_snap(self, name: str, snapshot: str) -> None:
        """Bring back the content and size of a snapshot; without such a snapshot, do nothing. No
        guest may use the image. Idempotent."""
        self._call("roll_back_to_snap", self.pool, name, snapshot, image=name, long=True)

    def has_final_name(self, part: str, pool: str | None = None) -> bool:
        """Whether the image with the unfinished name ``part`` has its final name, too: its renaming
        was interrupted, and it may be in use."""
        return self._call("is_same", pool or self.pool, part, part.partition(_UNFINISHED)[0])

    def remove_unfinished(self, name: str, pool: str | None = None) -> None:
        """Remove the unfinished images of ``name``; the processes that made them must be dead."""
        for part in self.list(name + _UNFINISHED, pool):
            self.remove_image(part, pool)

    # -- removing images ---------------------------------------------------------------------

    def rename_and_remove(self, name: str, pool: str | None = None) -> None:
        """Remove an image. It is first renamed to an unfinished name, so that an incompletely
        removed image is not used.

        Idempotent. Raises RbdImageBusy if the image is still in use after all retries.
        """
        part = f"{name}{_UNFINISHED}{self._token}"
        self.remove_image(part, pool)
        _retry_while_busy(self._rename_unused, name, part, pool)
        self.remove_image(part, pool)

    @traced("RBDDriver._take_away_name")
    def _rename_unused(self, name: str, part: str, pool: str | None) -> None:
        self._call("rename_unused", pool or self.pool, name, part, image=name)

    @traced("RBDDriver.remove_image")
    def remove_image(self, name: str, pool: str | None = None) -> None:
        """Remove an image with its snapshots. Idempotent. Raises RbdImageBusy if the image is still
        in use after all retries."""
        if self._call("needs_removal", pool or self.pool, name):
            _retry_while_busy(self._remove_image, name, pool)

    def _remove_image(self, name: str, pool: str | None) -> None:
        """Clones of its snapshots are made independent; unfinished clones are removed."""
        clones = self._remove_unless_cloned(name, pool)
        for clone_pool, clone in clones:
            if is_unfinished(clone):
                self._remove_image(clone, clone_pool)
            else:
                self.flatten(clone, clone_pool)
        if clones and self._remove_unless_cloned(name, pool):
            raise exception.RbdImageBusy(name=name)

    def _remove_unless_cloned(self, name: str, pool: str | None) -> Sequence[tuple[str, str]]:
        """Other clients that have an unfinished image open are dead, so they may be fenced."""
        is_own = is_unfinished(name)
        return self._call("remove", pool or self.pool, name, is_own, image=name, long=True)


def _check_unfinished(name: str) -> None:
    if not is_unfinished(name):
        raise ValueError(f"{name} is not the name of an unfinished image")


def _retry_while_busy(remove: Callable, name: str, *args) -> None:
    """Call ``remove`` up to ``rbd_destroy_volume_retries`` times while the image is in use."""
    for left in reversed(range(CONF.libvirt.rbd_destroy_volume_retries)):
        try:
            remove(name, *args)
        except exception.RbdImageBusy:
            if not left:
                raise
            LOG.debug("Image %s: still in use; %d retries left", name, left)
            time.sleep(CONF.libvirt.rbd_destroy_volume_retry_interval)
        else:
            return
