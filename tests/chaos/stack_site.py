"""The stack's cloud as a site: real guests, ports, images and volumes. Runs in the stack's node."""

from __future__ import annotations

import contextlib
import pathlib
import re
import shutil
from collections.abc import Iterator, Mapping

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from tests.chaos import tenant
from tests.chaos.cinder_operator import CinderOperator
from tests.chaos.operations import SNAPSHOT
from tests.chaos.proxy import Proxy
from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import node, oracle
from tests.integration.cloud.harness.cloud import Cloud
from tests.integration.cloud.harness.guest import FLAVOR

_HOME = pathlib.Path("/run/nova-mini-chaos")
_DROP_INS = pathlib.Path("/run/systemd/system")
_USER = "nova-mini"
_BACK_SECONDS = 90
_GUESTS_PER_CPU = 16  # idle ones
_GUEST_SECONDS = 10  # timeout of a guest's shutdown: it may not have booted
_BROKER_PORT = 5672
_DELETING = "is deleting"  # part of the oracle's text about a volume
_IMAGE_CACHE = node.INSTANCES / "_base"
# external service -> its type in the catalog
_SERVICES = {"glance": "image", "neutron": "network", "cinder": "block-storage"}
_IMAGE, _OTHER_IMAGE = "mini-qcow2", "mini-raw"
_VOLUME = "chaos"


class _Daemon:
    """A systemd unit of nova_mini, with its own directory for orders of faults."""

    def __init__(self, name: str):
        self._unit = node.unit(name)
        self._name = name
        self._orders = _HOME / name
        self._before = 0
        self.log = node.log(name)

    def equip(self, variables: Mapping[str, str]) -> None:
        self._orders.mkdir(parents=True)
        shutil.chown(self._orders, user=_USER)  # the daemon removes the orders
        variables = {"NOVA_MINI_FAULT_DIR": str(self._orders), **variables}
        self._drop_in("chaos", [f"Environment={name}={text}" for name, text in variables.items()])

    def order(self, name: str, text: str) -> None:
        draft = _HOME / f"{self._name}.order"
        draft.write_text(text)
        draft.rename(self._orders / name)

    def inject_at(self, point: str, order: str, pause: float) -> None:
        self._drop_in("chaos-pause", [f"RestartSec={max(pause, 0.1)}"])
        node.run("systemctl", "daemon-reload")
        # The parent process of the API replaces its workers by itself.
        self._before = 0 if self._name == "api" else node.main_pid(self._unit)
        self.order(point, order)

    def is_injected(self, point: str) -> bool:
        return not (self._orders / point).exists()

    def kill(self) -> None:
        self._before = node.main_pid(self._unit)
        node.kill(self._unit)

    def recover(self, _pause: float = 0) -> None:
        """Wait until systemd has restarted it."""
        if self._before:
            _wait_back(self._unit, self._before)

    def memory(self) -> int:
        """The proportional set size (PSS) of its processes, in MiB."""
        return sum(map(_pss, node.processes(self._unit))) // 1024

    def disarm(self) -> None:
        for order in self._orders.iterdir():
            order.unlink(missing_ok=True)

    def _drop_in(self, name: str, lines: list[str]) -> None:
        directory = _DROP_INS / f"{self._unit}.service.d"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{name}.conf").write_text("\n".join(["[Service]", *lines, ""]))

    def unequip(self) -> None:
        shutil.rmtree(_DROP_INS / f"{self._unit}.service.d", ignore_errors=True)


class _Engine:
    """``is_available()``: whether the engine can be used again."""

    def __init__(self, unit: str, is_available, whom: str = "all"):
        self._unit, self._is_available, self._whom = unit, is_available, whom
        self._before = 0

    def kill(self) -> None:
        self._before = node.main_pid(self._unit)
        node.kill(self._unit, whom=self._whom)

    def recover(self) -> None:
        _wait_back(self._unit, self._before)
        until(f"{self._unit} answers", self._is_available, _BACK_SECONDS, 0.2)


def _wait_back(unit: str, before: int) -> None:
    def is_back() -> bool:
        return node.main_pid(unit) not in (0, before) and node.is_active(unit)

    until(f"{unit} is back", is_back, _BACK_SECONDS, 0.1)


class StackSite:
    pause = 0.3  # seconds between two checks
    timeout = 40  # seconds to wait for the injection point of a fault
    has_parts = True
    ports_at_birth = 1

    def __init__(self, cloud: Cloud, external_services: Mapping[str, Proxy]):
        self.cloud = cloud
        self.user, self.admin = cloud.user, cloud.user
        self.hosts = [node.NAME]
        self.other_image = cloud.image(_OTHER_IMAGE)
        self._image = cloud.image(_IMAGE)
        self._network = cloud.network("private")
        self._cinder = CinderOperator(cloud)
        self.external_services = external_services
        self.daemons = {
            node.NAME if name == "compute" else name: _Daemon(name) for name in node.DAEMONS
        }
        self.engines = {
            "broker": _Engine("nova-mini-stack-rabbitmq", _is_broker_available),
            "database": _Engine("nova-mini-stack-mariadb", self._is_database_available),
            "libvirtd": _Engine("nova-mini-stack-libvirtd", _is_libvirt_available, whom="main"),
        }

    # -- resources of users ----------------------------------------------------------------------

    def new_server(self, kind: str, name: str, _host: str | None) -> dict:
        server = {"name": name, "flavorRef": FLAVOR, "networks": [{"uuid": self._network}]}
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

    def cut_off(self, _host: str) -> None:
        _firewall("--insert")

    def let_back(self, _host: str) -> None:
        _firewall("--delete")

    def fill_disk(self) -> None:
        """Mount a small file system over the image cache. Running guests have their files open."""
        node.run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(_IMAGE_CACHE))

    def empty_disk(self) -> None:
        node.run("umount", "--lazy", str(_IMAGE_CACHE))

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


def _pss(pid: int) -> int:
    """The PSS of a process in KiB; 0 if it has ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])


def _is_broker_available() -> bool:
    return node.succeeds("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{_BROKER_PORT}")


def _is_libvirt_available() -> bool:
    return node.succeeds("virsh", "--connect", "qemu:///system", "--quiet", "version")


def _firewall(change: str) -> None:
    """Insert or delete the rule that drops all packets of the compute service to the broker."""
    group = f"system.slice/system-nova\\x2dmini\\x2dcompute.slice/{node.unit('compute')}.service"
    node.run(
        "iptables",
        "--wait",
        change,
        "OUTPUT",
        "--protocol",
        "tcp",
        "--dport",
        str(_BROKER_PORT),
        "--match",
        "cgroup",
        "--path",
        group,
        "--jump",
        "DROP",
    )


@contextlib.contextmanager
def running() -> Iterator[StackSite]:
    """The site. In the block the daemons obey orders of faults, and use the external services
    through proxies."""
    cloud = Cloud()
    shutil.rmtree(_HOME, ignore_errors=True)
    with contextlib.ExitStack() as stack:
        proxies = {
            name: stack.enter_context(Proxy(_endpoint(cloud, kind)).running())
            for name, kind in _SERVICES.items()
        }
        site = StackSite(cloud, proxies)
        variables = {
            "OS_DEFAULT__DEBUG": "true",
            "OS_DEFAULT__CPU_ALLOCATION_RATIO": str(_GUESTS_PER_CPU),
            "OS_DEFAULT__SHUTDOWN_TIMEOUT": str(_GUEST_SECONDS),
            "OS_LIBVIRT__WAIT_SOFT_REBOOT_SECONDS": str(_GUEST_SECONDS),
            **{f"OS_{name.upper()}__ENDPOINT_OVERRIDE": p.url for name, p in proxies.items()},
        }
        for daemon in site.daemons.values():
            stack.callback(daemon.unequip)
            daemon.equip(variables)
        stack.callback(_restart)
        _restart()
        quotas = f"/os-quota-sets/{cloud.of_user.current_project_id}"
        stack.callback(cloud.admin.request, "DELETE", quotas)
        cloud.admin.put(quotas, {"quota_set": {"instances": 100, "cores": 100}})
        try:
            yield site
        finally:
            for daemon in site.daemons.values():
                daemon.unequip()


def _restart() -> None:
    node.run("systemctl", "daemon-reload")
    node.restart_daemons()


def _endpoint(cloud: Cloud, service_type: str) -> str:
    return cloud.of_admin.endpoint_for(service_type, interface="internal")
