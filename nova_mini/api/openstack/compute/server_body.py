"""Turns bodies of requests about servers into the request objects that ``compute.api`` takes."""

from __future__ import annotations

import ipaddress
import re

from nova_mini import exception, policy
from nova_mini.api.openstack import common
from nova_mini.api.openstack.request import Request
from nova_mini.compute.requests import destination, server_names
from nova_mini.compute.requests.rebuild_request import RebuildRequest
from nova_mini.compute.requests.rescue_request import RescueRequest
from nova_mini.compute.requests.server_request import ServerRequest
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.network_model import NetworkRequest, RequestedNetworks
from nova_mini.policies import servers as server_policy

# property of a body -> field of the record, for values that are stored unchanged
_RECORD_FIELDS = {
    "name": "display_name",
    "description": "display_description",
    "hostname": "hostname",
    "key_name": "key_name",
    "user_data": "user_data",
    "pinned_availability_zone": "pinned_availability_zone",
}


def server_request(req: Request, body: dict) -> ServerRequest:
    """The request of ``POST /servers``. Raises InvalidInput, PolicyNotAuthorized."""
    requested = body["server"]
    image_ref = _image_ref(requested)
    hints = body.get("os:scheduler_hints") or body.get("OS-SCH-HNT:scheduler_hints") or {}
    min_count, max_count = _counts(requested)
    flavor = _flavor(req, requested["flavorRef"])
    has_description = req.api_version >= (2, 19)
    return ServerRequest(
        display_name=requested["name"],
        flavor=flavor,
        image_ref=image_ref,
        min_count=min_count,
        max_count=max_count,
        description=requested.get("description") if has_description else requested["name"],
        hostname=requested.get("hostname"),
        metadata=requested.get("metadata", {}),
        tags=requested.get("tags", []),
        access_ip_v4=address(requested.get("accessIPv4")),
        access_ip_v6=address(requested.get("accessIPv6")),
        auto_disk_config=disk_config(requested),
        key_name=requested.get("key_name"),
        user_data=requested.get("user_data"),
        config_drive=common.is_true(requested.get("config_drive", False)),
        admin_password=admin_password(requested),
        injected_files=personality(requested),
        **_block_devices(requested),
        supports_multiattach=req.api_version >= (2, 60),
        requested_networks=_networks(req, requested),
        security_groups=[group["name"] for group in requested.get("security_groups", [])],
        scheduler_hints=hints,
        **_destination(req, requested),
    )


def changes(requested: dict) -> dict:
    """The fields of the record that ``PUT /servers/{id}`` or rebuild changes."""
    fields = {field: requested[name] for name, field in _RECORD_FIELDS.items() if name in requested}
    for name, field in (("accessIPv4", "access_ip_v4"), ("accessIPv6", "access_ip_v6")):
        if name in requested:
            fields[field] = address(requested[name])
    if "OS-DCF:diskConfig" in requested:
        fields["auto_disk_config"] = disk_config(requested)
    return fields


def rebuild_request(req: Request, requested: dict) -> RebuildRequest:
    """The request of the action rebuild. Raises InvalidInput."""
    refuse_trusted_certificates(requested)
    return RebuildRequest(
        image_ref=requested["imageRef"],
        admin_password=admin_password(requested),
        preserve_ephemeral=common.is_true(requested.get("preserve_ephemeral", False)),
        reimage_boot_volume=req.api_version >= (2, 93),
        injected_files=personality(requested),
        metadata=requested.get("metadata"),
        changes=changes(requested),
    )


def rescue_request(req: Request, requested: dict) -> RescueRequest:
    """The request of the action rescue."""
    return RescueRequest(
        image_ref=requested.get("rescue_image_ref"),
        admin_password=admin_password(requested),
        supports_volume_backed=req.api_version >= (2, 87),
    )


# -- properties that rebuild and update have, too ------------------------------------------------


def admin_password(requested: dict) -> str:
    return requested.get("adminPass") or server_names.password()


def address(text: str | None) -> str | None:
    """An IP address in its short form."""
    return str(ipaddress.ip_address(text)) if text else None


def disk_config(requested: dict) -> bool | None:
    value = requested.get("OS-DCF:diskConfig")
    return None if value is None else value == "AUTO"


def personality(requested: dict) -> list[tuple[str, str]]:
    """[(path, base64 without white space)]"""
    return [
        (item["path"], re.sub(r"\s", "", item["contents"]))
        for item in requested.get("personality", [])
    ]


def refuse_trusted_certificates(requested: dict) -> None:
    if requested.get("trusted_image_certificates"):
        raise exception.InvalidInput(
            reason="trusted_image_certificates are not supported by this cloud; omit them"
        )


# -- create --------------------------------------------------------------------------------------


def _flavor(req: Request, flavor_ref: str | int) -> Flavor:
    try:
        flavor = Flavor.get_by_flavor_id(req.context, str(flavor_ref))
    except exception.FlavorNotFound as exc:
        raise exception.InvalidInput(reason=exc.format_message()) from exc
    if flavor.disabled:
        raise exception.InvalidInput(reason=f"Flavor {flavor.flavorid} is disabled; use another")
    return flavor


def _image_ref(requested: dict) -> str | None:
    """None for a server that boots from a volume."""
    refuse_trusted_certificates(requested)
    image_ref = requested.get("imageRef") or None
    names = ("block_device_mapping_v2", "block_device_mapping")
    if not image_ref and not any(requested.get(name) for name in names):
        raise exception.InvalidInput(
            reason="Invalid imageRef provided: it is required unless block_device_mapping_v2 "
            "contains a boot volume"
        )
    return image_ref


def _counts(requested: dict) -> tuple[int, int]:
    min_count = int(requested.get("min_count", 1))
    max_count = int(requested.get("max_count", min_count))
    if min_count > max_count:
        raise exception.InvalidInput(reason="min_count must be <= max_count")
    return min_count, max_count


def _block_devices(requested: dict) -> dict:
    """Fields of ServerRequest. Raises InvalidInput."""
    legacy, disks = (
        requested.get(name, []) for name in ("block_device_mapping", "block_device_mapping_v2")
    )
    if legacy and disks:
        raise exception.InvalidInput(
            reason="Using different block_device_mapping syntaxes is not allowed in the same "
            "request."
        )
    return {"block_device_mapping": disks, "legacy_block_device_mapping": legacy}


def _networks(req: Request, requested: dict) -> RequestedNetworks:
    networks = requested.get("networks")
    if networks is None:
        return []
    if networks in ("auto", "none"):
        return networks
    if networks:
        policy.authorize(req.context, server_policy.CREATE_ATTACH_NETWORK)
    requests = [_network(item) for item in networks]
    ports = [item.port_id for item in requests if item.port_id]
    if len(ports) != len(set(ports)):
        raise exception.InvalidInput(reason="networks: a port may be named only once")
    return requests


def _network(item: dict) -> NetworkRequest:
    port_id, network_id = item.get("port"), item.get("uuid")
    if port_id and item.get("fixed_ip"):
        raise exception.InvalidInput(
            reason=f"Specified Fixed IP '{item['fixed_ip']}' cannot be used with port "
            f"'{port_id}': the two cannot be specified together"
        )
    if not port_id and not network_id:
        raise exception.InvalidInput(reason="networks: each item must have a uuid or a port")
    return NetworkRequest(
        network_id=None if port_id else network_id,
        port_id=port_id,
        address=address(item.get("fixed_ip")),
        tag=item.get("tag"),
    )


def _destination(req: Request, requested: dict) -> dict:
    """The requested zone and host, as fields of ServerRequest. Raises InvalidInput,
    PolicyNotAuthorized."""
    zone, host, node = destination.parse_availability_zone(requested.get("availability_zone"))
    destination_fields = {
        "requested_host": requested.get("host"),
        "requested_node": requested.get("hypervisor_hostname"),
    }
    if host or node:
        policy.authorize(req.context, server_policy.CREATE_FORCED_HOST)
    if any(destination_fields.values()):
        policy.authorize(req.context, server_policy.CREATE_REQUESTED_DESTINATION)
        if host or node:
            raise exception.InvalidInput(
                reason="specify the host either in availability_zone or in host and "
                "hypervisor_hostname, not in both"
            )
    return {
        "availability_zone": zone,
        "forced_host": host,
        "forced_node": node,
        **destination_fields,
    }
