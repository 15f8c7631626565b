"""The functional tests' cloud as a site of chaos: processes of ours, fake hypervisors, real broker
and database, and a Glance at its REST boundary behind a proxy."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tests.chaos.proxy import Proxy
from tests.chaos.wire import Wire
from tests.functional.harness import daemon as daemons
from tests.functional.harness import oracle
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.mariadb import MariaDB
from tests.functional.harness.project import Project
from tests.functional.harness.rabbitmq import RabbitMQ

_DEATH_SECONDS = 15


class _Daemon:
    """We are its systemd."""

    def __init__(self, daemon: daemons.Daemon):
        self._daemon = daemon
        self.log = daemon.process.log

    def order(self, name: str, text: str) -> None:
        self._daemon.order(name, text)

    def strike_at(self, moment: str, order: str, _pause: float) -> None:
        self._daemon.strike_at(moment, order)

    def is_struck(self, moment: str) -> bool:
        return self._daemon.is_struck(moment)

    def rise(self, pause: float = 0) -> None:
        """The API's parent replaces its workers by itself."""
        if self._daemon.name != "api":
            self._daemon.process.wait_dead(_DEATH_SECONDS)
            time.sleep(pause)
            self._daemon.start()


class _Engine:
    def __init__(self, engine: RabbitMQ | MariaDB):
        self._engine = engine

    def kill(self) -> None:
        self._engine.process.kill()

    def rise(self) -> None:
        self._engine.start()
        self._engine.wait_ready()


class LocalSite:
    """``wires``: host -> its way to the broker. ``other_image`` is one to rebuild from."""

    pause = 0.05  # seconds between two looks at how things are
    patience = 15  # seconds in which the moment of a fault comes, if it does
    has_parts = False
    ports_at_birth = 0

    def __init__(
        self, cloud: Cloud, project: Project, glance: Proxy, wires: Mapping[str, Wire],
        other_image: str,
    ):  # fmt: skip
        self._cloud = cloud
        self._project = project
        self._wires = wires
        self._forgiven: set[str] = set()
        self.user, self.admin = project.user, project.admin
        self.hosts = list(cloud.computes)
        self.other_image = other_image
        self.daemons = {daemon.name: _Daemon(daemon) for daemon in cloud.daemons}
        self.engines = {
            "broker": _Engine(cloud.engines.rabbitmq),
            "database": _Engine(cloud.engines.mariadb),
        }
        self.neighbours = {"glance": glance}

    def new_server(self, _kind: str, name: str, host: str | None) -> dict:
        return self._project.server(name=name, availability_zone=f"nova:{host}")

    def cut_off(self, host: str) -> None:
        self._wires[host].cut()

    def let_back(self, host: str) -> None:
        self._wires[host].mend()

    def disarm(self) -> None:
        self._cloud.mend()
        for proxy in self.neighbours.values():
            proxy.repair()

    def violations(self) -> list[str]:
        return [each for each in oracle.violations(self._cloud) if each not in self._forgiven]

    def forgive(self, violations: list[str]) -> None:
        """They were told of; what comes after is not to blame for them."""
        self._forgiven.update(violations)
