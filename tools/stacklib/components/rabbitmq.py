"""RabbitMQ: one broker for all nodes, without Erlang distribution outside."""

import base64
import hashlib
import json
import os
from pathlib import Path

from stacklib import files, ports
from stacklib.component import Component
from stacklib.errors import Unhealthy
from stacklib.stack import Stack
from stacklib.units import Unit

USER = "openstack"
VHOSTS = {"/": "the stack", "test": "functional tests"}
GREETING = b"AMQP\x00\x00\x09\x01"

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


def transport_url(stack: Stack, vhost: str = "") -> str:
    """Return the URL for oslo.messaging. The empty `vhost` is the stack's own."""
    address = stack.control.node.address
    return f"rabbit://{USER}:{stack.secrets['rabbitmq']}@{address}:{ports.RABBITMQ}/{vhost}"


class RabbitMQ(Component):
    """The message broker."""

    name = "rabbitmq"
    needs = ("node",)
    packages = ("rabbitmq-server",)

    def configure(self, stack: Stack) -> None:
        """Write the broker's configuration, with its users and virtual hosts."""
        owner = files.ids("rabbitmq")
        etc = files.directory(stack.etc / self.name, 0o700, owner)
        for name in ("mnesia", "home"):
            files.directory(stack.data / self.name / name, 0o700, owner)
        files.directory(stack.data / self.name, 0o700, owner)
        definitions = etc / "definitions.json"
        salt = self._salt(etc / "salt")
        text = json.dumps(_definitions(stack.secrets["rabbitmq"], salt), indent=1)
        files.write(definitions, text, 0o600, owner)
        config = CONFIG.format(
            address=stack.node.address, port=ports.RABBITMQ, definitions=definitions
        )
        files.write(etc / "rabbitmq.conf", config, 0o600, owner)
        files.write(etc / "enabled_plugins", "[].\n", 0o600, owner)
        cookie = stack.data / self.name / "home" / ".erlang.cookie"
        files.write(cookie, stack.secrets["erlang-cookie"], 0o400, owner)

    def units(self, stack: Stack) -> list[Unit]:
        """Return the broker, which runs as the package's user."""
        etc, data = stack.etc / self.name, stack.data / self.name
        environment = {
            "HOME": str(data / "home"),
            "LANG": "C.UTF-8",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "rabbit@localhost",
            "RABBITMQ_MNESIA_BASE": str(data / "mnesia"),
            "RABBITMQ_LOG_BASE": str(data),
            "RABBITMQ_CONFIG_FILE": str(etc / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(etc / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            # Schedulers that do not busy-wait: on a small machine others need the cores.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
        }
        return [
            Unit(
                name="nova-mini-stack-rabbitmq",
                argv=("/usr/lib/rabbitmq/bin/rabbitmq-server",),
                properties={"User": "rabbitmq", "SuccessExitStatus": "69 143"},
                environment=environment,
                watched=(etc / "rabbitmq.conf", etc / "definitions.json"),
            )
        ]

    def check(self, stack: Stack) -> None:
        """Check that the broker answers the AMQP greeting with Connection.Start."""
        answer = ports.converse(stack.node, "127.0.0.1", ports.RABBITMQ, GREETING)
        if not answer.startswith(b"\x01\x00\x00"):
            raise Unhealthy("the broker does not speak AMQP yet")

    def _salt(self, path: Path) -> bytes:
        """Return a stored salt: with a new one, the password's hash would change with every
        `up`."""
        if not path.exists():
            files.write(path, os.urandom(4).hex())
        return bytes.fromhex(path.read_text())


def _definitions(password: str, salt: bytes) -> dict:
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
