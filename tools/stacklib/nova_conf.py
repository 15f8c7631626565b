"""nova_mini's configuration."""

from stacklib import auth, kvm, ports
from stacklib.components import ceph, mariadb, rabbitmq
from stacklib.stack import REPOSITORY, Stack

BROKER_HEARTBEAT = 10  # seconds; connections to a node that lost its power end after it
CPU_RATIO = 16.0  # small guests are mostly idle, and the machine may have only 2 cores
TRANSLATION_CACHE = 32  # MiB of QEMU's memory per emulated guest; the default depends on the RAM

Sections = dict[str, dict[str, object]]


def common(stack: Stack) -> Sections:
    """Return the configuration of all four daemons."""
    state = stack.data / "nova-mini" / "control"
    sections: Sections = {
        "DEFAULT": {
            "host": stack.node.name,
            "my_ip": stack.node.address,
            "state_path": state,
            "transport_url": rabbitmq.cluster_url(stack),
            "allow_resize_to_same_host": True,  # a stack of one node has no other host
            "osapi_compute_listen": stack.node.address,
            "metadata_listen": stack.node.address,
        },
        "oslo_messaging_rabbit": _messaging(stack),
        "oslo_concurrency": {"lock_path": state / "locks"},
        "wsgi": {"api_paste_config": REPOSITORY / "etc" / "nova-mini" / "api-paste.ini"},
        "api": {
            "auth_strategy": "keystone" if stack.has("keystone") else "noauth2",
            "dhcp_domain": "",  # the guest of the stack takes its name as it is
        },
    }
    if stack.has("keystone"):
        if stack.node.name in stack.control_names:
            sections["keystone_authtoken"] = auth.token_check(stack, "nova")
        sections["service_user"] = {
            "send_service_user_token": True,
            **auth.password(stack, "nova"),
        }
        sections["keystone"] = auth.password(stack, "nova")
    if stack.has("glance"):
        sections["glance"] = auth.password(stack, "nova")
    if stack.has("cinder"):
        sections["cinder"] = {
            **auth.password(stack, "nova"),
            # Its backends copy nothing that would take longer.
            "volume_creating_timeout": 20,
        }
    if stack.has("barbican"):
        sections["key_manager"] = {"backend": "barbican"}
        sections["barbican"] = {"barbican_endpoint_type": "internal"}
    if stack.has("neutron"):
        sections["neutron"] = {
            **auth.password(stack, "nova"),
            "service_metadata_proxy": True,
            "metadata_proxy_shared_secret": stack.secrets["metadata-proxy"],
        }
    if stack.choices.virt_driver == "fake":  # fake servers cost nothing: let clients make many
        sections["quota"] = {"instances": -1, "cores": -1, "ram": -1}
        sections["fake"] = {"faults": "admins"}
    return sections


def _messaging(stack: Stack) -> dict[str, object]:
    """Let services go on when the node of a broker dies, if there is another broker. A queue for
    replies that is not replicated would be lost with its broker, and with it each answer that is
    sent before the loss is noticed."""
    options: dict[str, object] = {"rabbit_quorum_queue": True}
    if len(stack.broker_names) > 1:
        options["rabbit_transient_quorum_queue"] = True
        options["heartbeat_timeout_threshold"] = BROKER_HEARTBEAT
    return options


def database(stack: Stack) -> Sections:
    """Return the additional configuration of api, conductor and scheduler."""
    sections: Sections = {"database": {"connection": mariadb.connection(stack, "nova_mini")}}
    if stack.has("ceph"):
        sections["conductor"] = {
            "fence_ceph_user": ceph.FENCE,
            "fence_ceph_conf": ceph.conf(stack),
        }
    return sections


def compute(stack: Stack, host: str) -> Sections:
    """Return the additional configuration of the compute service of `host`."""
    state = stack.compute_state(host)
    own: Sections = {
        "DEFAULT": {
            "host": host,
            "state_path": state,
            "instances_path": stack.instances_path,
            "compute_driver": "libvirt.LibvirtDriver",
            "cpu_allocation_ratio": CPU_RATIO,
        },
        "oslo_concurrency": {"lock_path": state / "locks"},
    }
    if stack.has("consoles"):
        own.update(_consoles(stack))
    if stack.choices.virt_driver == "fake":
        own["DEFAULT"]["compute_driver"] = "fake.FakeDriver"
        own["DEFAULT"]["instances_path"] = state / "instances"
        own["fake"] = {"hosts": stack.choices.computes}
        return own
    virt_type = kvm.virt_type(stack)
    own["libvirt"] = {
        "virt_type": virt_type,
        # The kernel's initiator knows the machine's own network, and no namespace.
        "iscsi_use_qemu_initiator": True,
        **_disks(stack),
    }
    if stack.has("barbican"):
        own["libvirt"]["swtpm_enabled"] = True
    if virt_type == "qemu":
        own["libvirt"]["tb_cache_size"] = TRANSLATION_CACHE
    return own


def _consoles(stack: Stack) -> Sections:
    """Let guests listen where only the proxies reach them: they are on the control node."""
    control = stack.control.node.address
    listen = "127.0.0.1" if stack.is_control else stack.node.address
    return {
        "vnc": {
            "enabled": True,
            "server_listen": listen,
            "server_proxyclient_address": listen,
            "novncproxy_base_url": f"http://{control}:{ports.NOVNC}/vnc_lite.html",
        },
        "serial_console": {
            "enabled": True,
            "proxyclient_address": listen,
            "base_url": f"ws://{control}:{ports.SERIAL_CONSOLE}/",
        },
    }


def _disks(stack: Stack) -> dict[str, object]:
    """Return the options for the disks of servers."""
    if not stack.has("ceph"):
        return {"images_type": "qcow2"}
    local = stack.node.name in stack.choices.local_disks
    return {
        "images_type": "qcow2" if local else "rbd",  # volumes are in Ceph in any case
        "images_rbd_pool": ceph.DISKS,
        "images_rbd_ceph_conf": ceph.conf(stack),
        "rbd_user": "nova",
        "rbd_secret_uuid": ceph.secret(stack, "nova"),
        "rbd_keyring": ceph.keyring(stack, "{user}"),
    }
