"""tempest.conf, made from what the running cloud has."""

from pathlib import Path

from stacklib import auth, cinder_conf, files
from stacklib.cloud import Cloud
from stacklib.stack import Stack

from testlib import automatic_networks

Sections = dict[str, dict[str, object]]

MAX_MICROVERSION = "2.104"
MIB = 96  # the least with which the stack's guest boots

# What Tempest boots, and what it resizes to: name -> (id, vcpus, GiB of disk)
FLAVORS = {"tempest": ("tempest-1", 1, 1), "tempest-large": ("tempest-2", 2, 2)}

# Real guests are emulated where there is no KVM, and boot slowly.
GUEST_SECONDS = 600
FAKE_SECONDS = 90


def write(stack: Stack, workspace: Path) -> Path:
    """Write tempest.conf, which holds the administrator's password, and return its path."""
    path = workspace / "tempest.conf"
    files.write(path, files.ini(sections(stack, workspace)))
    return path


def sections(stack: Stack, workspace: Path) -> Sections:
    """Return the configuration for the cloud of `stack`. Creates what Tempest needs: flavors, and
    the defaults from which Neutron allocates networks."""
    cloud = Cloud(stack)
    has_guests = stack.choices.virt_driver != "fake"
    seconds = GUEST_SECONDS if has_guests else FAKE_SECONDS
    return {
        "DEFAULT": {"log_file": workspace / "tempest.log"},
        "oslo_concurrency": {"lock_path": workspace / "locks"},
        **_identity(stack),
        "compute": _compute(cloud, seconds, len(_hosts(cloud))),
        "compute-feature-enabled": _features(stack, has_guests),
        "image": {"build_timeout": seconds},
        "scenario": {
            "img_file": stack.directory / "images" / "disk.qcow2",
            "img_disk_format": "qcow2",
            "dhcp_client": "udhcpc",
        },
        "network": _network(cloud, seconds),
        "network-feature-enabled": {"floating_ips": True, "port_security": True},
        "service_available": {
            "nova": True,
            "glance": True,
            "neutron": True,
            "cinder": stack.has("cinder"),
            "swift": False,
            "horizon": False,
        },
        "validation": _validation(has_guests, seconds),
        "volume": _volume(stack, seconds),
        "volume-feature-enabled": {
            "backup": False,
            "extend_attached_volume": True,
            "multi_backend": len(cinder_conf.backends(stack)) > 1,
        },
    }


def _identity(stack: Stack) -> Sections:
    return {
        "auth": {
            "admin_username": "admin",
            "admin_password": stack.secrets["user-admin"],
            "admin_project_name": "admin",
            "admin_domain_name": "Default",
        },
        "identity": {
            "uri_v3": auth.url(stack),
            "auth_version": "v3",
            "region": auth.REGION,
            "v3_endpoint_type": "public",
        },
        "enforce_scope": {"nova": True},
    }


def _compute(cloud: Cloud, seconds: int, hosts: int) -> dict[str, object]:
    images = {
        each["name"]: each["id"] for each in cloud.request("GET", "image", "/images")["images"]
    }
    small, large = (_flavor(cloud, name) for name in FLAVORS)
    return {
        "image_ref": images["mini-raw"],
        "image_ref_alt": images["mini-qcow2"],
        "flavor_ref": small,
        "flavor_ref_alt": large,
        "build_timeout": seconds,
        "shelved_offload_time": 0,
        "min_compute_nodes": hosts,
        "max_microversion": MAX_MICROVERSION,
    }


def _features(stack: Stack, has_guests: bool) -> dict[str, object]:
    """Return what of the Compute API Tempest shall test: all that nova_mini has."""
    consoles = has_guests and stack.has("consoles")
    return {
        "change_password": not has_guests,  # the guest of the stack runs no agent of QEMU
        "resize": True,
        "cold_migration": True,
        "shelve": True,
        "shelve_migrate": True,
        "live_migration": True,
        "live_migrate_back_and_forth": True,
        "block_migration_for_live_migration": not stack.has("ceph"),  # Ceph's disks are shared
        "volume_backed_live_migration": True,
        "metadata_service": has_guests,
        "vnc_console": consoles,
        "serial_console": consoles,
        "spice_console": False,  # a guest has one kind of screen; the stack's have VNC
        "rescue": True,
        "stable_rescue": True,
        "personality": True,
        "attach_encrypted_volume": False,
        "swap_volume": True,
        "volume_multiattach": True,
        "ide_bus": has_guests,
        "scheduler_enabled_filters": "all",
        "nova_policy_roles": "admin,manager,member,reader",
        "hostname_fqdn_sanitization": True,
        "dhcp_domain": "",
    }


def _network(cloud: Cloud, seconds: int) -> dict[str, object]:
    return {
        "public_network_id": automatic_networks.allow(cloud),
        "floating_network_name": "public",
        "project_networks_reachable": False,
        "build_timeout": seconds,
    }


def _validation(has_guests: bool, seconds: int) -> dict[str, object]:
    return {
        "run_validation": has_guests,
        "connect_method": "floating" if has_guests else "fixed",
        "image_ssh_user": "root",
        "image_alt_ssh_user": "root",
        "ping_timeout": seconds,
        "connect_timeout": 60,
        "ssh_timeout": seconds,
    }


def _volume(stack: Stack, seconds: int) -> dict[str, object]:
    return {
        "build_timeout": seconds,
        "volume_type": "",  # Cinder's default
        "backend_names": ",".join(cinder_conf.backends(stack)),
        "volume_type_multiattach": cinder_conf.MULTIATTACH,
        "max_microversion": "latest",
    }


def _flavor(cloud: Cloud, name: str) -> str:
    """Return the ID of one of Tempest's flavors, which is created if it does not exist."""
    number, vcpus, disk = FLAVORS[name]
    known = cloud.request("GET", "compute", "/flavors")["flavors"]
    if number not in (each["id"] for each in known):
        flavor = {"id": number, "name": name, "ram": MIB * vcpus, "vcpus": vcpus, "disk": disk}
        cloud.request("POST", "compute", "/flavors", {"flavor": flavor})
    return number


def _hosts(cloud: Cloud) -> list[str]:
    """Return the hosts that accept servers."""
    path = "/os-services?binary=nova-compute"
    return [
        each["host"]
        for each in cloud.request("GET", "compute", path)["services"]
        if each["state"] == "up" and each["status"] == "enabled"
    ]
