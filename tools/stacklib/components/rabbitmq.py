"""RabbitMQ: one broker, without Erlang distribution outside, or a cluster of three."""

import base64
import hashlib
import json
from collections.abc import Sequence

from stacklib import fabric, files, ports
from stacklib.component import Component
from stacklib.errors import Unhealthy
from stacklib.fabric import CONTROL
from stacklib.stack import Stack
from stacklib.units import Unit

USER = "openstack"
REPLICATED = "replicated"
VHOSTS = {
    "/": "the stack",
    REPLICATED: "services with queues on all brokers",
    "test": "functional tests",
}
ALONE = "rabbit@localhost"
# Schedulers that do not busy-wait: on a small machine others need the cores. Seconds after which
# brokers give up one that is silent: until then, they wait for its part in each change of a queue.
ERLANG = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel net_ticktime 10"
GREETING = b"AMQP\x00\x00\x09\x01"

# A broker that starts before the others have noticed its death can wait for ever for a lock that
# they keep for it. It is killed then, and starts again.
PROPERTIES = {
    "User": "rabbitmq",
    "SuccessExitStatus": "69 143",
    "Type": "notify",
    "NotifyAccess": "all",
    "TimeoutStartSec": "50",
}

CONFIG = """\
listeners.tcp.local = 127.0.0.1:{port}
listeners.tcp.fabric = {address}:{port}
distribution.listener.port_range.min = 25672
distribution.listener.port_range.max = 25672
load_definitions = {definitions}
log.console = true
log.console.level = warning
log.file = false
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 100MB
"""
# Queues are on all brokers, and one alone cannot change them. But a broker that was frozen, and
# runs again, can keep other records of queues than the other two: it must start again. With
# pause_minority it does so only if it notices that it was alone.
CLUSTER = """\
cluster_partition_handling = autoheal
cluster_formation.peer_discovery_backend = classic_config
"""


def transport_url(stack: Stack, vhost: str = "") -> str:
    """Return the URL for oslo.messaging of what the stack has once, and of its agents: the broker
    of the same node. Its queues, which are not replicated, do not depend on other nodes. The empty
    `vhost` is the stack's own."""
    return _url(stack, (CONTROL,), vhost)


def cluster_url(stack: Stack) -> str:
    """Return the URL for services whose queues are replicated if there are several brokers. These
    are a virtual host of their own, as exchanges are declared otherwise for such queues."""
    return _url(stack, stack.broker_names, REPLICATED if _is_clustered(stack) else "")


def _url(stack: Stack, names: Sequence[str], vhost: str) -> str:
    login = f"{USER}:{stack.secrets['rabbitmq']}"
    brokers = (f"{login}@{fabric.address(name)}:{ports.RABBITMQ}" for name in names)
    return f"rabbit://{','.join(brokers)}/{vhost}"


class RabbitMQ(Component):
    """The message broker."""

    name = "rabbitmq"
    needs = ("node",)
    packages = ("rabbitmq-server",)
    timeout = 120

    def configure(self, stack: Stack) -> None:
        """Write the broker's configuration, with its users and virtual hosts."""
        owner = files.ids("rabbitmq")
        etc = files.directory(stack.etc / self.name, 0o700, owner)
        for name in ("mnesia", "home"):
            files.directory(stack.data / self.name / name, 0o700, owner)
        files.directory(stack.data / self.name, 0o700, owner)
        definitions = etc / "definitions.json"
        text = json.dumps(_definitions(stack.secrets["rabbitmq"]), indent=1)
        files.write(definitions, text, 0o600, owner)
        config = CONFIG.format(
            address=stack.node.address, port=ports.RABBITMQ, definitions=definitions
        )
        files.write(etc / "rabbitmq.conf", config + _cluster(stack), 0o600, owner)
        files.write(etc / "enabled_plugins", "[].\n", 0o600, owner)
        cookie = stack.data / self.name / "home" / ".erlang.cookie"
        files.write(cookie, stack.secrets["erlang-cookie"], 0o400, owner)

    def units(self, stack: Stack) -> list[Unit]:
        """Return the broker, which runs as the package's user."""
        etc, data = stack.etc / self.name, stack.data / self.name
        environment = {
            "HOME": str(data / "home"),
            "LANG": "C.UTF-8",
            "ERL_EPMD_ADDRESS": stack.node.address if _is_clustered(stack) else "127.0.0.1",
            "RABBITMQ_NODENAME": _name(stack.node.name) if _is_clustered(stack) else ALONE,
            "RABBITMQ_MNESIA_BASE": str(data / "mnesia"),
            "RABBITMQ_LOG_BASE": str(data),
            "RABBITMQ_CONFIG_FILE": str(etc / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(etc / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
        }
        return [
            Unit(
                name="nova-mini-stack-rabbitmq",
                argv=("/usr/lib/rabbitmq/bin/rabbitmq-server",),
                properties=PROPERTIES,
                environment=environment,
                watched=(etc / "rabbitmq.conf", etc / "definitions.json"),
            )
        ]

    def check(self, stack: Stack) -> None:
        """Check that the broker answers the AMQP greeting with Connection.Start."""
        answer = ports.converse(stack.node, "127.0.0.1", ports.RABBITMQ, GREETING)
        if not answer.startswith(b"\x01\x00\x00"):
            raise Unhealthy("the broker does not speak AMQP yet")


def _is_clustered(stack: Stack) -> bool:
    return len(stack.broker_names) > 1


def _name(node: str) -> str:
    return f"rabbit@{node}"


def _cluster(stack: Stack) -> str:
    """Return the part of the configuration that is only in a cluster."""
    if not _is_clustered(stack):
        return ""
    members = (
        f"cluster_formation.classic_config.nodes.{number} = {_name(node)}\n"
        for number, node in enumerate(stack.broker_names, 1)
    )
    return CLUSTER + "".join(members)


def _definitions(password: str) -> dict:
    """Return the user and the virtual hosts. All brokers have the same text, at every start: so the
    salt, which no other installation has, comes from the password."""
    salt = hashlib.sha256(f"salt of {password}".encode()).digest()[:4]
    hashed = base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
    user = {
        "name": USER,
        "password_hash": hashed,
        "tags": [],
        "hashing_algorithm": "rabbit_password_hashing_sha256",
    }
    allow = {"user": USER, "configure": ".*", "write": ".*", "read": ".*"}
    return {
        "users": [user],
        "vhosts": [{"name": name} for name in VHOSTS],
        "permissions": [{**allow, "vhost": name} for name in VHOSTS],
    }
