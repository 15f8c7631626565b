"""The connection to libvirtd and what can be asked of the host through it.

libvirt-python lets go of the interpreter during a call, and a connection may be used by many
threads, so one connection serves the whole process. When libvirtd dies the next caller gets
HypervisorUnavailable (see :mod:`.errors`) and the one after it a new connection.
"""

from __future__ import annotations

import dataclasses
import functools
import threading

import libvirt
from lxml import etree
from oslo_log import log as logging

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.trace import traced
from nova_mini.virt.libvirt import events, relics
from nova_mini.virt.libvirt.config import NOVA_NS
from nova_mini.virt.libvirt.guest import LIBVIRT_POWER_STATE, Guest

LOG = logging.getLogger(__name__)

KEEPALIVE_INTERVAL = 5  # seconds between two probes of a silent libvirtd
KEEPALIVE_COUNT = 3  # unanswered probes until the connection counts as lost


def _forget_error(_context, _error) -> None:
    """libvirt prints every error on stderr unless told otherwise; each is an exception as well."""


def _keep_alive(conn: libvirt.virConnect) -> None:
    """Notice a libvirtd that is there but silent. A hypervisor of libvirt's that runs inside of
    this process has no connection to watch."""
    try:
        conn.setKeepAlive(KEEPALIVE_INTERVAL, KEEPALIVE_COUNT)
    except libvirt.libvirtError as exc:
        # None: libvirt forgets its thread's last error when a garbage collection frees a domain.
        if exc.get_error_code() not in (libvirt.VIR_ERR_NO_SUPPORT, None):
            raise


@dataclasses.dataclass(frozen=True)
class Capabilities:
    """``guests``: (architecture, [virt types]) that this host can run; ``machines``: the machine
    types of its own architecture."""

    arch: str
    cpu: dict
    guests: list[tuple[str, list[str]]]
    machines: frozenset[str]

    @classmethod
    def parse_str(cls, xml: str) -> Capabilities:
        root = etree.fromstring(xml)
        cpu = root.find("host/cpu")
        arch = cpu.findtext("arch")
        topology = cpu.find("topology")
        machines = root.iterfind(f"guest/arch[@name='{arch}']//machine")
        return cls(
            arch=arch,
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


class Host:
    def __init__(self, uri: str, event_handler: events.EventHandler):
        self._uri = uri
        self._events = event_handler
        self._lock = threading.Lock()
        self._conn: libvirt.virConnect | None = None
        self._missed = False  # that libvirtd is away has been said

    # -- the connection ----------------------------------------------------------------------

    def initialize(self) -> None:
        """Raises HypervisorUnavailable when libvirtd does not answer."""
        libvirt.registerErrorHandler(_forget_error, None)
        events.run_event_loop()
        self.get_connection()

    def get_connection(self) -> libvirt.virConnect:
        """The living connection, made anew when it has died. Raises HypervisorUnavailable."""
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
            if not self._missed:
                LOG.error("cannot reach libvirt at %s: %s", self._uri, exc)
            self._missed = True
            raise exception.HypervisorUnavailable(host=CONF.host) from exc
        if relics.remove(self._uri):
            raise exception.HypervisorUnavailable(host=CONF.host)
        self._missed = False
        LOG.info("connected to libvirt at %s", self._uri)
        return conn

    def is_available(self) -> bool:
        try:
            self.get_connection().getLibVersion()
        except (libvirt.libvirtError, exception.HypervisorUnavailable):
            return False
        return True

    def device_removal(self, uuid: str, alias: str):
        """See :meth:`.events.EventHandler.device_removal`."""
        return self._events.device_removal(uuid, alias)

    # -- guests ------------------------------------------------------------------------------

    def find_guest(self, instance) -> Guest | None:
        """Raises HypervisorUnavailable."""
        try:
            return Guest(self.get_connection().lookupByUUIDString(instance.uuid))
        except libvirt.libvirtError as exc:
            if exc.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise

    def get_guest(self, instance) -> Guest:
        """Raises DomainNotFound."""
        guest = self.find_guest(instance)
        if guest is None:
            raise exception.DomainNotFound(instance_id=instance.uuid)
        return guest

    @traced
    def write_instance_config(self, xml: str) -> Guest:
        """Define a persistent domain, or change the definition of the one with that uuid."""
        return Guest(self.get_connection().defineXML(xml))

    def list_instance_uuids(self) -> list[str]:
        """Domains that carry our metadata; anyone else's are none of our business."""
        return [guest.uuid for guest in self.list_guests()]

    def list_guests(self) -> list[Guest]:
        """The same, to work with."""
        domains = self.get_connection().listAllDomains(0)
        return [Guest(domain) for domain in domains if _is_ours(domain)]

    def get_power_states(self) -> dict[str, int]:
        stats = self.get_connection().getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)
        return {
            domain.UUIDString(): LIBVIRT_POWER_STATE[values["state.state"]]
            for domain, values in stats
        }

    # -- the host itself ---------------------------------------------------------------------

    @functools.cached_property
    def capabilities(self) -> Capabilities:
        return Capabilities.parse_str(self.get_connection().getCapabilities())

    def get_version(self) -> int:
        """The hypervisor's: major * 1,000,000 + minor * 1,000 + release."""
        return self.get_connection().getVersion()

    def supports_virt_type(self, virt_type: str) -> bool:
        arch = self.capabilities.arch
        return any(name == arch and virt_type in types for name, types in self.capabilities.guests)


def _is_ours(domain: libvirt.virDomain) -> bool:
    try:
        domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, NOVA_NS)
    except libvirt.libvirtError as exc:
        if exc.get_error_code() in (
            libvirt.VIR_ERR_NO_DOMAIN_METADATA,
            libvirt.VIR_ERR_NO_DOMAIN,  # it went away since it was listed
        ):
            return False
        raise
    return True
