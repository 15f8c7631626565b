"""``/servers/{id}/os-interface``"""

from __future__ import annotations

from typing import Any

from nova_mini import exception
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute import server_body
from nova_mini.api.openstack.compute.schemas import attach_interfaces as schema
from nova_mini.api.openstack.compute.server_access import get_instance, get_record
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.objects.network_model import NetworkRequest
from nova_mini.policies import attach_interfaces as interface_policy


class InterfaceAttachmentController(wsgi.Controller):
    def __init__(self) -> None:
        self.compute_api = API()

    def index(self, req: Request, server_id: str) -> dict:
        record = get_record(req, server_id, interface_policy.LIST)
        return {"interfaceAttachments": [_view(req, vif) for vif in record.vifs]}

    def show(self, req: Request, server_id: str, id: str) -> dict:
        record = get_record(req, server_id, interface_policy.SHOW)
        for vif in record.vifs:
            if vif["id"] == id:
                return {"interfaceAttachment": _view(req, vif)}
        raise exception.PortNotFound(port_id=id[:64])

    @validation.schema(schema.create, "2.1", "2.48")
    @validation.schema(schema.create_v249, "2.49")
    def create(self, req: Request, server_id: str, body: dict) -> dict:
        instance = get_instance(req, server_id, interface_policy.CREATE)
        request = _network_request(body.get("interfaceAttachment") or {})
        try:
            vif = self.compute_api.attach_interface(req.context, instance, request)
        except exception.FixedIpAlreadyInUse as exc:
            raise exception.Conflict(exc.format_message()) from exc
        except exception.PortBindingFailed as exc:  # for example a network that the host has not
            raise exception.Invalid(exc.format_message()) from exc
        return {"interfaceAttachment": _view(req, vif)}

    @wsgi.response(202)
    def delete(self, req: Request, server_id: str, id: str) -> None:
        instance = get_instance(req, server_id, interface_policy.DELETE)
        self.compute_api.detach_interface(req.context, instance, id)


def _network_request(requested: dict[str, Any]) -> NetworkRequest:
    network_id, port_id = requested.get("net_id"), requested.get("port_id")
    if network_id and port_id:
        raise exception.InvalidInput(reason="Must not input both network_id and port_id")
    fixed_ips = requested.get("fixed_ips")
    if fixed_ips and not network_id:
        raise exception.InvalidInput(reason="Must input network_id when request IP address")
    return NetworkRequest(
        network_id=network_id,
        port_id=port_id,
        address=server_body.address(fixed_ips[0]["ip_address"]) if fixed_ips else None,
        tag=requested.get("tag"),
    )


def _view(req: Request, vif: dict) -> dict:
    """``vif``: ``network.model.VIF.to_dict()``"""
    view = {
        "net_id": vif["network"]["id"],
        "port_id": vif["id"],
        "mac_addr": vif["address"],
        "port_state": "ACTIVE" if vif["active"] else "DOWN",
        "fixed_ips": [
            {"subnet_id": subnet["id"], "ip_address": ip["address"]}
            for subnet in vif["network"]["subnets"]
            for ip in subnet["ips"]
        ],
    }
    if req.api_version >= (2, 70):
        view["tag"] = vif["tag"]
    return view
