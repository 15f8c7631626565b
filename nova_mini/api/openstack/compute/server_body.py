"""Bodies about servers, turned into what ``compute.api`` asks for."""

from __future__ import annotations

import ipaddress
import re

from nova_mini import exception, policy
from nova_mini.api.openstack import common
from nova_mini.api.openstack.request import Request
from nova_mini.compute import destination, server_names
from nova_mini.compute.rebuild_request import RebuildRequest
from nova_mini.compute.server_request import ServerRequest
from nova_mini.network.model import NetworkRequest, RequestedNetworks
from nova_mini.objects.flavor import Flavor
from nova_mini.policies import servers as server_policy

# name in a body -> field of the record, for what is taken as it is
_RECORD_FIELDS = {
    "name": "display_name",
    "description": "display_description",
    "hostname": "hostname",
    "key_name": "key_name",
    "user_data": "user_data",
}


def server_request(req: Request, body: dict) -> ServerRequest:
    """Of ``POST /servers``. Raises InvalidInput, PolicyNotAuthorized."""
    asked = body["server"]
    image_ref = _image_ref(asked)
    hints = body.get("os:scheduler_hints") or body.get("OS-SCH-HNT:scheduler_hints") or {}
    min_count, max_count = _counts(asked)
    flavor = _flavor(req, asked["flavorRef"])
    if image_ref and not flavor.root_gb:
        policy.authorize(req.context, server_policy.CREATE_ZERO_DISK_FLAVOR)
    return ServerRequest(
        display_name=asked["name"],
        flavor=flavor,
        image_ref=image_ref,
        min_count=min_count,
        max_count=max_count,
        description=asked.get("description") if req.api_version >= (2, 19) else asked["name"],
        hostname=asked.get("hostname"),
        metadata=asked.get("metadata", {}),
        tags=asked.get("tags", []),
        access_ip_v4=address(asked.get("accessIPv4")),
        access_ip_v6=address(asked.get("accessIPv6")),
        auto_disk_config=disk_config(asked),
        key_name=asked.get("key_name"),
        user_data=asked.get("user_data"),
        config_drive=common.is_true(asked.get("config_drive", False)),
        admin_password=admin_password(asked),
        injected_files=personality(asked),
        block_device_mapping=_block_devices(asked),
        supports_multiattach=req.api_version >= (2, 60),
        requested_networks=_networks(req, asked),
        security_groups=[group["name"] for group in asked.get("security_groups", [])],
        scheduler_hints=hints,
        **_place(req, asked),
    )


def changes(asked: dict) -> dict:
    """Of ``PUT /servers/{id}``, and of what rebuild shares with it: fields of the record."""
    made = {field: asked[name] for name, field in _RECORD_FIELDS.items() if name in asked}
    for name, field in (("accessIPv4", "access_ip_v4"), ("accessIPv6", "access_ip_v6")):
        if name in asked:
            made[field] = address(asked[name])
    if "OS-DCF:diskConfig" in asked:
        made["auto_disk_config"] = disk_config(asked)
    return made


def rebuild_request(req: Request, asked: dict) -> RebuildRequest:
    """Of the action rebuild. Raises InvalidInput."""
    refuse_trusted_certificates(asked)
    return RebuildRequest(
        image_ref=asked["imageRef"],
        admin_password=admin_password(asked),
        preserve_ephemeral=common.is_true(asked.get("preserve_ephemeral", False)),
        reimage_boot_volume=req.api_version >= (2, 93),
        injected_files=personality(asked),
        metadata=asked.get("metadata"),
        changes=changes(asked),
    )


# -- what rebuild and update have, too -----------------------------------------------------------


def admin_password(asked: dict) -> str:
    return asked.get("adminPass") or server_names.password()


def address(text: str | None) -> str | None:
    """In its short form."""
    return str(ipaddress.ip_address(text)) if text else None


def disk_config(asked: dict) -> bool | None:
    value = asked.get("OS-DCF:diskConfig")
    return None if value is None else value == "AUTO"


def personality(asked: dict) -> list[tuple[str, str]]:
    """(path, base64 without blanks)"""
    return [
        (item["path"], re.sub(r"\s", "", item["contents"]))
        for item in asked.get("personality", [])
    ]


def refuse_trusted_certificates(asked: dict) -> None:
    if asked.get("trusted_image_certificates"):
        raise exception.InvalidInput(
            reason="trusted_image_certificates are not served by this cloud; leave them out"
        )


# -- create --------------------------------------------------------------------------------------


def _flavor(req: Request, flavor_ref: str | int) -> Flavor:
    try:
        flavor = Flavor.get_by_flavor_id(req.context, str(flavor_ref))
    except exception.FlavorNotFound as exc:
        raise exception.InvalidInput(reason=exc.format_message()) from exc
    if flavor.disabled:
        raise exception.InvalidInput(reason=f"Flavor {flavor.flavorid} is disabled; choose another")
    return flavor


def _image_ref(asked: dict) -> str | None:
    """None for a server that boots from a volume."""
    refuse_trusted_certificates(asked)
    image_ref = asked.get("imageRef") or None
    if not image_ref and not asked.get("block_device_mapping_v2"):
        raise exception.InvalidInput(
            reason="Invalid imageRef provided: it is needed, unless block_device_mapping_v2 names "
            "a volume to boot from"
        )
    return image_ref


def _counts(asked: dict) -> tuple[int, int]:
    min_count = int(asked.get("min_count", 1))
    max_count = int(asked.get("max_count", min_count))
    if min_count > max_count:
        raise exception.InvalidInput(reason="min_count must be <= max_count")
    return min_count, max_count


def _block_devices(asked: dict) -> list[dict]:
    if asked.get("block_device_mapping"):
        raise exception.InvalidBDM(
            reason="block_device_mapping is not served by this cloud; say the same of volumes "
            "with block_device_mapping_v2"
        )
    return asked.get("block_device_mapping_v2", [])


def _networks(req: Request, asked: dict) -> RequestedNetworks:
    wanted = asked.get("networks")
    if wanted is None:
        return []
    if isinstance(wanted, str):
        return wanted
    if wanted:
        policy.authorize(req.context, server_policy.CREATE_ATTACH_NETWORK)
    requests = [_network(item) for item in wanted]
    ports = [item.port_id for item in requests if item.port_id]
    if len(ports) != len(set(ports)):
        raise exception.InvalidInput(reason="a port can be asked for only once")
    return requests


def _network(item: dict) -> NetworkRequest:
    port_id, network_id = item.get("port"), item.get("uuid")
    if port_id and item.get("fixed_ip"):
        raise exception.InvalidInput(
            reason=f"Specified Fixed IP '{item['fixed_ip']}' cannot be used with port "
            f"'{port_id}': the two cannot be specified together"
        )
    if not port_id and not network_id:
        raise exception.InvalidInput(reason="each of networks must name a uuid or a port")
    return NetworkRequest(
        network_id=None if port_id else network_id,
        port_id=port_id,
        address=address(item.get("fixed_ip")),
        tag=item.get("tag"),
    )


def _place(req: Request, asked: dict) -> dict:
    zone, host, node = destination.parse_availability_zone(asked.get("availability_zone"))
    requested = {
        "requested_host": asked.get("host"),
        "requested_node": asked.get("hypervisor_hostname"),
    }
    if host or node:
        policy.authorize(req.context, server_policy.CREATE_FORCED_HOST)
    if any(requested.values()):
        policy.authorize(req.context, server_policy.CREATE_REQUESTED_DESTINATION)
        if host or node:
            raise exception.InvalidInput(
                reason="name the host either in availability_zone or with host and "
                "hypervisor_hostname, not both"
            )
    return {"availability_zone": zone, "forced_host": host, "forced_node": node, **requested}


