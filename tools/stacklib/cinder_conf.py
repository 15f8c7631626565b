"""Cinder's configuration: for all its services, and for the volume service alone."""

from pathlib import Path

from stacklib import auth, ports
from stacklib.components import ceph, mariadb, rabbitmq
from stacklib.stack import Stack

CEPH, ISCSI = "ceph", "iscsi"  # backends, and volume types of the same names
MULTIATTACH, LUKS = "multiattach", "luks"
# Of the volume type LUKS: QEMU decrypts, with a key from the key manager.
ENCRYPTION = {
    "provider": "luks",
    "cipher": "aes-xts-plain64",
    "key_size": 256,
    "control_location": "front-end",
}

Sections = dict[str, dict[str, object]]


def backends(stack: Stack) -> tuple[str, ...]:
    """Return the names of the backends. The first is for volumes without a volume type."""
    return (CEPH, ISCSI) if stack.has("ceph") else (ISCSI,)


def volume_types(stack: Stack) -> dict[str, dict[str, str]]:
    """Return the extra specs of every volume type: one for each backend, a multiattach one, and an
    encrypted one if there is a key manager."""
    types = {name: {"volume_backend_name": name} for name in backends(stack)}
    default = types[backends(stack)[0]]
    types[MULTIATTACH] = {**default, "multiattach": "<is> True"}
    if stack.has("barbican"):
        types[LUKS] = default
    return types


def exports(stack: Stack) -> Path:
    """Return the directory in which a file describes each iSCSI target."""
    return stack.data / "cinder" / "volume" / "targets"


def common(stack: Stack) -> Sections:
    """Return the configuration of api, scheduler and volume."""
    venv, etc, data = stack.venv("openstack"), stack.etc / "cinder", stack.data / "cinder"
    credentials = auth.password(stack, "cinder")
    return {
        "DEFAULT": {
            "use_stderr": True,
            "host": stack.node.name,
            "my_ip": stack.node.address,
            "state_path": data / "control",
            "transport_url": rabbitmq.transport_url(stack),
            # How long a caller waits for a reply that was lost with the broker (default: a minute).
            "rpc_response_timeout": 20,
            "auth_strategy": "keystone",
            "api_paste_config": etc / "api-paste.ini",
            "resource_query_filters_file": venv / "etc" / "cinder" / "resource_filters.json",
            "default_volume_type": backends(stack)[0],
            "quota_volumes": 100,
            "quota_snapshots": 100,
            "glance_api_servers": f"http://{stack.node.address}:{ports.GLANCE}",
        },
        "database": {"connection": mariadb.connection(stack, "cinder")},
        "keystone_authtoken": auth.token_check(stack, "cinder"),
        "service_user": {"send_service_user_token": True, **credentials},
        "nova": {**credentials, "interface": "internal"},
        "glance": credentials,
        **(_key_manager(stack) if stack.has("barbican") else {}),
        **_own_place(data / "control"),
    }


def volume(stack: Stack) -> Sections:
    """Return the additional configuration of the volume service, which runs as root."""
    data = stack.data / "cinder" / "volume"
    etc = stack.etc / "cinder"
    # The service is root already, but the inspection of images uses the helper.
    helper = (
        f"{stack.venv('openstack') / 'bin' / 'privsep-helper'} --config-file {etc / 'cinder.conf'}"
        f" --config-file {etc / 'cinder-volume.conf'}"
    )
    sections: Sections = {
        "DEFAULT": {"state_path": data, "enabled_backends": ",".join(backends(stack))},
        "cinder_sys_admin": {"helper_command": helper},
        **_own_place(data),
        ISCSI: {
            "volume_driver": "sparse_files.SparseFilesDriver",
            "volume_backend_name": ISCSI,
            "sparse_files_path": data / "files",
            "volumes_dir": exports(stack),
            "target_protocol": "iscsi",
            "target_ip_address": stack.node.address,
            "target_port": ports.ISCSI,
        },
    }
    if stack.has("ceph"):
        sections[CEPH] = {
            "volume_driver": "cinder.volume.drivers.rbd.RBDDriver",
            "volume_backend_name": CEPH,
            "rbd_ceph_conf": ceph.conf(stack),
            "rbd_user": "cinder",
            "rbd_pool": ceph.VOLUMES,
            "rbd_secret_uuid": ceph.secret(stack, "cinder"),
            "rbd_flatten_volume_from_snapshot": False,
            "report_discard_supported": True,
        }
    return sections


def _key_manager(stack: Stack) -> Sections:
    return {
        "key_manager": {"backend": "barbican"},
        "barbican": {"auth_endpoint": auth.url(stack), "barbican_endpoint_type": "internal"},
    }


def _own_place(directory: Path) -> Sections:
    return {
        "oslo_concurrency": {"lock_path": directory / "locks"},
        "coordination": {"backend_url": f"file://{directory / 'coordination'}"},
    }
