"""The live migrations of one host's guests, from it and to it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import libvirt
from oslo_utils import units

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.trace import traced
from nova_mini.virt.libvirt.config import LibvirtConfigGuest
from nova_mini.virt.libvirt.config_devices import (
    LibvirtConfigGuestDisk,
    LibvirtConfigGuestInterface,
    LibvirtConfigGuestSerial,
)
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.host import Host
from nova_mini.virt.libvirt.migration.copy_targets import Copies
from nova_mini.virt.libvirt.migration.definition import Destination, folder_of, for_destination
from nova_mini.virt.libvirt.migration.job import (
    SLOW,
    LiveMigrationJob,
    cancel,
    end_slow_beginning,
)
from nova_mini.virt.libvirt.migration.pace import Pace
from nova_mini.virt.live_migration import GuestPlace

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.live_migration import Watch


def find_place(host: Host, instance: Instance) -> GuestPlace:
    """See ``ComputeDriver.find_live_guest``. A guest that a migration has paused and left behind is
    OFF: only the other host's libvirt knows whether it runs there."""
    guest = host.find_guest(instance)
    if guest is None:
        return GuestPlace.ABSENT
    try:
        return _place_of(guest)
    except libvirt.libvirtError as exc:
        if exc.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:  # it has left since
            return GuestPlace.ABSENT
        raise


def _place_of(guest: Guest) -> GuestPlace:
    if not guest.is_active():
        return GuestPlace.OFF
    if guest.get_migration_job() is not None:
        return GuestPlace.ACTIVE
    if guest.is_incoming():
        return GuestPlace.INCOMING
    return GuestPlace.OFF if guest.is_paused_by_migration() else GuestPlace.ACTIVE


def describe_destination(
    instance: Instance, config: LibvirtConfigGuest, copies: Copies
) -> Destination:
    """What the source must know of this host. ``config``: the definition that the guest would have
    if it was started here. ``copies``: the disks that this host has made for it."""
    disks = [each for each in config.devices if isinstance(each, LibvirtConfigGuestDisk)]
    vifs = [each for each in config.devices if isinstance(each, LibvirtConfigGuestInterface)]
    ports = [each for each in config.devices if isinstance(each, LibvirtConfigGuestSerial)]
    options = CONF.libvirt
    address = options.live_migration_inbound_addr or CONF.my_ip
    bracketed = f"[{address}]" if ":" in address else address
    return Destination(
        uri=_uri(bracketed),
        address=f"tcp://{bracketed}",
        folder=folder_of(instance),
        disks={each.target_dev: each.to_xml() for each in disks},
        interfaces={each.mac_addr: each.to_xml() for each in vifs},
        graphics_listen=str(CONF.vnc.server_listen) if CONF.vnc.enabled else None,
        spice_listen=str(CONF.spice.server_listen) if CONF.spice.enabled else None,
        serial=ports[0].to_xml() if ports else None,
        copies=copies,
        placement=config.placement,
    )


def _uri(address: str) -> str:
    options = CONF.libvirt
    if options.live_migration_uri:
        return options.live_migration_uri.replace("%s", address)
    return f"qemu+{options.live_migration_scheme}://{address}/system"


@traced("move_guest")
def move(
    host: Host, instance: Instance, guest: Guest, destination: Destination, watch: Watch
) -> None:
    """At the source. Raises what :meth:`.LiveMigrationJob.run` raises."""
    call = functools.partial(_migrate, guest, folder_of(instance), destination)
    pace = Pace.of(instance.flavor.memory_mb, destination.copies.data / units.Gi)
    place = functools.partial(find_place, host, instance)
    with host.guest_left(instance.uuid) as left:
        LiveMigrationJob(guest, pace, watch, place, left).run(call)


def _migrate(guest: Guest, folder: str, destination: Destination) -> None:
    flags = _flags() | _copy_flag(destination.copies)
    guest.migrate(destination.uri, _parameters(guest, folder, destination), flags)


def _parameters(guest: Guest, folder: str, destination: Destination) -> dict[str, Any]:
    running = guest.get_definition(migratable=True)
    persistent = guest.get_definition(migratable=True, persistent=True)
    parameters: dict[str, Any] = {
        libvirt.VIR_MIGRATE_PARAM_URI: destination.address,
        libvirt.VIR_MIGRATE_PARAM_DEST_XML: for_destination(running, folder, destination),
        libvirt.VIR_MIGRATE_PARAM_PERSIST_XML: for_destination(persistent, folder, destination),
    }
    if destination.copies.devices:
        # Only these: without a list, libvirt would copy volumes, too.
        parameters[libvirt.VIR_MIGRATE_PARAM_MIGRATE_DISKS] = list(destination.copies.devices)
        if CONF.libvirt.live_migration_bandwidth:
            parameters[libvirt.VIR_MIGRATE_PARAM_BANDWIDTH] = CONF.libvirt.live_migration_bandwidth
    else:
        # Disks would be copied slowly to their end; they take long enough for Neutron.
        parameters[libvirt.VIR_MIGRATE_PARAM_BANDWIDTH] = SLOW
    return parameters


def _flags() -> int:
    flags = (
        libvirt.VIR_MIGRATE_LIVE
        | libvirt.VIR_MIGRATE_PEER2PEER
        | libvirt.VIR_MIGRATE_PERSIST_DEST
        | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
    )
    if CONF.libvirt.live_migration_with_native_tls:
        flags |= libvirt.VIR_MIGRATE_TLS  # of the memory and of the disks
    if CONF.libvirt.live_migration_permit_post_copy:
        flags |= libvirt.VIR_MIGRATE_POSTCOPY
    elif CONF.libvirt.live_migration_permit_auto_converge:
        flags |= libvirt.VIR_MIGRATE_AUTO_CONVERGE
    return flags


def _copy_flag(copies: Copies) -> int:
    """How QEMU copies disks, by NBD: only what is written in an overlay, or all data."""
    if not copies.devices:
        return 0
    if copies.is_whole:
        return libvirt.VIR_MIGRATE_NON_SHARED_DISK
    return libvirt.VIR_MIGRATE_NON_SHARED_INC


def roll_back(host: Host, instance: Instance) -> GuestPlace:
    """At the source: cancel a migration that still runs. Returns where the guest is then. Raises
    ActionInterrupted if libvirt does not end it: the destination must not be cleaned up then."""
    guest = host.find_guest(instance)
    if guest is not None and not cancel(guest):
        raise exception.ActionInterrupted(reason="the hypervisor has not ended the migration yet")
    place = find_place(host, instance)
    if guest is not None and place is GuestPlace.ACTIVE:
        end_slow_beginning(guest)
    return place
