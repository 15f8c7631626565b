"""Replace the root disk of a server; its name and addresses stay."""

from __future__ import annotations

import base64

from oslo_utils import units

from nova_mini.actions.parameters import BeforeRebuild, RebuildParameters
from nova_mini.clock import utcnow
from nova_mini.compute.host import network_refresh
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import power, reimage
from nova_mini.external import vtpm_key
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.states import task_states, vm_states
from nova_mini.trace import traced
from nova_mini.virt import block_device as driver_block_device
from nova_mini.virt.block_device_info import BlockDeviceInfo


@traced("rebuild")
def rebuild(op: HostOperation, parameters: RebuildParameters) -> None:
    """Rebuild the server; a stopped server is stopped at the end.

    Until its disk is removed, a refusal leaves the server's record as it was before the request.
    Repeated after a crash, the domain and the disk of the first attempt are replaced like the old
    ones.
    """

    def restore_record() -> None:
        if parameters.before:
            _restore_record(op.instance, parameters.before)

    op.notify_usage()
    op.notify("rebuild.start")
    with op.error_notified("rebuild"):
        if op.instance.task_state == task_states.REBUILDING:  # set by the API
            with op.compensate(restore_record):
                _check_external_services(op, parameters.image_ref)
        with op.error_on_failure():
            _rebuild(op, parameters)


def _restore_record(instance: Instance, before: BeforeRebuild) -> None:
    """Set the fields (not saved) to what they were before the request changed them."""
    for name, value in before["fields"].items():
        setattr(instance, name, value)
    instance.update_system_metadata(before["system_metadata"])


@traced("_ask_for_all")
def _check_external_services(op: HostOperation, image_ref: str) -> None:
    """Call Cinder, Neutron and Glance, which may refuse, before the guest is destroyed."""
    power.get_block_device_info(op)
    op.host.network_api.get_instance_nw_info(op.context, op.instance)
    if not op.instance.is_volume_backed:
        op.host.driver.cache_image(op.context, image_ref, op.instance.root_gb * units.Gi)


def _rebuild(op: HostOperation, parameters: RebuildParameters) -> None:
    was_stopped = op.instance.vm_state == vm_states.STOPPED
    block_device_info = power.get_block_device_info(op)
    network_info = op.host.network_api.get_instance_nw_info(op.context, op.instance)
    missing = network_refresh.missing(op.instance, network_info)
    op.instance.task_state = task_states.REBUILD_BLOCK_DEVICE_MAPPING
    op.instance.save()
    vtpm_key.ensure(op.host.passphrases, op.context, op.instance)
    op.host.driver.destroy(
        op.context, op.instance, NetworkInfo([*network_info, *missing]), block_device_info
    )
    op.instance.network_info = network_info
    block_device_info = _prepare_root(op, parameters.image_ref, parameters.reimage_boot_volume)
    op.instance.task_state = task_states.REBUILD_SPAWNING
    op.instance.save()
    op.host.driver.spawn(
        op.context,
        op.instance,
        ImageMeta.from_instance(op.instance),
        [(path, base64.b64decode(content)) for path, content in parameters.injected_files or []],
        parameters.admin_password,
        network_info=network_info,
        block_device_info=block_device_info,
        power_on=not was_stopped,
    )
    op.instance.power_state = op.host.driver.get_info(op.instance).state
    op.instance.vm_state = vm_states.STOPPED if was_stopped else vm_states.ACTIVE
    op.instance.task_state = None
    op.instance.launched_at = utcnow()
    op.notify("rebuild.end", network_info=network_info)


@traced("_prepare_root")
def _prepare_root(op: HostOperation, image_ref: str, reimage_boot_volume: bool) -> BlockDeviceInfo:
    """Update the records of the disks and return them for the spawn."""
    bdms = op.block_device_mappings
    root = next(bdm for bdm in bdms if bdm.is_root)
    if reimage_boot_volume:
        reimage.reimage(op, root, image_ref)
    if root.image_id and root.image_id != image_ref:
        root.image_id = image_ref
        root.save()
    return driver_block_device.get_block_device_info(bdms)
