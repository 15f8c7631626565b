"""Two nodes of a stack of several as a site. Runs on the machine, in the network of the control
node, so that it can power nodes off and yet reach their services."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.chaos import stack_site
from tests.chaos.far_machine import FarMachine
from tests.chaos.guest_watch import GuestWatch
from tests.chaos.proxy import Proxy
from tests.chaos.stack_site import BROKER, LIBVIRTD, StackSite
from tests.chaos.units import Daemon, Engine, Parallel
from tests.functional.harness.waiting import until
from tests.integration.cloud.harness.cloud import Cloud
from tests.integration.cloud.harness.machine import Machine

_TOOL = pathlib.Path(__file__).parents[2] / "tools" / "stack"
_LAUNCHER = "NOVA_MINI_CHAOS_LAUNCHER"  # the pid of tools/chaos, which has the machine's network
_OSD = "nova-mini-stack-ceph-osd"
_KEPT_SECONDS = 86400  # deleted servers, so that no restore comes too late
_UP_SECONDS = 150
_MENDED_BY = {"crash": "start", "freeze": "unfreeze", "cut": "join"}


class NodesSite(StackSite):
    """``pair``: the two nodes between which servers move; the other computes are disabled.
    ``control_names``: the nodes with a conductor and a scheduler."""

    keeps_deleted = True
    recovery_seconds = 150  # a lost connection is noticed after a minute

    def __init__(
        self,
        cloud: Cloud,
        external_services: Mapping[str, Proxy],
        pair: Sequence[str],
        control_names: Sequence[str],
    ):
        super().__init__(cloud, external_services)
        self.user = self.admin = cloud.admin
        self.hosts = list(pair)
        self.victims = [host for host in pair if host != self.control.name]
        self._down: dict[str, str] = {}  # node -> its fault
        self._forced: set[str] = set()
        self._single = {host: Daemon(self.machine(host), "compute") for host in pair}
        self._single["api"] = Daemon(self.control, "api")
        self._parallel = {
            name: [Daemon(self.machine(host), name) for host in control_names]
            for name in ("conductor", "scheduler")
        }
        self.daemons = {
            **self._single,
            **{name: Parallel(each) for name, each in self._parallel.items()},
        }
        self.engines = self._engines(control_names)
        self.watch = GuestWatch(cloud.machines)

    def _engines(self, control_names: Sequence[str]) -> dict[str, Engine]:
        """Neutron and Cinder need the broker of the control node, so another one is killed."""
        engines = {"database": self._control_engines()["database"]}
        brokers = [name for name in control_names[1:] if len(control_names) > 2]
        for unit, names, is_available in (
            (BROKER, brokers, stack_site.is_broker_available),
            (LIBVIRTD, self.hosts, stack_site.is_libvirt_available),
        ):
            for name in names:
                machine = self.machine(name)
                kind = unit.rpartition("-")[2]
                engines[f"{kind} of {name}"] = Engine(
                    machine, unit, lambda at=machine, ask=is_available: ask(at), whom="main"
                )
        engines["OSD"] = Engine(self.control, _OSD, self._is_ceph_available)
        return engines

    def _is_ceph_available(self) -> bool:
        return self.control.succeeds("rbd", "--conf", self._ceph_conf, "ls", "vms")

    @property
    def _ceph_conf(self) -> str:
        return str(self.control.home / "etc" / "ceph" / "ceph.conf")

    @property
    def units(self) -> list[Daemon]:
        parallel = [each for some in self._parallel.values() for each in some]
        return [*self._single.values(), *parallel]

    def variables(self) -> dict[str, str]:
        return {
            **super().variables(),
            "OS_DEFAULT__RECLAIM_INSTANCE_INTERVAL": str(_KEPT_SECONDS),
            "OS_DEFAULT__ALLOW_RESIZE_TO_SAME_HOST": "false",
        }

    def new_server(self, kind: str, name: str, host: str | None) -> dict:
        body = super().new_server(kind, name, host)
        body["server"]["hypervisor_hostname"] = host
        return body

    # -- nodes -----------------------------------------------------------------------------------

    def disturb(self, host: str, verb: str) -> None:
        """Let a node fail: see ``tools/stack node --help``."""
        self._down[host] = verb
        if verb == "crash":
            self.lost_power = True
        _tool("node", verb, host)

    def mend(self, host: str) -> None:
        """End the fault of a node, and wait until its compute is up."""
        verb = self._down.pop(host)
        _tool("node", _MENDED_BY[verb], host)
        if verb == "crash":  # the units have lost what they were equipped with
            units = [self._single[host]]
            units += [each for some in self._parallel.values() for each in some if each.is_on(host)]
            for unit in units:
                unit.equip(self.variables())
            stack_site.restart(units)
        until(f"{host} is up", lambda: self._service(host)["state"] == "up", _UP_SECONDS, 1)

    def take_down(self, host: str) -> None:
        """Cut a node off from power, and say so to the cloud."""
        if host not in self._down:
            self.disturb(host, "crash")
        self._forced.add(host)
        self._set_service(host, {"forced_down": True})

    def bring_back(self) -> None:
        for host in sorted(self._forced):
            self._set_service(host, {"forced_down": False})
        self._forced.clear()
        for host in sorted(self._down):
            self.mend(host)

    def _service(self, host: str) -> dict:
        path = f"/os-services?binary=nova-compute&host={host}"
        return self.admin.get(path)["services"][0]

    def _set_service(self, host: str, change: dict) -> None:
        self.admin.put(f"/os-services/{self._service(host)['id']}", change)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Disable the computes of the other nodes."""
        others = [each for each in self.cloud.computes if each not in self.hosts]
        for host in others:
            self._set_service(host, {"status": "disabled", "disabled_reason": "chaos"})
        try:
            yield
        finally:
            try:
                self.bring_back()
            finally:
                for host in others:
                    self._set_service(host, {"status": "enabled"})

    # -- state -----------------------------------------------------------------------------------

    def violations(self) -> list[str]:
        doubled = sorted(self.watch.doubled - self.cloud.forgiven)
        return [*super().violations(), *doubled]


def _tool(*words: str) -> None:
    outside = ["nsenter", f"--net=/proc/{os.environ[_LAUNCHER]}/ns/net"]
    command = [*outside, sys.executable, str(_TOOL), *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"stack {' '.join(words)}: {done.stdout}{done.stderr}"


@contextlib.contextmanager
def running(pair: Sequence[str]) -> Iterator[NodesSite]:
    """The site of two nodes of the stack that NOVA_MINI_STACK names."""
    stack = _stack()
    machines: list[Machine] = [FarMachine(stack.on(name)) for name in stack.node_names]
    unknown = set(pair) - {each.name for each in machines}
    assert not unknown, f"the stack has no node {', '.join(sorted(unknown))}"
    cloud = Cloud(machines, user="admin")

    def make(cloud: Cloud, proxies: Mapping[str, Proxy]) -> NodesSite:
        return NodesSite(cloud, proxies, pair, stack.control_names)

    with stack_site.running(cloud, make) as site, site.alone(), site.watch.running():
        yield site


def _stack() -> Any:
    """The stack, as its tool knows it."""
    sys.path.insert(0, str(_TOOL.parent))
    from stacklib import choices
    from stacklib.stack import Choices, Stack

    stack = Stack(Choices())
    stack.choices = choices.recall(stack.directory / "choices.json") or Choices()
    return stack
