"""Operations on the network interfaces and the volumes of a server."""

from __future__ import annotations

import oslo_messaging as messaging

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.runner import runs
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.manager.parts import ManagerParts
from nova_mini.compute.operations import attached_volumes, interfaces, swap_volume
from nova_mini.context import RequestContext
from nova_mini.objects.block_device_mapping import BlockDeviceMapping, RequestedVolume
from nova_mini.objects.instance import Instance
from nova_mini.trace import traced


class DeviceOperations(ManagerParts):
    @runs(operations.HOST_ATTACH_INTERFACE)
    @traced("ComputeManager.attach_interface")
    def attach_interface(self, op: HostOperation) -> dict:
        """Returns the new VIF as a dict. Called by the API, which waits."""
        return interfaces.attach_interface(op, op.parameters)

    @runs(operations.HOST_DETACH_INTERFACE)
    @traced("ComputeManager.detach_interface")
    def detach_interface(self, op: HostOperation) -> None:
        interfaces.detach_interface(op, op.parameters.port_id)

    @runs(operations.REMOVE_INTERFACE)
    @traced("ComputeManager.remove_interface")
    def remove_interface(self, op: HostOperation) -> None:
        """Remove the NIC of a port that exists neither in Neutron nor in the record any more."""
        interfaces.remove_interface(op, op.parameters.vif)

    @messaging.expected_exceptions(exception.NovaException)
    @traced("ComputeManager.reserve_block_device_name")
    def reserve_block_device_name(
        self, context: RequestContext, instance: Instance, action_id: int, asked: RequestedVolume
    ) -> BlockDeviceMapping:
        """Create the BlockDeviceMapping of a volume that action ``action_id`` will attach.

        The name ``asked`` is on the wire, so it does not change. Holds the
        server's lock, so that no device name is used twice. Called by the API.
        """
        with self.runner.server_locks.hold(instance.uuid):
            reserve = attached_volumes.reserve_block_device_name
            return reserve(self.driver, context, instance, action_id, asked)

    @runs(operations.HOST_ATTACH_VOLUME)
    @traced("ComputeManager.attach_volume")
    def attach_volume(self, op: HostOperation) -> None:
        """Attach a volume whose mapping was made by :meth:`reserve_block_device_name`, or by the
        API."""
        attached_volumes.attach_volume(op, op.parameters.bdm_uuid)

    @runs(operations.HOST_DETACH_VOLUME)
    @traced("ComputeManager.detach_volume")
    def detach_volume(self, op: HostOperation) -> None:
        attached_volumes.detach_volume(op, op.parameters.bdm_uuid)

    @runs(operations.HOST_SWAP_VOLUME)
    @traced("ComputeManager.swap_volume")
    def swap_volume(self, op: HostOperation) -> None:
        swap_volume.swap_volume(op, op.parameters)
