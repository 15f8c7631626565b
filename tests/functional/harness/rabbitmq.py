"""The RabbitMQ server of the tests, from the machine's package."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import pathlib
import secrets

from tests.functional.harness.network import ADDRESS, free_port, greets
from tests.functional.harness.process import Process
from tests.functional.harness.waiting import until

_SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
_GREETING = b"AMQP\x00\x00\x09\x01"
_CONNECTION_START = b"\x00\x0a\x00\x0a"
# The virtual hosts are created with the broker. Each cloud uses another, without old messages.
_VHOSTS = 40


class RabbitMQ:
    """One broker. Stored messages survive ``process.kill`` and ``start``."""

    def __init__(self, directory: pathlib.Path):
        self.port = free_port()
        self._epmd_port = free_port()
        self._password = secrets.token_hex(8)
        self._vhosts = (f"cloud{number}" for number in itertools.count())
        environment = self._configure(directory)
        # Erlang's port mapper. RabbitMQ would start one that does not end with the tests.
        self._epmd = Process(
            "epmd",
            ["epmd", "-port", str(self._epmd_port), "-address", ADDRESS],
            directory / "epmd.log",
        )
        self.process = Process("rabbitmq", [_SERVER], directory / "rabbitmq.log", environment)

    def _configure(self, directory: pathlib.Path) -> dict[str, str]:
        home = directory / "home"
        home.mkdir(parents=True)
        cookie = home / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(20))
        cookie.chmod(0o400)
        (directory / "definitions.json").write_text(json.dumps(self._definitions()))
        (directory / "enabled_plugins").write_text("[].\n")
        distribution = free_port()
        (directory / "rabbitmq.conf").write_text(
            f"listeners.tcp.local = {ADDRESS}:{self.port}\n"
            f"distribution.listener.port_range.min = {distribution}\n"
            f"distribution.listener.port_range.max = {distribution}\n"
            f"load_definitions = {directory}/definitions.json\n"
            "log.console = true\nlog.console.level = warning\nlog.file = false\n"
            "vm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 50MB\n"
        )
        return {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "RUNNING_UNDER_SYSTEMD": "1",  # the shell script executes the broker in its place
            "ERL_EPMD_ADDRESS": ADDRESS,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": f"nova-mini-{os.getpid()}@localhost",
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory),
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none "
            "+sbwtdio none -start_epmd false",
        }

    def _definitions(self) -> dict:
        salt = os.urandom(4)
        hashed = base64.b64encode(salt + hashlib.sha256(salt + self._password.encode()).digest())
        names = [f"cloud{number}" for number in range(_VHOSTS)]
        allow = {"user": "test", "configure": ".*", "write": ".*", "read": ".*"}
        return {
            "users": [
                {
                    "name": "test",
                    "password_hash": hashed.decode(),
                    "hashing_algorithm": "rabbit_password_hashing_sha256",
                    "tags": [],
                }
            ],
            "vhosts": [{"name": name} for name in names],
            "permissions": [{**allow, "vhost": name} for name in names],
        }

    def next_url(self) -> str:
        """A transport URL with an unused virtual host."""
        return f"rabbit://test:{self._password}@{ADDRESS}:{self.port}/{next(self._vhosts)}"

    def start(self) -> None:
        if not self._epmd.alive:
            self._epmd.spawn()
        self.process.spawn()

    def wait_ready(self, seconds: float = 60) -> None:
        def ready() -> bool:
            assert self.process.alive, f"RabbitMQ died:\n{self.process.tail()}"
            return greets(self.port, _GREETING, _CONNECTION_START)

        until("RabbitMQ answers", ready, seconds)

    def stop(self) -> None:
        """Kill it: its data are not needed after the tests."""
        self.process.kill()
        self._epmd.kill()
