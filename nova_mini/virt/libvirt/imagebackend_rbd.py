"""Disks that are images in a pool of Ceph, which all hosts share.

A disk of an image that Glance keeps raw in the same cluster is a clone of it, and there at once.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import pathlib
import uuid
from collections.abc import Callable, Iterator

from oslo_log import log as logging
from oslo_utils import units

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced
from nova_mini.virt import images
from nova_mini.virt.libvirt import utils
from nova_mini.virt.libvirt.imagebackend import Backend, Image, Storage, owner_of
from nova_mini.virt.libvirt.secrets import Secrets, ceph_usage, read_ceph_key
from nova_mini.virt.libvirt.storage import rbd_utils
from nova_mini.virt.libvirt.storage.rbd_utils import Location, RBDDriver
from nova_mini.virt.libvirt.storage.rbd_watch import RbdWatch

LOG = logging.getLogger(__name__)

_HEAD = units.Mi  # enough to tell every format


class Rbd(Image):
    SUPPORTS_CLONE = True
    driver_format = "raw"

    def __init__(self, instance, disk_name: str, backend: RbdBackend):
        super().__init__(instance, disk_name)
        self.rbd_name = f"{instance.uuid}_{disk_name}"
        self.ceph = backend.ceph
        self._backend = backend

    @property
    def place(self):
        return "network", "rbd", f"{self.ceph.pool}/{self.rbd_name}"

    def exists(self):
        return self.ceph.exists(self.rbd_name)

    # -- making it ---------------------------------------------------------------------------

    @traced
    def clone(self, context, image_api, image_id: str, size: int) -> None:
        """Make the disk from Glance's copy; there already is fine.

        Raises ImageUnacceptable when that cannot be: its data is not raw, or not in a pool of our
        cluster that we may read. FlavorDiskSmallerThanImage when the image is larger than ``size``.
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
        """See :meth:`.imagebackend.FileImage.create_from`."""
        self.path.unlink(missing_ok=True)
        try:
            write(self.path)
            with self.ceph.unfinished(self.rbd_name) as part:
                self._import(self.path, part, self.path.stat().st_size)
        finally:
            self.path.unlink(missing_ok=True)

    @traced
    def _import(self, source: pathlib.Path, name: str, size: int) -> None:
        self.ceph.create(name, size)
        images.qemu_img(
            "convert", "-n", "--target-is-zero", "-W", "-f", utils.get_base_format(source),
            "--target-image-opts", str(source), self._qemu_options(name),
        )  # fmt: skip

    def flatten(self):
        if self.ceph.parent(self.rbd_name):
            self.ceph.flatten(self.rbd_name)

    # -- what is there -----------------------------------------------------------------------

    def get_disk_size(self):
        return self.ceph.size(self.rbd_name)

    def resize_image(self, size):
        self.ceph.resize(self.rbd_name, size)

    @contextlib.contextmanager
    def snapshot(self, name: str) -> Iterator[Location]:
        """The disk as it is now, whatever a guest does to it inside. What a process that died left
        of a snapshot of the same name is removed."""
        self.ceph.remove_snap(self.rbd_name, name)
        self.ceph.create_snap(self.rbd_name, name, protect=True)
        try:
            yield Location(self._backend.fsid, self.ceph.pool, self.rbd_name, name)
        finally:
            self.ceph.remove_snap(self.rbd_name, name)

    def snapshot_extract(self, target, out_format):
        self.extract(target, out_format)

    def extract(self, target: pathlib.Path, out_format: str, **snapshot: str) -> None:
        """Write a flattened copy of the disk, or of its snapshot ``snapshot=NAME``."""
        images.qemu_img(
            "convert", "-O", out_format, "--image-opts",
            self._qemu_options(self.rbd_name, **snapshot), str(target),
        )  # fmt: skip

    def url(self, image: str, pool: str, snapshot: str) -> str:
        """By which Glance can find an image in our cluster."""
        return Location(self._backend.fsid, pool, image, snapshot).to_url()

    def find_images_pool(self, context, image_api, image_id: str | None) -> str:
        """Where Glance keeps its images in our cluster: the pool of the image that this disk was
        made from. Raises ImageUnacceptable when it is not there."""
        parent = self.ceph.parent(self.rbd_name)
        if parent:
            return parent[0]
        return self._backend.find_pool_of(context, image_api, image_id)

    def _qemu_options(self, name: str, **more: str) -> str:
        """The image, for a tool of QEMU's."""
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

    def init_host(self):
        RbdWatch(self.ceph).start()

    @functools.cached_property
    def fsid(self) -> str:
        return self.ceph.get_fsid()

    def by_name(self, instance, disk_name):
        return Rbd(instance, disk_name, self)

    # -- images ------------------------------------------------------------------------------

    def can_clone(self, context, image_api, image_id):
        try:
            self.find_cloneable(context, image_api, image_id)
        except exception.ImageUnacceptable:
            return False
        return True

    def find_cloneable(self, context, image_api, image_id: str) -> Location:
        """Where the data of an image is that disks may be cloned from. Raises ImageUnacceptable."""
        image = image_api.get(context, image_id, include_locations=True)
        if image.status != "active" or image.disk_format not in ("raw", "iso"):
            raise exception.ImageUnacceptable(
                image_id=image.id, reason=f"it is {image.status} and {image.disk_format}"
            )
        for location in self.locations_of(image):
            head = self.ceph.read_head(location, _HEAD)
            if head is not None:
                images.inspect_head(image.id, head, image.disk_format)
                return location
        raise exception.ImageUnacceptable(
            image_id=image.id, reason="it has no location that this host can clone"
        )

    def find_pool_of(self, context, image_api, image_id: str | None) -> str:
        """The pool in our cluster where Glance keeps an image. Raises ImageUnacceptable."""
        try:
            image = image_api.get(context, image_id, include_locations=True)
        except (exception.ImageNotFound, exception.ImageNotAuthorized):
            raise exception.ImageUnacceptable(
                image_id=image_id, reason="it is gone, and with it where its like is kept"
            ) from None
        for location in self.locations_of(image):
            return location.pool
        raise exception.ImageUnacceptable(image_id=image_id, reason="it is not in our cluster")

    def locations_of(self, image: ImageMeta) -> list[Location]:
        """Those in our cluster."""
        found = (Location.parse_url(each["url"]) for each in image.locations or [])
        return [each for each in found if each and each.fsid == self.fsid]

    # -- the cluster, for hosts and guests ---------------------------------------------------

    def get_storage(self):
        stats = self.ceph.get_pool_stats()
        return Storage(
            pool=f"rbd:{self.fsid}/{self.ceph.pool}",
            total=stats.used + stats.free,
            free=stats.free,
        )

    def ensure_secret(self) -> dict:
        """See that libvirt has the key of our user; returns how a disk refers to it, as fields of
        LibvirtConfigGuestDisk. Raises ConfigurationError."""
        user = self.ceph.user
        if not user:
            return {}  # the cluster wants no keys
        name, path = f"client.{user}", pathlib.Path(CONF.libvirt.rbd_keyring.format(user=user))
        secret = CONF.libvirt.rbd_secret_uuid or str(
            uuid.uuid5(uuid.NAMESPACE_URL, f"rbd://{self.fsid}/{name}")
        )
        key = read_ceph_key(path.read_text(), name) if path.exists() else None
        if not self._secrets.ensure("ceph", secret, ceph_usage(name, secret), key):
            raise exception.ConfigurationError(
                f"libvirt has no secret for {name}, and {path} is not there to make it"
            )
        return {"auth_username": user, "auth_secret": ("ceph", secret)}

    # -- what instances leave ----------------------------------------------------------------

    @traced
    def remove_disks(self, instance_uuid):
        for name in self.ceph.list(f"{instance_uuid}_"):
            if rbd_utils.is_unfinished(name):
                self.ceph.remove_image(name)
            else:
                self.ceph.unmake(name)

    def discard_copy(self, context, image_api, image_id, base_image_id):
        try:
            pool = self.find_pool_of(context, image_api, base_image_id)
        except exception.ImageUnacceptable as exc:
            LOG.info("nothing of image %s to remove: %s", image_id, exc)
            return
        for name in self.ceph.list(image_id, pool):
            if name == image_id:
                self.ceph.unmake(name, pool)
            elif self.ceph.is_interrupted(name):
                self.ceph.remove_image(name, pool)

    def list_shared_owners(self):
        return {owner_of(name) for name in self.ceph.list()} - {None}

    def list_interrupted(self):
        found = collections.defaultdict(list)
        for name in self.ceph.list():
            if not (owner := owner_of(name)) or not self.ceph.is_interrupted(name):
                continue
            if not self.ceph.is_finished_too(name):
                found[owner].append(name)
        return dict(found)

    def remove_interrupted(self, name):
        self.ceph.remove_image(name)
