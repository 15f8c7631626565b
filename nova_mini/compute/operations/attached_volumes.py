"""Attach and detach volumes, and choose their device names."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable

from nova_mini import exception
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.context import RequestContext
from nova_mini.external import volume_mapping
from nova_mini.objects.block_device_mapping import (
    BlockDeviceMapping,
    BlockDeviceMappingList,
    RequestedVolume,
)
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.trace import traced
from nova_mini.virt import block_device
from nova_mini.virt.block_device_volumes import driver_block_device
from nova_mini.virt.driver import ComputeDriver

LOG = logging.getLogger(__name__)


@traced("reserve_block_device_name")
def reserve_block_device_name(
    driver: ComputeDriver,
    context: RequestContext,
    instance: Instance,
    action_id: int,
    requested: RequestedVolume,
) -> BlockDeviceMapping:
    """Choose the device name of a volume that will be attached, and create its mapping.

    Raises InvalidVolume if the server has that volume
    already, TooManyDiskDevices, DevicePathInUse, InvalidDiskInfo, ActionInterrupted.
    """
    bdms = BlockDeviceMappingList.get_by_instance_uuid(context, instance.uuid)
    volume_mapping.check_new_volume(bdms, requested)
    bdm = volume_mapping.new_mapping(context, instance, requested)
    bdm.device_name = driver.get_device_name_for_instance(instance, bdms, bdm)
    bdm.create(action_id)
    return bdm


def attach_volume(op: HostOperation, bdm_uuid: str) -> None:
    """Attach the volume of a mapping; idempotent.

    A mapping that does not exist was removed by the API, or its volume was detached since.
    """
    bdms = BlockDeviceMappingList.get_by_instance_uuid(op.context, op.instance.uuid)
    bdm = next((each for each in bdms if each.uuid == bdm_uuid), None)
    if op.is_first_attempt and not (bdm and bdm.attachment_id):
        # Resumed before the API's cast: the API may be reserving the volume now.
        raise exception.ActionInterrupted(reason="the volume is not reserved yet")
    if bdm is None:
        return
    notified = op.notified("volume_attach", volume_id=bdm.volume_id)
    with notified, op.compensate(lambda: _undo_attach(op, bdm)):
        if not bdm.connection_info:  # nothing was done by an earlier attempt
            _name_device(op, bdms, bdm)
        _attach_volume(op, bdm)
    op.notify("volume.attach", extra={"volume_id": bdm.volume_id})


@traced("_name_device")
def _name_device(op: HostOperation, bdms: BlockDeviceMappingList, bdm: BlockDeviceMapping) -> None:
    """Check the name of a new device, or choose one: the API may not have asked this host for it.

    Raises DevicePathInUse, InvalidDiskInfo.
    """
    name = op.host.driver.get_device_name_for_instance(op.instance, bdms, bdm)
    if name != bdm.device_name:
        bdm.device_name = name
        bdm.save()


@traced("_attach_volume")
def _attach_volume(op: HostOperation, bdm: BlockDeviceMapping) -> None:
    connect_volume(op, bdm, do_driver_attach=True)


@traced("_take_back")
def _undo_attach(op: HostOperation, bdm: BlockDeviceMapping) -> None:
    driver_block_device(bdm).detach(op.context, op.instance, op.host.volume_api, op.host.driver)
    bdm.destroy()


@traced("detach_volume")
def detach_volume(op: HostOperation, bdm_uuid: str) -> None:
    """Detach the volume of a mapping; idempotent. The mapping is deleted last."""
    bdm = BlockDeviceMapping.get_by_uuid(op.context, bdm_uuid)
    if bdm is None:
        return
    op.notify_versioned("volume_detach", "start", volume_id=bdm.volume_id)
    with op.compensate(lambda: op.host.volume_api.roll_detaching(op.context, bdm.volume_id)):
        driver_block_device(bdm).detach(op.context, op.instance, op.host.volume_api, op.host.driver)
    bdm.destroy()
    op.notify("volume.detach", extra={"volume_id": bdm.volume_id})


# -- connections to this host --------------------------------------------------------------------


def connect_volume(
    op: HostOperation, bdm: BlockDeviceMapping, *, do_driver_attach: bool = False
) -> None:
    """Connect a volume to this host; with ``do_driver_attach`` also attach it to the guest."""
    driver_block_device(bdm).attach(
        op.context,
        op.instance,
        op.host.volume_api,
        op.host.driver,
        functools.partial(_record_timed_out_volume, op),
        do_driver_attach=do_driver_attach,
    )


def connect_all(op: HostOperation, bdms: BlockDeviceMappingList) -> None:
    """Connect all volumes of a server that has no guest yet to this host."""
    block_device.attach_block_devices(
        op.context,
        op.instance,
        bdms,
        op.host.volume_api,
        op.host.driver,
        functools.partial(_record_timed_out_volume, op),
    )


def _record_timed_out_volume(op: HostOperation, volume_id: str) -> None:
    """Record in the server's history that a new volume is replaced."""
    details = f"Volume {volume_id} was not created: it is deleted and another one is requested."
    LOG.warning("Instance %s: %s", op.instance.uuid, details)
    InstanceAction.record_leftover(op.context, op.instance.uuid, op.host.name, details)


# -- while a server is built or unshelved --------------------------------------------------------


def name_block_devices(op: HostOperation, bdms: BlockDeviceMappingList) -> None:
    """Choose the device name of each volume, root first. Requested names are ignored, because the
    guest's local disks have no names yet."""
    unnamed = [bdm for bdm in bdms if bdm.is_volume and not bdm.attachment_id]
    for bdm in unnamed:
        bdm.device_name = None
    for bdm in sorted(bdms, key=lambda bdm: not bdm.is_root):
        if bdm in unnamed:
            bdm.device_name = op.host.driver.get_device_name_for_instance(op.instance, bdms, bdm)
            bdm.save()
        if bdm.is_volume and bdm.is_root:
            op.instance.root_device_name = bdm.device_name


def check_device_names(op: HostOperation, bdms: BlockDeviceMappingList) -> None:
    """Correct the device names of a server that is unshelved on this host: a volume that was
    attached while the server was on no host may have no name or an invalid one.

    Raises InvalidDiskInfo for too many disks.
    """
    placed = [bdm for bdm in bdms if not bdm.is_volume]
    volumes = [bdm for bdm in bdms if bdm.is_volume]
    for bdm in sorted(volumes, key=lambda bdm: (not bdm.is_root, not bdm.device_name)):
        placed.append(bdm)
        previous = bdm.device_name
        bdm.device_name = _choose_name(op, placed, bdm)
        if bdm.device_name != previous:
            bdm.save()


def _choose_name(
    op: HostOperation, bdms: Iterable[BlockDeviceMapping], bdm: BlockDeviceMapping
) -> str:
    choose = op.host.driver.get_device_name_for_instance
    try:
        return choose(op.instance, bdms, bdm)
    except exception.DevicePathInUse:
        bdm.device_name = None
        return choose(op.instance, bdms, bdm)


@traced("release_volumes")
def release_volumes(op: HostOperation, bdms: BlockDeviceMappingList) -> None:
    """Undo the attachments of a failed build, so that another host can attach the volumes."""
    for bdm in bdms:
        if bdm.is_volume:
            driver_block_device(bdm).release(op.context, op.instance, op.host.volume_api)
