"""The CPUs of a host that servers may use, by the options of the administrator."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.numa.host import HostTopology


def apply(host: HostTopology) -> HostTopology:
    """``host``: all of its CPUs are shared. Raises ConfigurationError."""
    try:
        return host.with_cpu_sets(CONF.compute.cpu_shared_set, CONF.compute.cpu_dedicated_set)
    except ValueError as exc:
        raise exception.ConfigurationError(internal=f"[compute] {exc}") from exc


def are_named() -> bool:
    """Whether the administrator has named the CPUs of servers: not all CPUs are for all."""
    return bool(CONF.compute.cpu_shared_set or CONF.compute.cpu_dedicated_set)
