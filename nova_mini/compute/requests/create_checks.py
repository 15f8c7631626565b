"""Checks of a request to create servers: quotas, names, networks and the key pair."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from nova_mini import exception, service_auth
from nova_mini.compute.requests import server_names
from nova_mini.compute.requests.server_request import ServerRequest
from nova_mini.context import RequestContext
from nova_mini.objects.instance_group import InstanceGroup
from nova_mini.objects.keypair import KeyPair
from nova_mini.objects.request_spec import SchedulerHints
from nova_mini.objects.service import SERVER_GROUPS_VERSION, ServiceList


def check_metadata(metadata: Mapping[str, str], limits: dict[str, int]) -> None:
    """``metadata``: all items that the server will have. Raises OverQuota."""
    allowed = limits["metadata_items"]
    if 0 <= allowed < len(metadata):
        raise exception.OverQuota(f"Maximum number of metadata items exceeds {allowed}")


def check_injected_files(files: list[tuple[str, str]], limits: dict[str, int]) -> None:
    """``files``: (path, content in base64). Raises OverQuota."""
    measured = {
        "injected_files": len(files),
        "injected_file_path_bytes": max((len(path) for path, _ in files), default=0),
        "injected_file_content_bytes": max(
            (len(base64.b64decode(content)) for _, content in files), default=0
        ),
    }
    for name, value in measured.items():
        if 0 <= limits[name] < value:
            raise exception.OverQuota(
                f"Personality file limit exceeded: {name} may be at most {limits[name]}, "
                f"not {value}"
            )


def load_group(context: RequestContext, hints: SchedulerHints) -> InstanceGroup | None:
    """The server group in the hint ``group``, which the new servers join.

    Raises InvalidInput if there is none that the caller may use, and ServerGroupsNotSupportedYet
    while services of an older release run, which would not keep its policy.
    """
    if "group" not in hints:
        return None
    try:
        group = InstanceGroup.get_by_uuid(context, hints["group"])
        if not group.is_visible_to(context):
            raise exception.InstanceGroupNotFound(group_uuid=group.uuid)
    except exception.InstanceGroupNotFound as exc:
        raise exception.InvalidInput(reason=exc.format_message()) from exc
    placing = ("nova-mini-conductor", "nova-mini-scheduler")
    if ServiceList.get_all(context).oldest_version(placing) < SERVER_GROUPS_VERSION:
        raise exception.ServerGroupsNotSupportedYet()
    return group


def check_multi_create(request: ServerRequest) -> None:
    """Raises InvalidInput if several servers would share what only one can have."""
    if request.max_count == 1:
        return
    if request.hostname:
        raise exception.InvalidInput(reason="hostname can be used for one server only")
    longest = server_names.display_name(request.display_name, request.max_count - 1, 2)
    if len(longest) > server_names.MAX_LENGTH:
        raise exception.InvalidInput(
            reason=f"the servers' names, like '...{longest[-20:]}', would be longer than "
            f"{server_names.MAX_LENGTH} characters; give a shorter name"
        )
    if isinstance(request.requested_networks, str):
        return
    for network in request.requested_networks:
        if network.port_id or network.address:
            raise exception.InvalidInput(
                reason="a port or fixed_ip can be used for one server only; request one server, "
                "or name only the network"
            )


def check_network_service() -> None:
    """Raises InvalidInput if Neutron is not configured."""
    if not service_auth.is_configured("neutron"):
        raise exception.InvalidInput(
            reason="this cloud has no network service; leave out ports, networks and security "
            "groups, or use networks: none"
        )


def load_key(context: RequestContext, name: str | None) -> str | None:
    """Return the public key of that name. Raises InvalidInput if the user has no such key."""
    if name is None:
        return None
    try:
        return KeyPair.get_by_name(context, context.user_id or "", name).public_key
    except exception.KeypairNotFound as exc:
        raise exception.InvalidInput(reason=f"Invalid key_name provided: {name}") from exc
