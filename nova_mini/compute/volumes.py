"""Attach, detach and extend volumes of a server that exists."""

from __future__ import annotations

import logging

from nova_mini import exception
from nova_mini.compute import volume_request
from nova_mini.compute.operation import LOST, is_first_attempt, will_be_tried_again
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.objects.block_device_mapping import BlockDeviceMapping, BlockDeviceMappingList
from nova_mini.trace import traced
from nova_mini.virt.block_device_volumes import driver_block_device

LOG = logging.getLogger(__name__)


@traced
def reserve_block_device_name(
    manager, context, instance, action_id: int, asked: dict
) -> BlockDeviceMapping:
    """Record a volume that is to be attached, under the name that its guest will see.

    ``asked``: fields of the mapping. Raises InvalidVolume when the server has that volume,
    TooManyDiskDevices, DevicePathInUse, InvalidDiskInfo, ActionInterrupted.
    """
    bdms = BlockDeviceMappingList.get_by_instance_uuid(context, instance.uuid)
    volume_request.check_beside(bdms, asked)
    bdm = volume_request.new_mapping(context, instance, asked)
    bdm.device_name = manager.driver.get_device_name_for_instance(instance, bdms, bdm)
    bdm.create(action_id)
    return bdm


def attach_volume(manager, context, instance, bdm_uuid: str) -> None:
    """Done again after a crash it goes on where it was. A mapping that is gone was taken back by
    the API, or its volume detached since."""
    bdm = BlockDeviceMapping.get_by_uuid(context, bdm_uuid)
    if is_first_attempt() and not (bdm and bdm.attachment_id):
        # Seen before the API's message came: it may be reserving the volume at this moment.
        raise exception.ActionInterrupted(reason="the volume is not reserved yet")
    if bdm is None:
        return
    try:
        _attach_volume(manager, context, instance, bdm)
    except Exception as exc:
        if not (isinstance(exc, LOST) or will_be_tried_again(exc)):
            LOG.warning("Volume %s could not be attached: %s", bdm.volume_id, exc)
            _take_back(manager, context, instance, bdm)
        raise
    notify_about_instance_usage(
        context, instance, "volume.attach", extra={"volume_id": bdm.volume_id}
    )


@traced
def _attach_volume(manager, context, instance, bdm: BlockDeviceMapping) -> None:
    driver_block_device(bdm).attach(
        context, instance, manager.volume_api, manager.driver, do_driver_attach=True
    )


@traced
def _take_back(manager, context, instance, bdm: BlockDeviceMapping) -> None:
    """The volume is its user's again, as if nothing had been asked."""
    driver_block_device(bdm).detach(context, instance, manager.volume_api, manager.driver)
    bdm.destroy()


@traced
def detach_volume(manager, context, instance, bdm_uuid: str) -> None:
    """Whatever of it is done already is fine; the record goes last."""
    bdm = BlockDeviceMapping.get_by_uuid(context, bdm_uuid)
    if bdm is None:
        return
    try:
        driver_block_device(bdm).detach(context, instance, manager.volume_api, manager.driver)
    except Exception as exc:
        if not (isinstance(exc, LOST) or will_be_tried_again(exc)):
            manager.volume_api.roll_detaching(context, bdm.volume_id)
        raise
    bdm.destroy()
    notify_about_instance_usage(
        context, instance, "volume.detach", extra={"volume_id": bdm.volume_id}
    )


@traced
def extend_volume(manager, context, instance, volume_id: str) -> None:
    """Cinder has made an attached volume larger: its guest shall see it."""
    bdm = BlockDeviceMapping.get_by_volume(context, instance.uuid, volume_id)
    volume = manager.volume_api.get(context, volume_id)
    driver_bdm = driver_block_device(bdm)
    manager.driver.extend_volume(
        context, driver_bdm.connection_info, instance, bdm.device_name, volume.size
    )
    bdm.volume_size = volume.size
    bdm.save()


# -- of a server that is being built -------------------------------------------------------------


def name_block_devices(manager, context, instance, bdms) -> None:
    """Give each volume the name that its guest will see, root first; what the user asked for is
    not heeded, since the guest's own disks are not named yet."""
    unnamed = [bdm for bdm in bdms if bdm.is_volume and not bdm.attachment_id]
    for bdm in unnamed:
        bdm.device_name = None
    for bdm in sorted(bdms, key=lambda bdm: not bdm.is_root):
        if bdm in unnamed:
            bdm.device_name = manager.driver.get_device_name_for_instance(instance, bdms, bdm)
            bdm.save()
        if bdm.is_volume and bdm.is_root:
            instance.root_device_name = bdm.device_name


def check_device_names(manager, instance, bdms) -> None:
    """Of a server that comes to this host: a volume that was attached while it was on none may have
    no name yet, or one that its guest cannot have. Raises InvalidDiskInfo for too many disks."""
    placed = [bdm for bdm in bdms if not bdm.is_volume]
    coming = [bdm for bdm in bdms if bdm.is_volume]
    for bdm in sorted(coming, key=lambda bdm: (not bdm.is_root, not bdm.device_name)):
        placed.append(bdm)
        wanted = bdm.device_name
        bdm.device_name = _name_beside(manager, instance, placed, bdm)
        if bdm.device_name != wanted:
            bdm.save()


def _name_beside(manager, instance, bdms, bdm) -> str:
    choose = manager.driver.get_device_name_for_instance
    try:
        return choose(instance, bdms, bdm)
    except exception.DevicePathInUse:
        bdm.device_name = None
        return choose(instance, bdms, bdm)


@traced
def release_volumes(manager, context, instance, bdms) -> None:
    """The build failed here: another host, or nobody, shall have its volumes."""
    for bdm in bdms:
        if bdm.is_volume:
            driver_block_device(bdm).release(context, instance, manager.volume_api)
