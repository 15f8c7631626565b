"""The interface between the compute manager and a hypervisor.

A driver keeps no state of the cloud: it never reads the database and never calls another service of
nova_mini. Methods that change something are idempotent, since they are called again after a crash:
they look first whether a domain or a disk exists, and use it.
"""

from __future__ import annotations

import abc
import dataclasses
import enum
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import os_traits
from oslo_utils import importutils

from nova_mini import exception
from nova_mini.virt import device_names

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.block_device_mapping import BlockDeviceMapping
    from nova_mini.objects.image_meta import ImageMeta
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.migration import Migration
    from nova_mini.objects.network_model import VIF, NetworkInfo
    from nova_mini.virt.block_device_info import BlockDeviceInfo
    from nova_mini.virt.consoles import ConsoleAddress, ConsoleKind
    from nova_mini.virt.diagnostics import Diagnostics
    from nova_mini.virt.live_migration import DestinationFacts, GuestPlace, SourceFacts, Watch
    from nova_mini.virt.virtapi import VirtAPI
    from nova_mini.volume.connection_info import ConnectionInfo


# What every driver of nova_mini can do.
COMMON_TRAITS = frozenset(
    {os_traits.COMPUTE_NODE, os_traits.COMPUTE_NET_ATTACH_INTERFACE, os_traits.OWNER_NOVA}
)


@dataclasses.dataclass(frozen=True)
class InstanceInfo:
    """An instance as the hypervisor reports it; ``state`` is a ``states.power_state`` value."""

    state: int
    internal_id: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostResources:
    """What a host has, for ``objects.ComputeNode``. ``disk_available_least``: GiB that can be
    written until the disk is full, if the driver knows it. ``disk_pool``: the name of the storage
    that holds the disks, if the host shares it with others. ``ceph_addresses``: IP addresses of
    this host's clients of Ceph, by which it can be fenced. ``supported_instances``: lists of
    architecture, virt type and vm mode."""

    vcpus: int
    memory_mb: int
    local_gb: int  # GiB
    disk_available_least: int | None = None
    disk_pool: str | None = None
    ceph_addresses: list[str] = dataclasses.field(default_factory=list)
    hypervisor_type: str
    hypervisor_version: int
    hypervisor_hostname: str
    cpu_info: dict[str, Any]
    supported_instances: list[list[str]]
    traits: list[str]  # sorted names of os-traits
    host_uptime: str | None = None


class LifecycleTransition(enum.Enum):
    STARTED = "started"
    STOPPED = "stopped"
    PAUSED = "paused"
    RESUMED = "resumed"
    SUSPENDED = "suspended"


@dataclasses.dataclass(frozen=True)
class LifecycleEvent:
    """A domain changed its power state, maybe by itself (the guest shut down)."""

    uuid: str
    transition: LifecycleTransition


class ComputeDriver(abc.ABC):
    """The methods that every driver has.

    ``block_device_info``: the disks of the server; None: those of its flavor, and no volumes.
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
        """Disconnect from the hypervisor when the service stops."""

    @abc.abstractmethod
    def get_available_resource(self) -> HostResources:
        """The resources of the host, without what is reserved for the host itself."""

    @abc.abstractmethod
    def is_available(self) -> bool:
        """Whether the hypervisor answers now; the heartbeat reports it."""

    def register_event_listener(self, callback: Callable[[LifecycleEvent], None]) -> None:
        self._event_callback = callback

    def emit_event(self, event: LifecycleEvent) -> None:
        if self._event_callback:
            self._event_callback(event)

    # -- state of the instances --------------------------------------------------------------

    @abc.abstractmethod
    def list_instance_uuids(self) -> list[str]:
        """The instances of this service that have a domain, files or disks on this host."""

    @abc.abstractmethod
    def get_info(self, instance: Instance) -> InstanceInfo:
        """Raises InstanceNotFound when the hypervisor has no such instance."""

    @abc.abstractmethod
    def get_power_states(self) -> dict[str, int]:
        """uuid -> power state of every defined domain, with few hypervisor calls."""

    def list_plugged_instances(self) -> set[str]:
        """Uuids of the instances that have a port on this host's switch."""
        return set()

    def unplug_orphan(self, instance_uuid: str) -> None:  # noqa: B027
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
        block_device_info: BlockDeviceInfo | None = None,
        power_on: bool = True,
        fallback_from_host: str | None = None,
    ) -> None:
        """Create the disks and the domain and start it; returns when it runs. The root disk is made
        from the image of ``image_meta``: the server's image, or the one that it was shelved in.

        ``fallback_from_host``: a host to copy the image from if Glance does not have it any more.

        Idempotent: what an interrupted attempt left is used or replaced. Raises
        BuildAbortException for an error that other hosts would have too (bad image), or another
        exception; then the manager cleans up with :meth:`destroy`.
        """

    @abc.abstractmethod
    def destroy(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo | None = None,
        block_device_info: BlockDeviceInfo | None = None,
        destroy_disks: bool = True,
    ) -> None:
        """Stop and undefine the domain, unplug its VIFs, remove its disks and files. Idempotent."""

    @abc.abstractmethod
    def reboot(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        reboot_type: str,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        """``reboot_type``: SOFT (the guest shuts down; HARD if it does not) or HARD (a new domain
        with the same disks)."""

    @abc.abstractmethod
    def power_off(self, instance: Instance, timeout: int = 0, retry_interval: int = 0) -> None:
        """Stop the domain. ``timeout``: seconds that the guest has to shut down by itself first,
        with a new request every ``retry_interval`` seconds. Does nothing when the domain is off or
        does not exist."""

    @abc.abstractmethod
    def power_on(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        """Start a stopped domain, and define it again if it is missing. Idempotent."""

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
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None: ...

    # -- move to another host or flavor --------------------------------------------------------
    # In the order of the phases of a resize or cold migration. Until it is confirmed, the source
    # keeps what :meth:`finish_revert_migration` needs.

    def check_destination(  # noqa: B027
        self,
        instance: Instance,
        migration: Migration,
        source_pool: str | None,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        """At the destination, before anything is changed. ``source_pool``: the ``disk_pool`` of the
        source. Raises MigrationPreCheckError if the disks of the instance cannot come here."""

    @abc.abstractmethod
    def migrate_disk_and_power_off(
        self,
        context: RequestContext,
        instance: Instance,
        migration: Migration,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
        timeout: int = 0,
    ) -> None:
        """At the source: stop the guest and disconnect it from this host; its disks can be used at
        the destination then. ``timeout``: seconds that the guest has to shut down by itself.
        Idempotent. Raises MigrationPreCheckError, before the guest is stopped, if the disks cannot
        go to the destination."""

    @abc.abstractmethod
    def finish_migration(
        self,
        context: RequestContext,
        instance: Instance,
        migration: Migration,
        image_meta: ImageMeta,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
        *,
        power_on: bool,
        source_address: str | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> None:
        """At the destination: make the disks as large as the new flavor, which ``instance`` has
        already, define the domain and start it. Idempotent.

        ``source_address``: the address of the source from which the disks are copied; None if the
        source has its disks in a pool. ``report(total, copied)``, in bytes, is called now and then
        meanwhile.
        """

    @abc.abstractmethod
    def confirm_migration(
        self,
        context: RequestContext,
        migration: Migration,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        """At the source: remove all that was kept for a revert. Idempotent."""

    def discard_revert_copy(  # noqa: B027
        self,
        instance: Instance,
        migration: Migration,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        """At the destination, if the source cannot confirm the move: remove what was kept for a
        revert in storage that both hosts share. The guest runs. Idempotent."""

    @abc.abstractmethod
    def undo_migration(
        self,
        context: RequestContext,
        migration: Migration,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        """At the destination: stop and remove the guest. Disks that the source uses again are kept.
        Idempotent."""

    @abc.abstractmethod
    def finish_revert_migration(
        self,
        context: RequestContext,
        migration: Migration,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
        *,
        power_on: bool,
    ) -> None:
        """At the source: give the guest its disks as they were when it was stopped, define it, and
        start it with ``power_on``. Also called if it was not stopped yet. Idempotent."""

    # -- live migration ------------------------------------------------------------------------
    # In the order of its phases. Every method is idempotent.

    @abc.abstractmethod
    def check_can_live_migrate_source(
        self, context: RequestContext, instance: Instance, block_device_info: BlockDeviceInfo
    ) -> SourceFacts:
        """At the source: what the destination must know. Raises MigrationPreCheckError if the guest
        cannot be moved while it runs."""

    @abc.abstractmethod
    def check_can_live_migrate_destination(
        self,
        context: RequestContext,
        instance: Instance,
        source: SourceFacts,
        *,
        block_migration: bool | None,
        disk_over_commit: bool | None,
    ) -> None:
        """At the destination, before anything is changed. ``block_migration``: whether local disks
        are to be copied; None: if it is necessary. ``disk_over_commit``: whether without space for
        their full size; None: the ledger has decided it. Raises MigrationPreCheckError, whose text
        users see."""

    @abc.abstractmethod
    def pre_live_migration(
        self,
        context: RequestContext,
        instance: Instance,
        source: SourceFacts,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
    ) -> DestinationFacts:
        """At the destination: make what the guest needs here. ``network_info`` and
        ``block_device_info`` are those of this host."""

    @abc.abstractmethod
    def live_migration(
        self,
        context: RequestContext,
        instance: Instance,
        migration: Migration,
        destination: DestinationFacts,
        watch: Watch,
    ) -> None:
        """At the source: move the guest; returns when it runs at the destination. A migration that
        an earlier attempt has begun is continued. Raises LiveMigrationCancelled, MigrationError,
        Preempted: then the guest runs here, unless :meth:`find_live_guest` says something else."""

    @abc.abstractmethod
    def find_live_guest(self, instance: Instance) -> GuestPlace:
        """At either host: what the hypervisor has of the guest. At the source the guest is ACTIVE
        during the migration."""

    @abc.abstractmethod
    def post_live_migration(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        """At the source: remove what is left of a guest that has moved."""

    @abc.abstractmethod
    def post_live_migration_at_destination(
        self, context: RequestContext, instance: Instance, network_info: NetworkInfo
    ) -> None:
        """At the destination: the guest runs here now, and stays."""

    @abc.abstractmethod
    def rollback_live_migration(self, instance: Instance) -> GuestPlace:
        """At the source: cancel the migration if it still runs. Returns where the guest is then."""

    @abc.abstractmethod
    def rollback_live_migration_at_destination(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        """At the destination: remove what :meth:`pre_live_migration` has made. Disks that the
        source uses are kept."""

    def has_shared_disks(self, instance: Instance) -> bool:
        """Whether the disks of an instance are in storage that other hosts use, too, and exist. For
        an evacuation."""
        return False

    # -- rescue ------------------------------------------------------------------------------

    @abc.abstractmethod
    def rescue(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        rescue_image: ImageMeta,
        admin_password: str | None,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        """Start the instance from a new rescue disk, which is made from ``rescue_image``. Its own
        domain is stopped. ``admin_password``: for the system on the rescue disk.

        An image with ``hw_rescue_bus`` or ``hw_rescue_device`` is added to the disks of the
        instance, which stay in their places. With another one, the guest has only the rescue disk,
        as its first disk, and its own root disk, and the hardware that the image describes.

        A rescue disk of an interrupted attempt is replaced. When it fails, the manager cleans up
        with :meth:`remove_rescue_disks`.
        """

    @abc.abstractmethod
    def unrescue(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        """Start the instance with its own disks, unless it runs with them already, and remove the
        rescue disk. Idempotent."""

    @abc.abstractmethod
    def remove_rescue_disks(self, instance: Instance) -> None:
        """Remove the rescue disk, which no running domain uses. Idempotent. Raises CephUnavailable,
        RbdImageBusy."""

    def list_unused_rescue_disks(self) -> set[str]:
        """Uuids of the instances that have a rescue disk which no domain on this host uses. With
        shared storage, they may be on other hosts."""
        return set()

    # -- parts of a server -------------------------------------------------------------------

    @abc.abstractmethod
    def snapshot(
        self,
        context: RequestContext,
        instance: Instance,
        image_id: str,
        update_task_state: Callable[..., None],
    ) -> None:
        """Upload the root disk into the Glance image ``image_id``, which exists and is queued.

        Calls ``update_task_state(task_state=IMAGE_PENDING_UPLOAD)`` when the disk is copied (the
        guest may run again), and ``update_task_state(task_state=IMAGE_UPLOADING,
        expected_state=IMAGE_PENDING_UPLOAD)`` before the upload.
        """

    @abc.abstractmethod
    def attach_interface(
        self, context: RequestContext, instance: Instance, image_meta: ImageMeta, vif: VIF
    ) -> None:
        """Hot-plug a NIC. Idempotent. Raises InterfaceAttachFailed."""

    @abc.abstractmethod
    def detach_interface(self, context: RequestContext, instance: Instance, vif: VIF) -> None:
        """Unplug a NIC; returns when the guest has released it. Raises InterfaceDetachFailed."""

    @abc.abstractmethod
    def get_console_output(self, context: RequestContext, instance: Instance) -> bytes:
        """The serial console's log, at most its last 100 KiB."""

    @abc.abstractmethod
    def get_console(self, instance_uuid: str, kind: ConsoleKind) -> ConsoleAddress:
        """Where a proxy reaches this console of a running guest. Raises InstanceNotFound, and
        ConsoleTypeUnavailable if the guest does not run or has no such console."""

    @abc.abstractmethod
    def get_diagnostics(self, instance: Instance) -> dict[str, int]:
        """Counters of a running guest, with the names of the hypervisor (before 2.48)."""

    @abc.abstractmethod
    def get_instance_diagnostics(self, instance: Instance) -> Diagnostics:
        """The same counters in the format that is common to all drivers (2.48)."""

    @abc.abstractmethod
    def set_admin_password(self, instance: Instance, image_meta: ImageMeta, password: str) -> None:
        """Set the password of the administrator in the running guest: of the user that the image
        names, or of the usual one of its system. Idempotent. Raises InstanceAgentNotEnabled,
        GuestAgentUnresponsive, InstancePasswordSetFailed."""

    @abc.abstractmethod
    def trigger_crash_dump(self, instance: Instance) -> None:
        """Inject a non-maskable interrupt into the guest. Raises TriggerCrashDumpNotSupported, and
        InstanceInvalidState if the guest does not run."""

    @abc.abstractmethod
    def get_volume_connector(self, instance: Instance) -> dict[str, Any]:
        """This host's connector properties (as os-brick defines them), for Cinder."""

    def get_device_name_for_instance(
        self,
        instance: Instance,
        bdms: Iterable[BlockDeviceMapping],
        bdm: BlockDeviceMapping,
    ) -> str:
        """The device name (``/dev/vdb``) of the new disk ``bdm``: the requested one, or a free one.
        ``bdms``: all disks of the server. Raises DevicePathInUse, InvalidDiskInfo."""
        return device_names.next_name(bdms, bdm)

    @abc.abstractmethod
    def attach_volume(
        self,
        context: RequestContext,
        connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
        disk_bus: str | None = None,
        device_type: str | None = None,
    ) -> None:
        """Connect a volume to this host and attach it to the guest as ``mountpoint``. The guest may
        be running or off. Idempotent. Raises VolumeAttachFailed."""

    @abc.abstractmethod
    def detach_volume(
        self,
        context: RequestContext,
        connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
    ) -> None:
        """Detach a volume from the guest and disconnect it from this host; returns when the guest
        has released it. Idempotent. Raises DeviceDetachFailed when the guest does not release
        it."""

    @abc.abstractmethod
    def swap_volume(
        self,
        context: RequestContext,
        old_connection_info: ConnectionInfo | None,
        new_connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
        *,
        is_larger: bool,
        commit: Callable[[], None] | None,
    ) -> None:
        """Replace an attached volume by another one while the guest runs: copy the content, switch
        the guest to the new volume, disconnect the old one (None: it is not on this host).

        ``commit()`` is called when both volumes are equal and all writes go to both. After that the
        swap is completed even if a process dies. None: it was called by an earlier attempt.
        Idempotent. Raises VolumeSwapFailed.
        """

    @abc.abstractmethod
    def undo_swap_volume(
        self,
        context: RequestContext,
        new_connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
    ) -> None:
        """Undo a swap that failed before its commit: disconnect the new volume from this host."""

    @abc.abstractmethod
    def extend_volume(
        self,
        context: RequestContext,
        connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
        size: int,
    ) -> None:
        """Make the new size (``size`` GiB) of an attached volume visible to the guest."""

    # -- housekeeping ------------------------------------------------------------------------

    def manage_image_cache(  # noqa: B027
        self, context: RequestContext, used_images: set[str]
    ) -> None:
        """Remove cached base images that are not in ``used_images`` (image ids) and that no disk on
        this host needs."""

    @abc.abstractmethod
    def cache_image(self, context: RequestContext, image_id: str, max_size: int = 0) -> bool:
        """Fetch an image into the cache. Returns False when it was not necessary. Raises the errors
        of an image that :meth:`spawn` raises, also for one that is larger than ``max_size`` bytes
        (0: no limit)."""

    def discard_copy(  # noqa: B027
        self, context: RequestContext, image_id: str, base_image_id: str
    ) -> None:
        """Remove the data that :meth:`snapshot` left in shared storage for an image that will
        never become active. ``base_image_id``: the image of its server. Raises CephUnavailable,
        RbdImageBusy."""

    def list_shared_disk_owners(self) -> set[str]:
        """Uuids of the instances of all hosts that have disks in shared storage."""
        return set()

    def destroy_shared_disks(self, instance_uuid: str) -> None:  # noqa: B027
        """Remove the disks of an instance from shared storage; they are orphans. Raises
        CephUnavailable, RbdImageBusy."""

    def clean_shared_disks(self, instance_uuids: set[str]) -> None:  # noqa: B027
        """Remove the unfinished disks that interrupted operations left in shared storage for these
        instances, which are on this host. Raises CephUnavailable, RbdImageBusy."""


def load_compute_driver(virtapi: VirtAPI, name: str) -> ComputeDriver:
    """Make the driver that ``[DEFAULT] compute_driver`` names, e.g. ``libvirt.LibvirtDriver`` or
    ``fake.FakeDriver``. Raises ConfigurationError."""
    try:
        return importutils.import_object(f"nova_mini.virt.{name}", virtapi)
    except ImportError as exc:
        raise exception.ConfigurationError(f"cannot load compute_driver {name!r}: {exc}") from exc
