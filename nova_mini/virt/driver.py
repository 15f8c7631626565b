"""The interface between the compute manager and a hypervisor.

A driver is stateless towards the cloud: it never reads the database and never talks to another
service of nova_mini. Every method that changes something may be called again after a crash, so it
asks before it acts (is the domain there, the disk there?) and adopts what it finds.
"""

from __future__ import annotations

import abc
import dataclasses
import enum
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from oslo_utils import importutils

from nova_mini import exception
from nova_mini.virt import device_names

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.network.model import VIF, NetworkInfo
    from nova_mini.objects.block_device_mapping import BlockDeviceMapping
    from nova_mini.objects.image_meta import ImageMeta
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.virtapi import VirtAPI


@dataclasses.dataclass(frozen=True)
class InstanceInfo:
    """What the hypervisor says of one instance; ``state`` is a ``compute.power_state`` value."""

    state: int
    internal_id: int | None = None


class LifecycleTransition(enum.Enum):
    STARTED = "started"
    STOPPED = "stopped"
    PAUSED = "paused"
    RESUMED = "resumed"
    SUSPENDED = "suspended"


@dataclasses.dataclass(frozen=True)
class LifecycleEvent:
    """A domain changed its power state, perhaps without being asked (the guest shut down)."""

    uuid: str
    transition: LifecycleTransition


class ComputeDriver(abc.ABC):
    """What a hypervisor must be able to do.

    ``block_device_info`` is the dict made by ``virt.block_device.get_block_device_info``::

        {"root_device_name": "/dev/vda",
         "image": [{...}],                    # the local root disk, if any
         "ephemerals": [{"device_name", "size" (GiB), "guest_format", "disk_bus"}],
         "swap": {"device_name", "swap_size" (MiB)} or None,
         "block_device_mapping": [{"connection_info", "mount_device", "boot_index",
                                   "disk_bus", "device_type", "guest_format", "tag"}]}
    """

    capabilities: dict[str, bool] = {}

    def __init__(self, virtapi: VirtAPI):
        self.virtapi = virtapi
        self._event_callback: Callable[[LifecycleEvent], None] | None = None

    # -- the host ----------------------------------------------------------------------------

    @abc.abstractmethod
    def init_host(self, host: str) -> None:
        """Connect to the hypervisor. Raises HypervisorUnavailable."""

    def cleanup_host(self, host: str) -> None:  # noqa: B027
        """Let go of the hypervisor at the end of the service."""

    @abc.abstractmethod
    def get_available_resource(self) -> dict:
        """The host's totals, for ``objects.ComputeNode``.

        Keys: vcpus, memory_mb, local_gb (GiB), memory_mb_free_real (what the host itself says is
        free), disk_available_least (GiB or None), disk_pool (name of a storage that this host has
        together with others, or None), hypervisor_type, hypervisor_version (int),
        hypervisor_hostname, cpu_info (dict), supported_instances (list of
        ``[arch, hv_type, vm_mode]``), host_uptime (text or None).
        """

    @abc.abstractmethod
    def is_available(self) -> bool:
        """Whether the hypervisor answers now; the heartbeat reports it."""

    def register_event_listener(self, callback: Callable[[LifecycleEvent], None]) -> None:
        self._event_callback = callback

    def emit_event(self, event: LifecycleEvent) -> None:
        if self._event_callback:
            self._event_callback(event)

    # -- what is there -----------------------------------------------------------------------

    @abc.abstractmethod
    def list_instance_uuids(self) -> list[str]:
        """Every instance of ours that the hypervisor knows or that has files or disks of its own on
        this host."""

    @abc.abstractmethod
    def get_info(self, instance: Instance) -> InstanceInfo:
        """Raises InstanceNotFound when the hypervisor does not know it."""

    @abc.abstractmethod
    def get_power_states(self) -> dict[str, int]:
        """uuid -> power state of every defined domain, in as few hypervisor calls as it takes."""

    def list_plugged_instances(self) -> set[str]:
        """Uuids of the instances that have a port at this host's switch."""
        return set()

    def unplug_leftovers(self, instance_uuid: str) -> None:  # noqa: B027
        """Remove from the switch every port of an instance that has no guest here."""

    # -- lifecycle ---------------------------------------------------------------------------

    @abc.abstractmethod
    def spawn(
        self,
        context: RequestContext,
        instance: Instance,
        image_meta: ImageMeta,
        injected_files: list[tuple[str, bytes]],
        admin_password: str | None,
        network_info: NetworkInfo | None = None,
        block_device_info: dict | None = None,
        power_on: bool = True,
        fallback_from_host: str | None = None,
    ) -> None:
        """Make the disks and the domain and start it; returns when it runs. The root disk is made
        from the image of ``image_meta``: the server's own, or the one that it was shelved in.

        ``fallback_from_host`` has had the same image, should Glance not have it any more.

        Twice as good as once: what a killed first attempt left is adopted or replaced.
        Raises BuildAbortException for what no other host could do better (bad image), else
        whatever failed; the manager cleans up with :meth:`destroy`.
        """

    @abc.abstractmethod
    def destroy(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo | None = None,
        block_device_info: dict | None = None,
        destroy_disks: bool = True,
    ) -> None:
        """Stop and undefine the domain, unplug its VIFs, remove its files. None there is fine."""

    @abc.abstractmethod
    def reboot(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        reboot_type: str,
        block_device_info: dict | None = None,
    ) -> None:
        """``reboot_type`` SOFT (ask the guest, fall back to HARD) or HARD (same disks, anew)."""

    @abc.abstractmethod
    def power_off(self, instance: Instance, timeout: int = 0, retry_interval: int = 0) -> None:
        """Stop the domain; with ``timeout`` (seconds) ask the guest first. Already off, or no
        domain at all, is fine."""

    @abc.abstractmethod
    def power_on(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: dict | None = None,
    ) -> None:
        """Start a stopped domain; define it anew when the host lost it. Already on is fine."""

    @abc.abstractmethod
    def pause(self, instance: Instance) -> None: ...

    @abc.abstractmethod
    def unpause(self, instance: Instance) -> None: ...

    @abc.abstractmethod
    def suspend(self, context: RequestContext, instance: Instance) -> None:
        """Save the memory to disk and stop."""

    @abc.abstractmethod
    def resume(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: dict | None = None,
    ) -> None: ...

    # -- parts of a server -------------------------------------------------------------------

    @abc.abstractmethod
    def snapshot(
        self,
        context: RequestContext,
        instance: Instance,
        image_id: str,
        update_task_state: Callable[..., None],
    ) -> None:
        """Upload the root disk into the Glance image ``image_id`` (which exists, queued).

        Calls ``update_task_state(task_state=IMAGE_PENDING_UPLOAD)`` when the copy is taken (the
        guest may run again) and ``update_task_state(task_state=IMAGE_UPLOADING,
        expected_state=IMAGE_PENDING_UPLOAD)`` before the upload.
        """

    @abc.abstractmethod
    def attach_interface(
        self, context: RequestContext, instance: Instance, image_meta: ImageMeta, vif: VIF
    ) -> None:
        """Hot-plug a NIC; already there is fine. Raises InterfaceAttachFailed."""

    @abc.abstractmethod
    def detach_interface(self, context: RequestContext, instance: Instance, vif: VIF) -> None:
        """Unplug a NIC; returns when it is really gone. Raises InterfaceDetachFailed."""

    @abc.abstractmethod
    def get_console_output(self, context: RequestContext, instance: Instance) -> bytes:
        """The serial console's log, at most its last 100 KiB."""

    @abc.abstractmethod
    def get_volume_connector(self, instance: Instance) -> dict:
        """What Cinder must know of this host (os-brick's connector properties)."""

    def get_device_name_for_instance(
        self,
        instance: Instance,
        bdms: Iterable[BlockDeviceMapping],
        bdm: BlockDeviceMapping,
    ) -> str:
        """The name (``/dev/vdb``) of a new disk beside the server's others: the one that ``bdm``
        asks for, or a free one. Raises DevicePathInUse, InvalidDiskInfo."""
        return device_names.next_name(bdms, bdm)

    @abc.abstractmethod
    def attach_volume(
        self,
        context: RequestContext,
        connection_info: dict,
        instance: Instance,
        mountpoint: str,
        disk_bus: str | None = None,
        device_type: str | None = None,
    ) -> None:
        """Connect a volume to this host and give it to the guest as ``mountpoint``, running or
        not; there already is fine. Raises VolumeAttachFailed."""

    @abc.abstractmethod
    def detach_volume(
        self, context: RequestContext, connection_info: dict, instance: Instance, mountpoint: str
    ) -> None:
        """Take a volume from the guest and this host; returns when it is really gone, and gone
        already is fine. Raises DeviceDetachFailed when the guest keeps it."""

    @abc.abstractmethod
    def swap_volume(
        self,
        context: RequestContext,
        old_connection_info: dict | None,
        new_connection_info: dict,
        instance: Instance,
        mountpoint: str,
        *,
        is_larger: bool,
        commit: Callable[[], None] | None,
    ) -> None:
        """Put another volume in the place of an attached one, with its content, while the guest
        runs; the old one (None: it is not on this host) is disconnected then.

        ``commit()`` is called once the two are equal and stay so: from there on the new one is the
        guest's, whatever dies. None: it was called. Twice is once. Raises VolumeSwapFailed.
        """

    @abc.abstractmethod
    def give_up_swap(
        self,
        context: RequestContext,
        new_connection_info: dict,
        instance: Instance,
        mountpoint: str,
    ) -> None:
        """After a swap that failed before its commit: the new volume is not on this host."""

    @abc.abstractmethod
    def extend_volume(
        self,
        context: RequestContext,
        connection_info: dict,
        instance: Instance,
        mountpoint: str,
        size: int,
    ) -> None:
        """An attached volume has ``size`` GiB now: tell the guest."""

    # -- housekeeping ------------------------------------------------------------------------

    def manage_image_cache(  # noqa: B027
        self, context: RequestContext, used_images: set[str]
    ) -> None:
        """Remove cached base images that neither ``used_images`` nor a disk on this host needs."""

    @abc.abstractmethod
    def cache_image(self, context: RequestContext, image_id: str) -> bool:
        """Fetch an image before it is needed; False when that is not necessary. Raises as spawn
        does over an image."""

    def discard_copy(  # noqa: B027
        self, context: RequestContext, image_id: str, base_image_id: str
    ) -> None:
        """Remove what :meth:`snapshot` left of an image that will never be active in a storage of
        several hosts; ``base_image_id`` is the image of its server. Raises CephUnavailable,
        RbdImageBusy."""

    def list_shared_disk_owners(self) -> set[str]:
        """Uuids of all instances, of whatever host, that have disks in a storage of several."""
        return set()

    def destroy_shared_disks(self, instance_uuid: str) -> None:  # noqa: B027
        """Remove them; its host has forgotten them. Raises CephUnavailable, RbdImageBusy."""

    def clean_shared_disks(self, instance_uuids: set[str]) -> None:  # noqa: B027
        """Remove there what attempts that were cut off left beside the disks of these instances,
        which are this host's. Raises CephUnavailable, RbdImageBusy."""


def load_compute_driver(virtapi: VirtAPI, name: str) -> ComputeDriver:
    """``[DEFAULT] compute_driver``, e.g. ``libvirt.LibvirtDriver`` or ``fake.FakeDriver``."""
    try:
        return importutils.import_object(f"nova_mini.virt.{name}", virtapi)
    except ImportError as exc:
        raise exception.ConfigurationError(f"cannot load compute_driver {name!r}: {exc}") from exc
