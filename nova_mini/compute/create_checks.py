"""What a request for a server must not exceed or name in vain."""

from __future__ import annotations

import base64

from nova_mini import exception, service_auth
from nova_mini.compute.server_request import ServerRequest
from nova_mini.objects.keypair import KeyPair


def check_metadata(metadata: dict, limits: dict[str, int]) -> None:
    """``metadata``: all items that the server would have. Raises OverQuota."""
    allowed = limits["metadata_items"]
    if 0 <= allowed < len(metadata):
        raise exception.OverQuota(f"Maximum number of metadata items exceeds {allowed}")


def check_injected_files(files: list[tuple[str, str]], limits: dict[str, int]) -> None:
    """``files``: (path, base64). Raises OverQuota."""
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


def check_hints(hints: dict) -> None:
    """Raises InvalidInput for what this cloud cannot heed."""
    if "group" in hints:
        raise exception.InvalidInput(
            reason="server groups are not served by this cloud; use the scheduler hints "
            "different_host and same_host"
        )


def check_multi_create(request: ServerRequest) -> None:
    """What only one server can have, several cannot. Raises InvalidInput."""
    if request.max_count == 1:
        return
    if request.hostname:
        raise exception.InvalidInput(reason="hostname can be given to one server only")
    if isinstance(request.requested_networks, str):
        return
    for network in request.requested_networks:
        if network.port_id or network.address:
            raise exception.InvalidInput(
                reason="a port or fixed_ip can be given to one server only; ask for one server, "
                "or name the network alone"
            )


def check_network_service() -> None:
    """Before anything of a network is asked for. Raises InvalidInput where there is no Neutron."""
    if not service_auth.is_configured("neutron"):
        raise exception.InvalidInput(
            reason="this cloud has no network service; leave out ports, networks and security "
            "groups, or say networks: none"
        )


def load_key(context, name: str | None) -> str | None:
    """The public key of that name. Raises InvalidInput when the user has none."""
    if name is None:
        return None
    try:
        return KeyPair.get_by_name(context, context.user_id, name).public_key
    except exception.KeypairNotFound as exc:
        raise exception.InvalidInput(reason=f"Invalid key_name provided: {name}") from exc
