"""Connect the ports and volumes of a server to this host, and disconnect them.

For a server that comes to the host or leaves it. Ports and volumes stay with the server. All steps
are idempotent.
"""

from __future__ import annotations

from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import attached_volumes
from nova_mini.trace import traced
from nova_mini.virt import block_device as driver_block_device
from nova_mini.virt.block_device_info import BlockDeviceInfo
from nova_mini.virt.block_device_volumes import driver_block_device as volume_of


@traced("_connect")
def connect(op: HostOperation) -> BlockDeviceInfo:
    """Connect the ports and volumes. Returns the disks for the guest."""
    network_api = op.host.network_api
    network_api.setup_instance_network_on_host(op.context, op.instance, op.host.name)
    op.instance.network_info = network_api.get_instance_nw_info(op.context, op.instance)
    bdms = op.block_device_mappings
    attached_volumes.check_device_names(op, bdms)
    attached_volumes.connect_all(op, bdms)
    return driver_block_device.get_block_device_info(bdms)


def disconnect(op: HostOperation, host: str | None = None) -> None:
    """Disconnect the volumes and ports of a server that has no guest here any more. The volumes
    stay reserved for the server. ``host``: another host than this one, which is down."""
    _release_volumes(op)
    _release_ports(op, host or op.host.name)


@traced("_release_volumes")
def _release_volumes(op: HostOperation) -> None:
    for bdm in op.block_device_mappings:
        if bdm.is_volume and bdm.attachment_id:
            volume_of(bdm).replace_with_reservation(op.context, op.instance, op.host.volume_api)


@traced("_release_ports")
def _release_ports(op: HostOperation, host: str) -> None:
    network_api = op.host.network_api
    network_api.cleanup_instance_network_on_host(op.context, op.instance, host)
    op.instance.network_info = network_api.get_instance_nw_info(op.context, op.instance)
