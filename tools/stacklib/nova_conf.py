"""nova_mini's configuration, section by section, under the names that Nova uses."""

from pathlib import Path

from stacklib import auth, kvm
from stacklib.components import ceph, mariadb, rabbitmq
from stacklib.stack import REPOSITORY, Stack

TRANSLATION_CACHE = 32  # MiB of QEMU's memory per emulated guest; its default is a share of all

Sections = dict[str, dict[str, object]]


def common(stack: Stack) -> Sections:
    """Return what all four daemons read."""
    state = stack.data / "nova-mini" / "control"
    sections: Sections = {
        "DEFAULT": {
            "host": stack.node.name,
            "my_ip": stack.node.address,
            "state_path": state,
            "transport_url": rabbitmq.transport_url(stack),
            "osapi_compute_listen": stack.node.address,
            "metadata_listen": stack.node.address,
        },
        "oslo_messaging_rabbit": {"rabbit_quorum_queue": True},
        "oslo_concurrency": {"lock_path": state / "locks"},
        "wsgi": {"api_paste_config": REPOSITORY / "etc" / "nova-mini" / "api-paste.ini"},
        "api": {"auth_strategy": "keystone" if stack.has("keystone") else "noauth2"},
    }
    if stack.has("keystone"):
        sections["keystone_authtoken"] = auth.token_check(stack, "nova")
        sections["service_user"] = {
            "send_service_user_token": True,
            **auth.password(stack, "nova"),
        }
    if stack.has("glance"):
        sections["glance"] = auth.password(stack, "nova")
    if stack.has("cinder"):
        sections["cinder"] = {
            **auth.password(stack, "nova"),
            # Its backends copy nothing that would take longer.
            "volume_creating_timeout": 20,
        }
    if stack.has("neutron"):
        sections["neutron"] = {
            **auth.password(stack, "nova"),
            "service_metadata_proxy": True,
            "metadata_proxy_shared_secret": stack.secrets["metadata-proxy"],
        }
    if stack.choices.virt_driver == "fake":  # fake servers cost nothing: let clients make many
        sections["quota"] = {"instances": -1, "cores": -1, "ram": -1}
    return sections


def database(stack: Stack) -> Sections:
    """Return what api, conductor and scheduler read besides."""
    return {"database": {"connection": mariadb.connection(stack, "nova_mini")}}


def compute(stack: Stack, host: str) -> Sections:
    """Return what the compute service of `host` reads besides."""
    state = compute_state(stack, host)
    own: Sections = {
        "DEFAULT": {
            "host": host,
            "state_path": state,
            "instances_path": state / "instances",
            "compute_driver": "libvirt.LibvirtDriver",
        },
        "oslo_concurrency": {"lock_path": state / "locks"},
    }
    if stack.choices.virt_driver == "fake":
        own["DEFAULT"]["compute_driver"] = "fake.FakeDriver"
        own["fake"] = {"hosts": stack.choices.computes}
        return own
    virt_type = kvm.virt_type(stack)
    own["libvirt"] = {
        "virt_type": virt_type,
        # The kernel's initiator knows the machine's own network, and no namespace.
        "iscsi_use_qemu_initiator": True,
        **_disks(stack),
    }
    if virt_type == "qemu":
        own["libvirt"]["tb_cache_size"] = TRANSLATION_CACHE
    return own


def _disks(stack: Stack) -> dict[str, object]:
    """Return where the disks of servers lie."""
    if not stack.has("ceph"):
        return {"images_type": "qcow2"}
    return {
        "images_type": "rbd",
        "images_rbd_pool": ceph.DISKS,
        "images_rbd_ceph_conf": ceph.conf(stack),
        "rbd_user": "nova",
        "rbd_secret_uuid": ceph.secret(stack, "nova"),
        "rbd_keyring": ceph.keyring(stack, "{user}"),
    }


def compute_state(stack: Stack, host: str) -> Path:
    """Return the directory of a compute host's instances."""
    return stack.data / "nova-mini" / host
