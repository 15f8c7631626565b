"""The connection to libvirtd, and queries about the host.

libvirt-python releases the interpreter lock during a call, and threads may share a connection, so
the process has one connection. When libvirtd dies, the next call raises HypervisorUnavailable (see
:mod:`.errors`) and the call after that makes a new connection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import libvirt
from lxml import etree
from oslo_log import log as logging

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.notifications import notify_about_libvirt_connect_error
from nova_mini.numa.host import HostTopology
from nova_mini.trace import traced
from nova_mini.virt.libvirt import cpu_models, events, guest_cpu, host_numa, stale_starts
from nova_mini.virt.libvirt import firmware as firmwares
from nova_mini.virt.libvirt.config_metadata import is_own_domain
from nova_mini.virt.libvirt.firmware import Firmware
from nova_mini.virt.libvirt.guest import LIBVIRT_POWER_STATE, Guest

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance

LOG = logging.getLogger(__name__)

KEEPALIVE_INTERVAL = 5  # seconds between two probes of a libvirtd that sends nothing
KEEPALIVE_COUNT = 3  # unanswered probes until the connection counts as lost


def _ignore_error(_context, _error) -> None:
    """Replaces libvirt's handler, which prints errors on stderr; they are raised as well."""


def _keep_alive(conn: libvirt.virConnect) -> None:
    """Detect a libvirtd that hangs. A hypervisor inside of this process (libvirt's test driver)
    does not support this."""
    try:
        conn.setKeepAlive(KEEPALIVE_INTERVAL, KEEPALIVE_COUNT)
    except libvirt.libvirtError as exc:
        # None: libvirt clears its thread's last error when a garbage collection frees a domain.
        if exc.get_error_code() not in (libvirt.VIR_ERR_NO_SUPPORT, None):
            raise


@dataclasses.dataclass(frozen=True)
class Capabilities:
    """``guests``: (architecture, [virt types]) that this host can run. ``machines``: the machine
    types for the host's own architecture, ``firmware``: what its guests can have. ``host_uuid``: of
    the machine. ``numa``: its NUMA nodes; all CPUs are shared. ``model_traits``: of each configured
    CPU model, if there are several."""

    arch: str
    cpu: dict
    guests: list[tuple[str, list[str]]]
    machines: frozenset[str]
    firmware: Firmware = Firmware()
    host_uuid: str | None = None
    numa: HostTopology = HostTopology(())
    model_traits: Mapping[str, frozenset[str]] = dataclasses.field(default_factory=dict)

    @classmethod
    def parse_str(cls, xml: str) -> Capabilities:
        root = etree.fromstring(xml)
        cpu = root.find("host/cpu")
        arch = cpu.findtext("arch")
        topology = cpu.find("topology")
        machines = root.iterfind(f"guest/arch[@name='{arch}']//machine")
        return cls(
            arch=arch,
            host_uuid=root.findtext("host/uuid"),
            numa=host_numa.parse(root),
            machines=frozenset(node.text for node in machines),
            cpu={
                "arch": arch,
                "model": cpu.findtext("model") or "unknown",
                "vendor": cpu.findtext("vendor") or "unknown",
                "topology": {
                    name: int(topology.get(name, 1)) for name in ("sockets", "cores", "threads")
                }
                if topology is not None
                else {},
                "features": sorted(node.get("name") for node in cpu.findall("feature")),
            },
            guests=[
                (
                    node.find("arch").get("name"),
                    [domain.get("type") for domain in node.findall("arch/domain")],
                )
                for node in root.findall("guest")
            ],
        )


def _model_traits(conn: libvirt.virConnect, arch: str) -> dict[str, frozenset[str]]:
    names = guest_cpu.models()
    if len(names) < 2:
        return {}
    flags = guest_cpu.extra_flags()
    required = [name for name, policy in flags.items() if policy == "require"]
    disabled = {name for name, policy in flags.items() if policy == "disable"}
    found = {}
    for model in names:
        features = cpu_models.expand(conn, arch, model, required) - disabled
        traits = [trait for name in features for trait in cpu_models.traits_of(name)]
        found[model] = frozenset(traits)
    return found


class Host:
    def __init__(self, uri: str, event_handler: events.EventHandler):
        self._uri = uri
        self._events = event_handler
        self._lock = threading.Lock()
        self._conn: libvirt.virConnect | None = None
        self._failure_is_logged = False

    # -- the connection ----------------------------------------------------------------------

    def initialize(self) -> None:
        """Raises HypervisorUnavailable when libvirtd does not answer."""
        libvirt.registerErrorHandler(_ignore_error, None)
        events.run_event_loop()
        self.get_connection()

    def get_connection(self) -> libvirt.virConnect:
        """The connection; a new one if the last one was lost. Raises HypervisorUnavailable."""
        with self._lock:
            if self._conn is None or not self._conn.isAlive():
                self._conn = self._connect()
            return self._conn

    def _connect(self) -> libvirt.virConnect:
        try:
            conn = libvirt.open(self._uri)
            _keep_alive(conn)
            self._events.register(conn)
        except libvirt.libvirtError as exc:
            if not self._failure_is_logged:
                LOG.error("libvirt at %s: could not connect: %s", self._uri, exc)
                notify_about_libvirt_connect_error(get_admin_context(), exc)
            self._failure_is_logged = True
            raise exception.HypervisorUnavailable(host=CONF.host) from exc
        if stale_starts.remove(self._uri):
            raise exception.HypervisorUnavailable(host=CONF.host)
        self._failure_is_logged = False
        LOG.info("libvirt at %s: connected", self._uri)
        return conn

    def is_available(self) -> bool:
        try:
            self.get_connection().getLibVersion()
        except (libvirt.libvirtError, exception.HypervisorUnavailable):
            return False
        return True

    def device_removal(
        self, uuid: str, alias: str
    ) -> contextlib.AbstractContextManager[events.DeviceWaiter]:
        """See :meth:`.events.EventHandler.device_removal`."""
        return self._events.device_removal(uuid, alias)

    # -- guests ------------------------------------------------------------------------------

    def find_guest(self, instance: Instance) -> Guest | None:
        """Raises HypervisorUnavailable."""
        return self.find_guest_by_uuid(instance.uuid)

    def find_guest_by_uuid(self, uuid: str) -> Guest | None:
        try:
            return Guest(self.get_connection().lookupByUUIDString(uuid))
        except libvirt.libvirtError as exc:
            if exc.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise

    def get_guest(self, instance: Instance) -> Guest:
        """Raises DomainNotFound."""
        guest = self.find_guest(instance)
        if guest is None:
            raise exception.DomainNotFound(instance_id=instance.uuid)
        return guest

    @traced("Host.write_instance_config")
    def write_instance_config(self, xml: str) -> Guest:
        """Define a persistent domain, or change the definition of an existing one."""
        return Guest(self.get_connection().defineXML(xml))

    def list_instance_uuids(self) -> list[str]:
        """Uuids of the domains that this service defined."""
        return [guest.uuid for guest in self.list_guests()]

    def list_guests(self) -> list[Guest]:
        """The domains that this service defined."""
        domains = self.get_connection().listAllDomains(0)
        return [Guest(domain) for domain in domains if is_own_domain(domain)]

    def get_power_states(self) -> dict[str, int]:
        stats = self.get_connection().getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)
        return {
            domain.UUIDString(): LIBVIRT_POWER_STATE[values["state.state"]]
            for domain, values in stats
        }

    # -- the host itself ---------------------------------------------------------------------

    @functools.cached_property
    def capabilities(self) -> Capabilities:
        conn = self.get_connection()
        found = Capabilities.parse_str(conn.getCapabilities())
        firmware = firmwares.of_host(conn, found.arch, CONF.libvirt.virt_type)
        return dataclasses.replace(
            found, firmware=firmware, model_traits=_model_traits(conn, found.arch)
        )

    def get_version(self) -> int:
        """The hypervisor's version: major * 1,000,000 + minor * 1,000 + release."""
        return self.get_connection().getVersion()

    def compare_cpu(self, arch: str, machine: str, virt_type: str, cpu: str) -> int:
        """Compare the CPU of a guest, an element of its definition, with what this host offers.
        Returns a VIR_CPU_COMPARE_* value."""
        conn = self.get_connection()
        return conn.compareHypervisorCPU(None, arch, machine, virt_type, cpu, 0)

    def guest_left(self, uuid: str) -> contextlib.AbstractContextManager[threading.Event]:
        """See :meth:`.events.EventHandler.guest_left`."""
        return self._events.guest_left(uuid)

    def supports_virt_type(self, virt_type: str) -> bool:
        arch = self.capabilities.arch
        return any(name == arch and virt_type in types for name, types in self.capabilities.guests)
