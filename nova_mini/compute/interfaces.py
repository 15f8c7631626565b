"""Plug and unplug NICs of a server that exists."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.network.model import NetworkInfo, NetworkRequest
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced


@traced
def attach_interface(
    manager, context, instance, port_id=None, network_id=None, fixed_ip=None, tag=None
) -> dict:
    """Returns the new VIF (``VIF.to_dict()``). A port that was made for it goes when it fails."""
    request = NetworkRequest(network_id=network_id, port_id=port_id, address=fixed_ip, tag=tag)
    vif = manager.network_api.allocate_port_for_instance(
        context, instance, request, bind_host_id=manager.host
    )
    try:
        manager.driver.attach_interface(context, instance, ImageMeta.from_instance(instance), vif)
    except exception.NovaException:
        manager.network_api.deallocate_port_for_instance(context, instance, vif.id)
        raise
    others = (known for known in instance.network_info if known.id != vif.id)
    instance.network_info = NetworkInfo([*others, vif])
    return vif.to_dict()


@traced
def detach_interface(manager, context, instance, port_id: str) -> None:
    """The NIC first, then the port; a NIC that is gone already is fine."""
    vif = instance.network_info.get(port_id)
    if vif is not None:
        manager.driver.detach_interface(context, instance, vif)
    manager.network_api.deallocate_port_for_instance(context, instance, port_id)
    instance.network_info = NetworkInfo(v for v in instance.network_info if v.id != port_id)
