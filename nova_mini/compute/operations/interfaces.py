"""Attach and detach interfaces of a server."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.actions.errors import OWNERSHIP_LOST
from nova_mini.actions.parameters import AttachInterfaceParameters
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import VIF, NetworkInfo, NetworkRequest
from nova_mini.trace import traced


def attach_interface(op: HostOperation, parameters: AttachInterfaceParameters) -> dict:
    """Attach an interface, and notify. Returns the new VIF; raises as :func:`_attach_interface`."""
    with op.notified("interface_attach"):
        vif = _attach_interface(op, parameters)
    op.notify_versioned("interface_attach", "end")
    return vif


@traced("attach_interface")
def _attach_interface(op: HostOperation, parameters: AttachInterfaceParameters) -> dict:
    """Attach an interface and return the new VIF (``VIF.to_dict()``).

    On failure, a port that was created for it is deleted. Raises PortInUse for a port that the
    server got while this operation waited for the server's lock.
    """
    port_id = parameters.port_id
    if port_id and op.is_first_attempt and op.instance.network_info.get(port_id) is not None:
        raise exception.PortInUse(port_id=port_id)
    request = NetworkRequest(
        network_id=parameters.network_id,
        port_id=port_id,
        address=parameters.fixed_ip,
        tag=parameters.tag,
    )
    vif = op.host.network_api.allocate_port_for_instance(
        op.context, op.instance, request, bind_host_id=op.host.name
    )
    try:
        op.host.driver.attach_interface(
            op.context, op.instance, ImageMeta.from_instance(op.instance), vif
        )
    except OWNERSHIP_LOST:
        raise
    except Exception:
        op.host.network_api.deallocate_port_for_instance(op.context, op.instance, vif.id)
        raise
    others = (known for known in op.instance.network_info if known.id != vif.id)
    op.instance.network_info = NetworkInfo([*others, vif])
    return vif.to_dict()


@traced("detach_interface")
def detach_interface(op: HostOperation, port_id: str) -> None:
    """Remove the NIC, then the port; idempotent."""
    op.notify_versioned("interface_detach", "start")
    vif = op.instance.network_info.get(port_id)
    if vif is not None:
        op.host.driver.detach_interface(op.context, op.instance, vif)
    op.host.network_api.deallocate_port_for_instance(op.context, op.instance, port_id)
    op.instance.network_info = NetworkInfo(v for v in op.instance.network_info if v.id != port_id)
    op.notify_versioned("interface_detach", "end")


@traced("remove_interface")
def remove_interface(op: HostOperation, vif: dict) -> None:
    """Remove the NIC of a port that does not exist any more from the guest.

    The record lost the interface when the action began. If the guest does not release the NIC, the
    NIC disappears at the next start.
    """
    op.host.driver.detach_interface(op.context, op.instance, VIF.from_dict(vif))
