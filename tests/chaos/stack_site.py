"""The stack's cloud as a site: real guests, ports, images and volumes. Runs in the stack's node."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from tests.chaos import tenant
from tests.chaos.cinder_operator import CinderOperator
from tests.chaos.operations import SNAPSHOT
from tests.chaos.proxy import Proxy
from tests.chaos.units import Daemon, Engine, Parallel
from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import node, oracle
from tests.integration.cloud.harness.cloud import Cloud
from tests.integration.cloud.harness.guest import FLAVOR
from tests.integration.cloud.harness.machine import Machine

_BACK_SECONDS = 90
_GUESTS_PER_CPU = 16  # idle ones
_GUEST_SECONDS = 10  # timeout of a guest's shutdown: it may not have booted
_BROKER_PORT = 5672
BROKER, LIBVIRTD = "nova-mini-stack-rabbitmq", "nova-mini-stack-libvirtd"
_DELETING = "is deleting"  # part of the oracle's text about a volume
# external service -> its type in the catalog
_SERVICES = {"glance": "image", "neutron": "network", "cinder": "block-storage"}
_IMAGE, _OTHER_IMAGE = "mini-qcow2", "mini-raw"
_VOLUME = "chaos"


class StackSite:
    """``control``: the machine with the engines, whose API is used. ``flavors``: name -> id of two,
    between which servers are resized. ``network``: of the servers."""

    flavors = {"m1.nano": FLAVOR, "m1.tiny": "1"}

    pause = 0.3  # seconds between two checks
    timeout = 40  # seconds to wait for the injection point of a fault
    has_parts = True
    ports_at_birth = 1
    keeps_deleted = False  # for a while, so that a user can restore a server
    lost_power = False  # a node has crashed in this round, with its guests
    recovery_seconds = 60  # in which the cloud must recover after a fault

    def __init__(self, cloud: Cloud, external_services: Mapping[str, Proxy]):
        self.cloud = cloud
        self.control = cloud.machines[0]
        self.user, self.admin = cloud.user, cloud.user
        self.hosts = cloud.computes
        self.other_image = cloud.image(_OTHER_IMAGE)
        self._image = cloud.image(_IMAGE)
        self.network = cloud.network("private")
        self._cinder = CinderOperator(cloud)
        self.external_services = external_services
        self.daemons: dict[str, Daemon | Parallel] = {
            self.control.name if name == "compute" else name: Daemon(self.control, name)
            for name in node.DAEMONS
        }
        self.engines = self._control_engines()

    def _control_engines(self) -> dict[str, Engine]:
        control = self.control
        return {
            "broker": Engine(control, BROKER, lambda: is_broker_available(control)),
            "database": Engine(control, "nova-mini-stack-mariadb", self._is_database_available),
            "libvirtd": Engine(
                control, LIBVIRTD, lambda: is_libvirt_available(control), whom="main"
            ),
        }

    @property
    def units(self) -> list[Daemon]:
        """All daemons of nova_mini."""
        return [each for each in self.daemons.values() if isinstance(each, Daemon)]

    def variables(self) -> dict[str, str]:
        """Of all daemons."""
        proxies = self.external_services.items()
        return {
            "OS_DEFAULT__DEBUG": "true",
            "OS_DEFAULT__CPU_ALLOCATION_RATIO": str(_GUESTS_PER_CPU),
            "OS_DEFAULT__SHUTDOWN_TIMEOUT": str(_GUEST_SECONDS),
            "OS_LIBVIRT__WAIT_SOFT_REBOOT_SECONDS": str(_GUEST_SECONDS),
            **{f"OS_{name.upper()}__ENDPOINT_OVERRIDE": each.url for name, each in proxies},
        }

    # -- resources of users ----------------------------------------------------------------------

    def new_server(self, kind: str, name: str, _host: str | None) -> dict:
        server = {"name": name, "flavorRef": FLAVOR, "networks": [{"uuid": self.network}]}
        if kind == "image":
            return {"server": {**server, "imageRef": self._image}}
        disk = {
            "boot_index": 0,
            "uuid": self.other_image,
            "source_type": "image",
            "destination_type": "volume",
            "volume_size": 1,
            "delete_on_termination": True,
        }
        return {"server": {**server, "block_device_mapping_v2": [disk]}}

    def new_volume(self) -> str:
        return self._cinder.make_volume(_VOLUME, tenant.volume_metadata())

    def volume_status(self, volume_id: str) -> str:
        """Raises AssertionError when Cinder does not answer."""
        try:
            return self.cloud.of_user.block_storage.get_volume(volume_id).status
        except (SDKException, ClientException) as exc:
            raise AssertionError(f"Cinder: {exc}") from exc

    def delete_volume(self, volume_id: str) -> None:
        """Delete it and wait: the next fault must not affect a volume that no server uses."""
        until(
            f"volume {volume_id} is free",
            lambda: self.volume_status(volume_id) == "available",
            _BACK_SECONDS,
            0.3,
        )
        self._cinder.remove(volume_id)

    # -- faults ----------------------------------------------------------------------------------

    def machine(self, host: str) -> Machine:
        return next(each for each in self.cloud.machines if each.name == host)

    def cut_off(self, host: str) -> None:
        _firewall(self.machine(host), "--insert")

    def let_back(self, host: str) -> None:
        _firewall(self.machine(host), "--delete")

    def bring_back(self) -> None:
        """No operation takes the only host."""

    def fill_disk(self) -> None:
        """Mount a small file system over the image cache. Running guests have their files open."""
        cache = str(self.control.instances / "_base")
        self.control.run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", cache)

    def empty_disk(self) -> None:
        self.control.run("umount", "--lazy", str(self.control.instances / "_base"))

    def disarm(self) -> None:
        for daemon in self.daemons.values():
            daemon.disarm()
        for proxy in self.external_services.values():
            proxy.repair()

    # -- state -----------------------------------------------------------------------------------

    def violations(self) -> list[str]:
        found = oracle.violations(self.cloud)
        if any(_DELETING in each for each in found):
            self._cinder.deleting()
        return found

    def memory(self) -> dict[str, int]:
        """MiB of each daemon."""
        return {name: daemon.memory() for name, daemon in self.daemons.items()}

    def clean_up(self) -> None:
        """Delete snapshots and volumes. The lists are read completely before the first deletion,
        because the next page begins after the last item."""
        for image in list(self.cloud.of_user.image.images(name=SNAPSHOT)):
            self.cloud.of_user.image.delete_image(image)
        for volume in list(self.cloud.of_user.block_storage.volumes(name=_VOLUME)):
            self._cinder.remove(volume.id)

    def forgive(self, violations: list[str]) -> None:
        """Ignore these violations from now on, because they were reported."""
        self.cloud.forgiven.update(violations)

    def _is_database_available(self) -> bool:
        try:
            return bool(self.cloud.query("SELECT 1"))
        except Exception:  # of any driver
            return False


def is_broker_available(machine: Machine) -> bool:
    return machine.succeeds("bash", "-c", f"exec 3<>/dev/tcp/{machine.address}/{_BROKER_PORT}")


def is_libvirt_available(machine: Machine) -> bool:
    return machine.succeeds("virsh", "--connect", "qemu:///system", "--quiet", "version")


def _firewall(machine: Machine, change: str) -> None:
    """Insert or delete the rule that drops all packets of the compute service to the brokers."""
    unit = machine.unit("compute")
    rule = ("OUTPUT", "--protocol", "tcp", "--dport", str(_BROKER_PORT))
    group = f"system.slice/system-nova\\x2dmini\\x2dcompute.slice/{unit}.service"
    whose = ("--match", "cgroup", "--path", group, "--jump", "DROP")
    machine.run("iptables", "--wait", change, *rule, *whose)


@contextlib.contextmanager
def running(
    cloud: Cloud | None = None,
    make: Callable[[Cloud, Mapping[str, Proxy]], StackSite] = StackSite,
) -> Iterator[StackSite]:
    """The site. In the block the daemons obey orders of faults, and use the external services
    through proxies."""
    cloud = cloud or Cloud()
    address = cloud.machines[0].address
    with contextlib.ExitStack() as stack:
        proxies = {
            name: stack.enter_context(Proxy(_endpoint(cloud, kind), address).running())
            for name, kind in _SERVICES.items()
        }
        site = make(cloud, proxies)
        stack.callback(restart, site.units)
        for daemon in site.units:
            stack.callback(daemon.unequip)
            daemon.equip(site.variables())
        restart(site.units)
        quotas = f"/os-quota-sets/{cloud.of_user.current_project_id}"
        stack.callback(cloud.admin.request, "DELETE", quotas)
        cloud.admin.put(quotas, {"quota_set": {"instances": 100, "cores": 100}})
        yield site


def restart(daemons: Sequence[Daemon]) -> None:
    """Restart daemons at the same time, and wait until they are ready."""
    with futures.ThreadPoolExecutor(len(daemons)) as pool:
        list(pool.map(Daemon.restart, daemons))


def _endpoint(cloud: Cloud, service_type: str) -> str:
    return cloud.of_admin.endpoint_for(service_type, interface="internal")
