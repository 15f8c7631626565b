"""The EC2-compatible metadata of a server, as nested dicts, lists and strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.network_model import NetworkInfo

VERSIONS = (
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "latest",
)
CONFIG_DRIVE_VERSIONS = ("2009-04-04", "latest")

PUBLIC_KEYS = "public-keys"

# The first version that has an entry. All other entries are in 1.0.
_SINCE = {
    "local-hostname": "2007-01-19",
    "public-hostname": "2007-01-19",
    "public-ipv4": "2007-01-19",
    "instance-type": "2007-08-29",
    "block-device-mapping": "2007-12-15",
    "kernel-id": "2007-12-15",
    "ramdisk-id": "2007-12-15",
    "placement": "2008-02-01",
    "instance-action": "2008-09-01",
}


def build(
    instance: Instance, network_info: NetworkInfo, hostname: str, image_id: str | None, version: str
) -> dict[str, Any]:
    """The entries under ``meta-data`` in a version (one of VERSIONS), without those that the server
    does not have."""
    fixed = [ip.address for ip in network_info.fixed_ips() if ip.version == 4]
    floating = [address for vif in network_info for address in vif.floating_ips()]
    tree = {
        "ami-id": _short_id("ami", image_id),
        "ami-launch-index": instance.launch_index,
        "block-device-mapping": _devices(instance),
        "hostname": hostname,
        "instance-action": "none",
        "instance-id": f"i-{instance.id:08x}",
        "instance-type": instance.flavor.name,
        "kernel-id": _short_id("aki", instance.kernel_id),
        "local-hostname": hostname,
        "local-ipv4": fixed[0] if fixed else None,
        "placement": {"availability-zone": instance.availability_zone},
        "public-hostname": hostname,
        "public-ipv4": floating[0] if floating else "",
        "ramdisk-id": _short_id("ari", instance.ramdisk_id),
        "reservation-id": instance.reservation_id,
        "security-groups": list(instance.security_groups),
    }
    if instance.key_name:
        tree[PUBLIC_KEYS] = {"0": {"openssh-key": instance.key_data}}
    return {
        name: value
        for name, value in tree.items()
        if value is not None and _SINCE.get(name, VERSIONS[0]) <= version  # "latest" is greatest
    }


def listing(instance: Instance, folder: dict[str, Any], name: str) -> list[str]:
    """The listing of a folder: names of folders end in a slash, keys are shown as
    "number=name"."""
    if name == PUBLIC_KEYS:
        return [f"0={instance.key_name}"]
    return [key + "/" if isinstance(value, dict) else key for key, value in folder.items()]


def _short_id(prefix: str, uuid: str | None) -> str | None:
    """The first 8 digits of the UUID, because EC2 IDs are short."""
    return f"{prefix}-{uuid[:8]}" if uuid else None


def _devices(instance: Instance) -> dict[str, str]:
    devices = {
        "ami": (instance.root_device_name or "").removeprefix("/dev/"),
        "root": instance.root_device_name,
        "ephemeral0": instance.default_ephemeral_device,
        "swap": instance.default_swap_device,
    }
    return {name: device for name, device in devices.items() if device}
