"""The cloud of the functional tests as a site: the daemons as processes, fake hypervisors, a real
broker and database, and a stand-in for Glance behind a proxy."""

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
    """A daemon that the site restarts, as systemd would."""

    def __init__(self, daemon: daemons.Daemon):
        self._daemon = daemon
        self.logs = [daemon.process.log]

    def order(self, name: str, text: str) -> None:
        self._daemon.order(name, text)

    def inject_at(self, point: str, order: str, _pause: float) -> None:
        self._daemon.inject_at(point, order)

    def is_injected(self, point: str) -> bool:
        return self._daemon.is_injected(point)

    def recover(self, pause: float = 0) -> None:
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

    def recover(self) -> None:
        self._engine.start()
        self._engine.wait_ready()


class LocalSite:
    """``wires``: host -> its connection to the broker. ``other_image``: the image of rebuilds.
    ``flavors``: name -> id of two, between which servers are resized."""

    pause = 0.05  # seconds between two checks
    timeout = 15  # seconds to wait for the injection point of a fault
    has_parts = False
    ports_at_birth = 0
    keeps_deleted = False
    lost_power = False
    recovery_seconds = 60

    def __init__(
        self,
        cloud: Cloud,
        project: Project,
        glance: Proxy,
        wires: Mapping[str, Wire],
        other_image: str,
        flavors: Mapping[str, str],
    ):
        self._cloud = cloud
        self._project = project
        self._wires = wires
        self._forgiven: set[str] = set()
        self._taken: set[str] = set()
        self.user, self.admin = project.user, project.admin
        self.hosts = list(cloud.computes)
        self.other_image = other_image
        self.flavors = flavors
        self.daemons = {daemon.name: _Daemon(daemon) for daemon in cloud.daemons}
        self.engines = {
            "broker": _Engine(cloud.engines.rabbitmq),
            "database": _Engine(cloud.engines.mariadb),
        }
        self.external_services = {"glance": glance}

    def new_server(self, _kind: str, name: str, host: str | None) -> dict:
        return self._project.server(name=name, availability_zone=f"nova:{host}")

    def cut_off(self, host: str) -> None:
        self._wires[host].cut()

    def let_back(self, host: str) -> None:
        self._wires[host].repair()

    def take_down(self, host: str) -> None:
        """The administrator says that a host is down, whose compute has died. Its guests stay in
        the fake hypervisor until it is back."""
        self._taken.add(host)
        self._cloud.computes[host].kill()
        self._force_down(host, True)

    def bring_back(self) -> None:
        """Start the computes of :meth:`take_down`."""
        for host in sorted(self._taken):
            if not self._cloud.computes[host].process.alive:
                self._cloud.computes[host].start()
            self._force_down(host, False)
        self._taken.clear()

    def _force_down(self, host: str, forced: bool) -> None:
        found = self.admin.get(f"/os-services?binary=nova-compute&host={host}")["services"]
        self.admin.put(f"/os-services/{found[0]['id']}", {"forced_down": forced})

    def disarm(self) -> None:
        self._cloud.repair()
        for proxy in self.external_services.values():
            proxy.repair()

    def violations(self) -> list[str]:
        return [each for each in oracle.violations(self._cloud) if each not in self._forgiven]

    def forgive(self, violations: list[str]) -> None:
        """Ignore these violations from now on, because they were reported."""
        self._forgiven.update(violations)
