"""Disks that are images in a Ceph pool, which all hosts share.

If Glance stores the image in raw format in the same cluster, the disk is a clone, made at once.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import pathlib
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from oslo_log import log as logging
from oslo_utils import units

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced
from nova_mini.virt import images
from nova_mini.virt.libvirt import blockinfo, utils
from nova_mini.virt.libvirt.imagebackend.base import (
    Image,
    Storage,
    WritableImage,
    owner_of,
    owners_of,
)
from nova_mini.virt.libvirt.imagebackend.file import Backend
from nova_mini.virt.libvirt.secrets import Secrets, ceph_usage, read_ceph_key
from nova_mini.virt.libvirt.storage import rbd_utils
from nova_mini.virt.libvirt.storage.rbd_utils import Location, RBDDriver

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.image import glance
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.libvirt.config_devices import Place
    from nova_mini.virt.libvirt.guest import Guest

LOG = logging.getLogger(__name__)

_BEFORE_RESIZE = "nova-resize"  # a snapshot, named as Nova's
_HEAD = units.Mi  # bytes; enough to detect every format


class Rbd(WritableImage):
    SUPPORTS_CLONE = True
    driver_format = "raw"

    def __init__(self, instance: Instance | Guest, disk_name: str, backend: RbdBackend):
        super().__init__(instance, disk_name)
        self.rbd_name = f"{instance.uuid}_{disk_name}"
        self.ceph = backend.ceph
        self._backend = backend

    @property
    def place(self) -> Place:
        return "network", "rbd", f"{self.ceph.pool}/{self.rbd_name}"

    def exists(self) -> bool:
        return self.ceph.exists(self.rbd_name)

    # -- creation ----------------------------------------------------------------------------

    @traced("Rbd.clone")
    def clone(
        self, context: RequestContext, image_api: glance.API, image_id: str, size: int
    ) -> None:
        """Clone the disk from the image's data in Ceph. Idempotent.

        Raises ImageUnacceptable if the image cannot be cloned: its data is not raw, or not in this
        cluster in a pool that this host can read. Raises FlavorDiskSmallerThanImage if the image is
        larger than ``size``.
        """
        if self.exists():
            return
        parent = self._backend.find_cloneable(context, image_api, image_id)
        with self.ceph.unfinished(self.rbd_name) as part:
            self.ceph.clone(parent, part)
            image_size = self.ceph.size(part)
            if size and image_size > size:
                raise exception.FlavorDiskSmallerThanImage(flavor_size=size, image_size=image_size)
            self.ceph.resize(part, size)

    def _create(self, base, size):
        base_size = utils.get_disk_size(base, utils.get_base_format(base))
        with self.ceph.unfinished(self.rbd_name) as part:
            self._import(base, part, max(base_size, size or 0))
        if not CONF.image_cache.keep_imported_images:
            base.unlink()

    def create_from(self, write: Callable[[pathlib.Path], None]) -> None:
        self.path.unlink(missing_ok=True)
        try:
            write(self.path)
            with self.ceph.unfinished(self.rbd_name) as part:
                self._import(self.path, part, self.path.stat().st_size)
        finally:
            self.path.unlink(missing_ok=True)

    @traced("Rbd._import")
    def _import(self, source: pathlib.Path, name: str, size: int) -> None:
        self.ceph.create(name, size)
        images.qemu_img(
            "convert",
            "-n",
            "--target-is-zero",
            "-W",
            "-f",
            utils.get_base_format(source),
            "--target-image-opts",
            str(source),
            self._qemu_options(name),
        )

    def remove(self) -> None:
        self.ceph.rename_and_remove(self.rbd_name)

    def flatten(self) -> None:
        if self.ceph.parent(self.rbd_name):
            self.ceph.flatten(self.rbd_name)

    # -- existing disks ----------------------------------------------------------------------

    def get_disk_size(self) -> int:
        return self.ceph.size(self.rbd_name)

    def resize_image(self, size: int) -> None:
        self.ceph.resize(self.rbd_name, size)

    def keep_for_revert(self) -> None:
        self.ceph.remove_snap(self.rbd_name, _BEFORE_RESIZE)
        self.ceph.create_snap(self.rbd_name, _BEFORE_RESIZE)

    def revert(self) -> None:
        self.ceph.roll_back_to_snap(self.rbd_name, _BEFORE_RESIZE)
        self.ceph.remove_snap(self.rbd_name, _BEFORE_RESIZE)

    def discard_revert_copy(self) -> None:
        self.ceph.remove_snap(self.rbd_name, _BEFORE_RESIZE)

    def rename(self, other: Image) -> None:
        assert isinstance(other, Rbd)  # of the same backend
        self.ceph.rename(self.rbd_name, other.rbd_name)

    @contextlib.contextmanager
    def snapshot(self, name: str) -> Iterator[Location]:
        """Context manager: a snapshot of the disk. A snapshot of this name that an interrupted
        process left is replaced."""
        self.ceph.remove_snap(self.rbd_name, name)
        self.ceph.create_snap(self.rbd_name, name, protect=True)
        try:
            yield Location(self._backend.fsid, self.ceph.pool, self.rbd_name, name)
        finally:
            self.ceph.remove_snap(self.rbd_name, name)

    def snapshot_extract(self, target: pathlib.Path, out_format: str) -> None:
        self.extract(target, out_format)

    def extract(self, target: pathlib.Path, out_format: str, **snapshot: str) -> None:
        """Write a full copy of the disk, or of its snapshot with ``snapshot=NAME``."""
        images.qemu_img(
            "convert",
            "-O",
            out_format,
            "--image-opts",
            self._qemu_options(self.rbd_name, **snapshot),
            str(target),
        )

    def url(self, image: str, pool: str, snapshot: str) -> str:
        """The location of an image in this cluster, for Glance."""
        return Location(self._backend.fsid, pool, image, snapshot).to_url()

    def find_images_pool(
        self, context: RequestContext, image_api: glance.API, image_id: str
    ) -> str:
        """The pool in this cluster in which Glance stores images: that of the image from which this
        disk was made. Raises ImageUnacceptable when that image is not in this cluster."""
        parent = self.ceph.parent(self.rbd_name)
        if parent:
            return parent[0]
        return self._backend.find_pool_of(context, image_api, image_id)

    def _qemu_options(self, name: str, **more: str) -> str:
        """The options with which QEMU's tools open an image."""
        options = {"driver": "rbd", "pool": self.ceph.pool, "image": name, **more}
        if self.ceph.user:
            options["user"] = self.ceph.user
        if self.ceph.ceph_conf:
            options["conf"] = self.ceph.ceph_conf
        return ",".join(f"{key}={value.replace(',', ',,')}" for key, value in options.items())

    def _access(self):
        auth = self._backend.ensure_secret()
        return {
            "source_hosts": self.ceph.get_mon_addrs(),
            "driver_cache": CONF.libvirt.disk_cachemodes.get("network", "none"),
            **auth,
        }


class RbdBackend(Backend):
    is_shared = True

    def __init__(self, secrets: Secrets):
        options = CONF.libvirt
        self.ceph = RBDDriver(
            options.images_rbd_pool, options.rbd_user, options.images_rbd_ceph_conf
        )
        self._secrets = secrets

    @functools.cached_property
    def fsid(self) -> str:
        return self.ceph.get_fsid()

    def by_name(self, instance: Instance | Guest, disk_name: str) -> Image:
        return Rbd(instance, disk_name, self)

    def config_drive(
        self, instance: Instance | Guest, disk_name: str = blockinfo.CONFIG_DRIVE
    ) -> WritableImage:
        return Rbd(instance, disk_name, self)

    # -- images ------------------------------------------------------------------------------

    def can_clone(self, context: RequestContext, image_api: glance.API, image_id: str) -> bool:
        try:
            self.find_cloneable(context, image_api, image_id)
        except exception.ImageUnacceptable:
            return False
        return True

    def find_cloneable(
        self, context: RequestContext, image_api: glance.API, image_id: str
    ) -> Location:
        """The location of the image's data in Ceph. Raises ImageUnacceptable if disks cannot be
        cloned from it."""
        image = image_api.get(context, image_id, include_locations=True)
        if image.status != "active" or image.disk_format not in ("raw", "iso"):
            raise exception.ImageUnacceptable(
                image_id=image.id, reason=f"it is {image.status} and {image.disk_format}"
            )
        for location in self.locations_of(image):
            head = self.ceph.read_head(location, _HEAD)
            if head is not None:
                images.inspect_head(image_id, head, image.disk_format)
                return location
        raise exception.ImageUnacceptable(
            image_id=image.id, reason="it has no location that this host can clone"
        )

    def find_pool_of(self, context: RequestContext, image_api: glance.API, image_id: str) -> str:
        """The pool of this cluster that has an image's data. Raises ImageUnacceptable."""
        try:
            image = image_api.get(context, image_id, include_locations=True)
        except (exception.ImageNotFound, exception.ImageNotAuthorized):
            raise exception.ImageUnacceptable(
                image_id=image_id, reason="it does not exist any more, so its pool is unknown"
            ) from None
        for location in self.locations_of(image):
            return location.pool
        raise exception.ImageUnacceptable(
            image_id=image_id, reason="it is not in the Ceph cluster of this host"
        )

    def locations_of(self, image: ImageMeta) -> list[Location]:
        """The locations in this cluster where the name of the data is the image's id, as Glance
        stores it.

        Other locations are not used: some clouds let users set a location, and this service may
        read more than Glance, for example the disks of all servers.
        """
        found = (Location.parse_url(each["url"]) for each in image.locations or [])
        return [each for each in found if each and (each.fsid, each.image) == (self.fsid, image.id)]

    # -- the cluster -------------------------------------------------------------------------

    def get_storage(self) -> Storage | None:
        stats = self.ceph.get_pool_stats()
        return Storage(
            pool=f"rbd:{self.fsid}/{self.ceph.pool}",
            total=stats.used + stats.free,
            free=stats.free,
            client_addresses=self.ceph.get_client_addresses(),
        )

    def ensure_secret(self) -> dict:
        """Ensure that libvirt has the key of ``rbd_user``. Returns the fields of
        LibvirtConfigGuestDisk that refer to it. Raises ConfigurationError."""
        user = self.ceph.user
        if not user:
            return {}  # the cluster needs no keys
        name, path = f"client.{user}", pathlib.Path(CONF.libvirt.rbd_keyring.format(user=user))
        secret = CONF.libvirt.rbd_secret_uuid or str(
            uuid.uuid5(uuid.NAMESPACE_URL, f"rbd://{self.fsid}/{name}")
        )
        key = read_ceph_key(path.read_text(), name) if path.exists() else None
        if not self._secrets.ensure("ceph", secret, ceph_usage(name, secret), key):
            raise exception.ConfigurationError(
                f"libvirt has no secret for {name}, and its keyring {path} does not exist"
            )
        return {"auth_username": user, "auth_secret": ("ceph", secret)}

    # -- removal -----------------------------------------------------------------------------

    @traced("RbdBackend.remove_disks")
    def remove_disks(self, instance_uuid: str) -> None:
        for name in self.ceph.list(f"{instance_uuid}_"):
            if rbd_utils.is_unfinished(name):
                self.ceph.remove_image(name)
            else:
                self.ceph.rename_and_remove(name)

    def discard_copy(
        self, context: RequestContext, image_api: glance.API, image_id: str, base_image_id: str
    ) -> None:
        try:
            pool = self.find_pool_of(context, image_api, base_image_id)
        except exception.ImageUnacceptable as exc:
            LOG.info("Image %s: no data to remove: %s", image_id, exc)
            return
        for name in self.ceph.list(image_id, pool):
            if name == image_id:
                self.ceph.rename_and_remove(name, pool)
            elif self.ceph.is_interrupted(name):
                self.ceph.remove_image(name, pool)

    def list_shared_owners(self) -> set[str]:
        return {owner for name in self.ceph.list() if (owner := owner_of(name))}

    def list_owners_of(self, disk_name: str) -> set[str]:
        return owners_of(disk_name, self.ceph.list())

    def list_interrupted(self) -> dict[str, list[str]]:
        found = collections.defaultdict(list)
        for name in self.ceph.list():
            if not (owner := owner_of(name)) or not self.ceph.is_interrupted(name):
                continue
            if not self.ceph.has_final_name(name):
                found[owner].append(name)
        return dict(found)

    def remove_interrupted(self, name: str) -> None:
        self.ceph.remove_image(name)
